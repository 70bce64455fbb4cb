#include "cache/redis/reply.h"

#include <hiredis/hiredis.h>

namespace davenport::redis {

Reply::Kind Reply::kind() const {
  if (reply_ == nullptr) return Kind::lost;
  switch (reply_->type) {
    case REDIS_REPLY_STRING: return Kind::text;
    case REDIS_REPLY_ARRAY: return Kind::array;
    case REDIS_REPLY_INTEGER: return Kind::integer;
    case REDIS_REPLY_NIL: return Kind::nil;
    case REDIS_REPLY_STATUS: return Kind::status;
    case REDIS_REPLY_ERROR: return Kind::error;
    default: return Kind::lost;
  }
}

std::string_view Reply::text() const {
  const Kind what = kind();
  const bool has = what == Kind::text || what == Kind::status || what == Kind::error;
  return has ? std::string_view(reply_->str, reply_->len) : std::string_view{};
}

std::int64_t Reply::integer() const { return kind() == Kind::integer ? reply_->integer : 0; }
std::size_t Reply::size() const { return kind() == Kind::array ? reply_->elements : 0; }
Reply Reply::operator[](std::size_t index) const { return index < size() ? Reply(reply_->element[index]) : Reply(); }

ParsedReply::ParsedReply(std::string_view resp) {
  redisReader* const reader = redisReaderCreate();
  void* reply = nullptr;
  if (reader != nullptr && redisReaderFeed(reader, resp.data(), resp.size()) == REDIS_OK &&
      redisReaderGetReply(reader, &reply) == REDIS_OK) {
    reply_ = static_cast<redisReply*>(reply);
  }
  if (reader != nullptr) redisReaderFree(reader);
}

ParsedReply::~ParsedReply() {
  if (reply_ != nullptr) freeReplyObject(reply_);
}

}  // namespace davenport::redis
