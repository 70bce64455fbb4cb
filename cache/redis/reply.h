// cache/redis/reply.h: answers of Redis in RESP2, seen without hiredis' types.
//     ReplyEnd end;                                        // incremental: what was looked at is not looked at again
//     if (end.look(received) == ReplyEnd::Found::whole) use(ParsedReply(received.substr(0, end.bytes())).get());
// Reply        a view: good until its reader suspends. Of a peer's shape nothing is assumed: what is not there is `lost`, "" and 0.
// ParsedReply  a single value is seen where it lies in the bytes; of an array hiredis makes a tree.
#pragma once
#include <cstdint>
#include <string_view>

struct redisReply;

namespace davenport::redis {

class Reply {
 public:
  enum class Kind : std::uint8_t { lost /* no reply */, status, error, integer, nil, text, array };

  Reply() = default;
  Reply(Kind kind, std::string_view text, std::int64_t integer = 0) : kind_(kind), text_(text), integer_(integer) {}
  explicit Reply(const redisReply* reply);

  Kind kind() const { return kind_; }
  std::string_view text() const { return text_; }          // of text, status and error; "" for the others
  std::int64_t integer() const { return integer_; }        // of an integer; 0 for the others
  std::size_t size() const;                                // of an array; 0 for the others
  Reply operator[](std::size_t index) const;               // lost where there is none
  bool ok() const { return kind_ != Kind::lost && kind_ != Kind::error; }

 private:
  Kind kind_ = Kind::lost;
  std::string_view text_;
  std::int64_t integer_ = 0;
  const redisReply* array_ = nullptr;
};

// Where the first reply of what was received ends.
class ReplyEnd {
 public:
  static constexpr std::int64_t kMaxElements = 1 << 20;    // of all arrays of a reply together
  static constexpr std::size_t kMaxLine = 64 << 10;
  enum class Found : std::uint8_t { more, whole, broken /* no RESP, or of absurd size */ };

  // `received` begins where the reply does; at each call it has grown. Not after `whole` or `broken`.
  Found look(std::string_view received);
  std::size_t bytes() const { return at_; }                // of the whole reply
  std::size_t wanted() const { return wanted_; }           // with fewer bytes than so many there is no use in looking again

 private:
  Found look_at_text(std::string_view received, std::size_t begin, std::int64_t size);
  std::size_t at_ = 0, wanted_ = 0;
  std::int64_t left_ = 1, elements_ = 0;                   // elements that still have to come; seen in arrays
};

// False: not one whole reply, or none at all. The bytes must outlive it.
class ParsedReply {
 public:
  explicit ParsedReply(std::string_view resp);
  ~ParsedReply();
  ParsedReply(const ParsedReply&) = delete;
  ParsedReply& operator=(const ParsedReply&) = delete;
  explicit operator bool() const { return reply_.kind() != Reply::Kind::lost; }
  Reply get() const { return reply_; }

 private:
  Reply reply_;
  redisReply* tree_ = nullptr;
};

}  // namespace davenport::redis
