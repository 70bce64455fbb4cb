// cache/redis/reply.h: an answer of Redis, seen without hiredis' types. A view: good until its reader suspends.
// Of a peer's shape nothing is assumed: what is not there is `lost`, "" and 0.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

struct redisReply;

namespace davenport::redis {

class Reply {
 public:
  enum class Kind : std::uint8_t { lost /* no reply */, status, error, integer, nil, text, array };

  Reply() = default;
  explicit Reply(const redisReply* reply) : reply_(reply) {}

  Kind kind() const;
  std::string_view text() const;               // of text, status and error; "" for the others
  std::int64_t integer() const;                // of an integer; 0 for the others
  std::size_t size() const;                    // of an array; 0 for the others
  Reply operator[](std::size_t index) const;   // lost where there is none
  bool ok() const { return kind() != Kind::lost && kind() != Kind::error; }

 private:
  const redisReply* reply_ = nullptr;
};

// Replies out of bytes, for tests and fuzzing. False: not one whole reply, or no RESP.
class ParsedReply {
 public:
  explicit ParsedReply(std::string_view resp);
  ~ParsedReply();
  ParsedReply(const ParsedReply&) = delete;
  ParsedReply& operator=(const ParsedReply&) = delete;
  explicit operator bool() const { return reply_ != nullptr; }
  Reply get() const { return Reply(reply_); }

 private:
  redisReply* reply_ = nullptr;
};

}  // namespace davenport::redis
