// core/http/http2_head.h: a request's head out of HTTP/2 (RFC 9113 §8, RFC 8441), made into what the HTTP/1.1 parser gives, by the same
// grammar: what is refused there in a target, a name, a value or a host is refused here, before any byte goes on.
//     Http2Head reader(limits);
//     reader.add(":method", "GET"); …                        // every line of the block, in its order; views may go afterwards
//     if (auto fault = reader.finish(end_stream, head)) …    // the first thing that was wrong
// Result  one Host field, which is the target's authority; cookie crumbs as one Cookie field (§8.2.3); no pseudo-field. A CONNECT to
//         websocket becomes a GET that wants an upgrade; `head.scheme` is what :scheme said.
// Owner   `head` borrows from bytes(), which live until clear().
// Thread  one.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/message.h"
#include "core/http/parser.h"

namespace davenport::http {

class Http2Head {
 public:
  explicit Http2Head(const HeadLimits& limits) : limits_(&limits) {}
  void clear();
  void use(const HeadLimits& limits) { limits_ = &limits; }      // from the next head on
  void add(std::string_view name, std::string_view value);
  std::optional<ParseFault> finish(bool end_stream, RequestHead& head);
  std::string_view bytes() const { return bytes_; }
  // All that was added, also behind a fault: what a client may have us decode for nothing has a bound of its own.
  std::size_t seen_bytes() const { return seen_bytes_; }

 private:
  enum Pseudo : std::uint8_t { kMethod, kScheme, kAuthority, kPath, kProtocol, kPseudoCount };
  struct Text {
    std::uint32_t at = 0, size = 0;
  };
  struct Line {
    Text name, value;
    FieldId id = FieldId::other;
  };
  std::optional<ParseFault> add_pseudo(std::string_view name, std::string_view value);
  std::optional<ParseFault> add_field(std::string_view name, std::string_view value);
  std::optional<ParseFault> finish_target(RequestHead& head);
  std::optional<ParseFault> finish_connect(RequestHead& head);
  void join_cookies();
  Text keep(std::string_view text);
  std::string_view view(Text text) const { return std::string_view(bytes_).substr(text.at, text.size); }
  bool has(Pseudo pseudo) const { return (present_ & (1u << pseudo)) != 0; }
  std::string_view get(Pseudo pseudo) const { return has(pseudo) ? view(pseudo_[pseudo]) : std::string_view{}; }

  const HeadLimits* limits_;
  std::string bytes_;
  std::vector<Line> lines_;
  Text pseudo_[kPseudoCount];
  std::optional<ParseFault> fault_;
  std::size_t seen_bytes_ = 0;
  std::uint32_t cookies_ = 0;
  std::uint8_t present_ = 0;      // a bit for each Pseudo
  bool has_host_ = false, has_length_ = false;
  std::uint64_t length_ = 0;
};

// A line of a request's trailers (RFC 9113 §8.1), by the rules of HTTP/1.1's.
std::optional<ParseFault> check_http2_trailer(std::string_view name, std::string_view value);

// An answer's head as HTTP/1.1 writes it ("HTTP/1.1 200 OK", fields, an empty line) for HTTP/2: `lines` are its fields without those
// that concern a connection (§8.2.2), views into `head`, names as they stand there. The status.
int read_answer_head(std::string_view head, std::vector<Field>& lines);
// Does this field concern the connection alone?
bool is_connection_field(FieldId id);

// RFC 9218 §4: how soon an answer is wanted, and whether it is of use piece by piece.
struct Priority {
  std::uint8_t urgency = 3;       // 0: the soonest; 7: the last
  bool incremental = false;
};
// Of a Priority field. What is missing or out of bounds is as in `otherwise`; what is no dictionary says nothing.
Priority read_priority(std::string_view field, Priority otherwise);

}  // namespace davenport::http
