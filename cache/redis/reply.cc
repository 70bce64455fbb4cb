#include "cache/redis/reply.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <charconv>

namespace davenport::redis {
namespace {

bool read_number(std::string_view text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

Reply::Kind kind_of(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_STRING: return Reply::Kind::text;
    case REDIS_REPLY_ARRAY: return Reply::Kind::array;
    case REDIS_REPLY_INTEGER: return Reply::Kind::integer;
    case REDIS_REPLY_NIL: return Reply::Kind::nil;
    case REDIS_REPLY_STATUS: return Reply::Kind::status;
    case REDIS_REPLY_ERROR: return Reply::Kind::error;
    default: return Reply::Kind::lost;
  }
}

redisReply* tree_of(std::string_view resp) {
  redisReader* const reader = redisReaderCreate();
  void* reply = nullptr;
  if (reader != nullptr) {
    const bool fed = redisReaderFeed(reader, resp.data(), resp.size()) == REDIS_OK;
    if (!fed || redisReaderGetReply(reader, &reply) != REDIS_OK) reply = nullptr;
    redisReaderFree(reader);
  }
  return static_cast<redisReply*>(reply);
}

}  // namespace

Reply::Reply(const redisReply* reply) {
  if (reply == nullptr) return;
  kind_ = kind_of(*reply);
  if (kind_ == Kind::text || kind_ == Kind::status || kind_ == Kind::error) text_ = std::string_view(reply->str, reply->len);
  if (kind_ == Kind::integer) integer_ = reply->integer;
  if (kind_ == Kind::array) array_ = reply;
}

std::size_t Reply::size() const { return array_ == nullptr ? 0 : array_->elements; }
Reply Reply::operator[](std::size_t index) const { return index < size() ? Reply(array_->element[index]) : Reply(); }

ReplyEnd::Found ReplyEnd::look_at_text(std::string_view received, std::size_t begin, std::int64_t size) {
  if (size < 0) {                                  // nil
    at_ = begin;
    return Found::whole;
  }
  constexpr std::int64_t kMost = std::int64_t{512} << 20;   // of Redis' own strings
  if (size > kMost) return Found::broken;
  const std::size_t end = begin + static_cast<std::size_t>(size);
  if (received.size() < end + 2) {
    wanted_ = end + 2;
    return Found::more;
  }
  if (received[end] != '\r' || received[end + 1] != '\n') return Found::broken;
  at_ = end + 2;
  return Found::whole;
}

ReplyEnd::Found ReplyEnd::look(std::string_view received) {
  if (received.size() < wanted_) return Found::more;
  for (; left_ > 0; --left_) {
    const std::size_t end = received.find("\r\n", at_);
    if (end == std::string_view::npos) return received.size() - at_ > kMaxLine ? Found::broken : Found::more;
    const char type = received[at_];
    const std::string_view rest = received.substr(at_ + 1, end - at_ - 1);
    std::int64_t number = 0;
    switch (type) {
      case '+':
      case '-': at_ = end + 2; break;
      case ':':
        if (!read_number(rest, number)) return Found::broken;
        at_ = end + 2;
        break;
      case '$': {
        if (!read_number(rest, number) || number < -1) return Found::broken;
        const Found found = look_at_text(received, end + 2, number);
        if (found != Found::whole) return found;
        break;
      }
      case '*':
        if (!read_number(rest, number) || number < -1) return Found::broken;
        elements_ += std::max<std::int64_t>(number, 0);
        if (elements_ > kMaxElements) return Found::broken;
        left_ += std::max<std::int64_t>(number, 0);
        at_ = end + 2;
        break;
      default: return Found::broken;
    }
  }
  return Found::whole;
}

ParsedReply::ParsedReply(std::string_view resp) {
  ReplyEnd end;
  if (end.look(resp) != ReplyEnd::Found::whole || end.bytes() != resp.size()) return;
  const std::size_t line = resp.find("\r\n");
  const std::string_view rest = resp.substr(1, line - 1);
  std::int64_t number = 0;
  switch (resp.front()) {
    case '+': reply_ = Reply(Reply::Kind::status, rest); break;
    case '-': reply_ = Reply(Reply::Kind::error, rest); break;
    case ':':
      if (read_number(rest, number)) reply_ = Reply(Reply::Kind::integer, {}, number);
      break;
    case '$':
      if (rest == "-1") reply_ = Reply(Reply::Kind::nil, {});
      else reply_ = Reply(Reply::Kind::text, resp.substr(line + 2, resp.size() - line - 4));
      break;
    default:
      tree_ = tree_of(resp);
      reply_ = Reply(tree_);
  }
}

ParsedReply::~ParsedReply() {
  if (tree_ != nullptr) freeReplyObject(tree_);
}

}  // namespace davenport::redis
