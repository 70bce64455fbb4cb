#include "cache/redis/popular.h"

#include <charconv>
#include <cmath>

namespace davenport::redis {
namespace {

#define DAVENPORT_NOW "local time = redis.call('TIME')\nlocal now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))\n"

// KEYS hash; ARGV instance, list, milliseconds to keep it, most instances.
constexpr std::string_view kPublishScript =
    DAVENPORT_NOW
    "redis.call('HSET', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2])\n"
    "redis.call('PEXPIRE', KEYS[1], ARGV[3])\n"
    "while redis.call('HLEN', KEYS[1]) > tonumber(ARGV[4]) do\n"
    "  local oldest, at\n"
    "  local all = redis.call('HGETALL', KEYS[1])\n"
    "  for i = 1, #all, 2 do\n"
    "    local then_ = tonumber(string.match(all[i + 1], '^(%d+)') or '0')\n"
    "    if not at or then_ < at then oldest, at = all[i], then_ end\n"
    "  end\n"
    "  redis.call('HDEL', KEYS[1], oldest)\n"
    "end\n"
    "return 1\n";

// KEYS hash; gives [now in ms, instance, value …].
constexpr std::string_view kReadScript =
    DAVENPORT_NOW
    "local out = {now}\n"
    "for _, each in ipairs(redis.call('HGETALL', KEYS[1])) do out[#out + 1] = each end\n"
    "return out\n";

bool read_number(std::string_view text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

net::Task<bool> PopularLists::publish(std::string instance, std::vector<warm::Popular> list, SteadyTime deadline) {
  const std::string bytes = warm::encode_popular(list);
  const std::string kept = std::to_string(std::chrono::duration_cast<Millis>(kKept).count()), most = std::to_string(kMostInstances);
  const std::string_view words[] = {"EVAL", kPublishScript, "1", key_, instance, bytes, kept, most};
  const Answer answer = co_await client_.ask({words, key_}, deadline);
  co_return answer.ok();
}

net::Task<std::vector<warm::Popular>> PopularLists::read(std::size_t most, SteadyTime deadline) {
  const std::string_view words[] = {"EVAL", kReadScript, "1", key_};
  const Answer answer = co_await client_.ask({words, key_}, deadline);
  std::vector<std::vector<warm::Popular>> lists;
  std::int64_t now = 0;
  if (!answer.ok() || !read_number(answer.reply[0].text(), now)) co_return std::vector<warm::Popular>{};
  for (std::size_t i = 2; i < answer.reply.size(); i += 2) {
    const std::string_view value = answer.reply[i].text();
    const std::size_t space = value.find(' ');
    std::int64_t at = 0;
    if (space == value.npos || !read_number(value.substr(0, space), at)) continue;
    std::vector<warm::Popular> list = warm::decode_popular(value.substr(space + 1));
    const double half_lives = static_cast<double>(std::max<std::int64_t>(0, now - at)) / 1e3 / static_cast<double>(kHalfLife.count());
    for (warm::Popular& each : list) each.weight *= std::exp2(-half_lives);
    lists.push_back(std::move(list));
  }
  co_return warm::merged(lists, most);
}

}  // namespace davenport::redis
