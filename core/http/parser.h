// core/http/parser.h: strict HTTP/1.1 heads and chunked bodies out of bytes (RFC 9112). One level of strictness.
//     RequestParser parser(limits);
//     ParseResult r = parser.parse(bytes, head);    // `bytes`: all unread bytes of the connection, from the same start
//     need_more: call again with more bytes behind the same ones. done: r.consumed bytes were the head. error: answer
//     status_of(r.fault), close.
// Cost    linear in the bytes, however they arrive: a parser remembers how far it has looked. A whole head in the first
//         call is parsed in one pass.
// Thread  one. Nothing is allocated but the growth of `head.fields`.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/http/framing.h"
#include "core/http/message.h"
#include "core/http/parse_fault.h"

namespace davenport::http {

struct HeadLimits {
  std::size_t head_bytes = 32 * 1024;     // request line and fields: 431 above (a request), 502 (a response)
  std::size_t field_count = 100;          // 431
  std::size_t target_bytes = 8 * 1024;    // 414
};

// `content` comes from ChunkedDecoder alone: here is a run of content, call again.
enum class ParseState : std::uint8_t { need_more, done, error, content };

struct ParseResult {
  ParseState state = ParseState::need_more;
  std::size_t consumed = 0;    // with done: bytes of the head, its empty line included
  ParseFault fault{};          // with error
};

// Where a head's reader stands between two calls. Lines are parsed once they are complete, so all that is kept is
// where the first unparsed line begins, how far the search for its end has come, and what earlier lines said.
struct HeadProgress {
  const char* base = nullptr;       // of the bytes that the head's views borrow from; null before the first byte
  std::uint32_t line = 0;           // offset of the first line that is not yet parsed
  std::uint32_t looked = 0;         // bytes known to hold no control byte behind `line`; 0: it is tried at once
  std::uint32_t start = 0;          // offset of the start line, behind skipped empty lines
  std::uint8_t empty_lines = 0;     // skipped before a request
  bool in_fields = false;           // the start line is parsed
  ConnectionFacts facts;            // of the lines parsed so far
};

// The caller passes the same `head` until done or error. Its views follow when the bytes have moved between two calls,
// whether or not the caller called head.rebase(). With need_more the head is unfinished: nothing in it may be used.
class RequestParser {
 public:
  explicit RequestParser(const HeadLimits& limits) : limits_(&limits) {}
  ParseResult parse(std::string_view bytes, RequestHead& head);
  void reset() { at_ = {}; }          // before the next message; done by parse() itself after done and error

 private:
  ParseResult advance(std::string_view bytes, RequestHead& head);

  const HeadLimits* limits_;   // borrowed; outlives the parser
  HeadProgress at_;
};

// The request that a response answers decides its framing (RFC 9112 §6.3): HEAD has none, CONNECT never comes here.
class ResponseParser {
 public:
  explicit ResponseParser(const HeadLimits& limits) : limits_(&limits) {}
  ParseResult parse(std::string_view bytes, Method request_method, ResponseHead& head);
  void reset() { at_ = {}; }

 private:
  ParseResult advance(std::string_view bytes, Method request_method, ResponseHead& head);

  const HeadLimits* limits_;
  HeadProgress at_;
};

inline constexpr std::size_t kChunkLineBytes = 512;   // a chunk's size and its extensions, CRLF included

// A chunked body, a piece at a time. feed() looks at `bytes` (all unread ones) and says how many it consumed and which
// run of them is content; call again while it returns ParseState::content, which it does for each run. need_more: call
// again with more bytes behind those that were not consumed; there is no content with it.
//     do { step = decoder.feed(bytes, trailers); use(step.content); bytes.remove_prefix(step.consumed); }
//     while (step.state == ParseState::content);
class ChunkedDecoder {
 public:
  struct Step {
    ParseState state = ParseState::need_more;   // done: the last chunk and the trailer section were consumed
    std::size_t consumed = 0;
    std::string_view content;                   // inside `bytes`; may be empty
    ParseFault fault{};
  };
  explicit ChunkedDecoder(const HeadLimits& limits) : limits_(&limits) {}
  // Trailer fields are copied into `trailers` (bounded by the limits; those that would change the framing or the target
  // are bad_trailer). May consume 0 bytes with need_more; the caller keeps what was not consumed and calls again with
  // more behind it.
  Step feed(std::string_view bytes, Fields& trailers);
  void reset();

 private:
  enum class Phase : std::uint8_t { size_line, content, content_end, trailers, done };
  // Each advances phase_ and returns true, or fills `step` (need_more or error) and returns false.
  bool read_size_line(std::string_view bytes, Step& step);
  bool read_content_end(std::string_view bytes, Step& step);
  bool read_trailers(std::string_view bytes, Fields& trailers, Step& step);

  const HeadLimits* limits_;
  std::uint64_t left_ = 0;        // of the current chunk
  std::size_t looked_ = 0;        // bytes of the current line known to hold no control byte
  std::size_t trailer_bytes_ = 0;
  Phase phase_ = Phase::size_line;
};

}  // namespace davenport::http
