#include "cache/redis/log_script.h"

#include <charconv>

namespace davenport::redis {
namespace {

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

// "7-0"
bool read_id(std::string_view text, std::uint64_t& position) {
  return text.ends_with("-0") && read_number(text.substr(0, text.size() - 2), position) && position != 0;
}

bool read_entry(const Reply& reply, purge::LogEntry& entry) {
  if (reply.size() != 2 || !read_id(reply[0].text(), entry.pid.position)) return false;
  const Reply fields = reply[1];
  bool has_nonce = false;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string_view name = fields[i].text(), value = fields[i + 1].text();
    if (name == "n") has_nonce = read_number(value, entry.pid.nonce);
    if (name == "i") entry.id = value;
    if (name == "p") entry.payload = value;
  }
  return has_nonce;
}

Error malformed(std::string_view what) { return Error{"purge log: " + std::string(what) + " is malformed"}; }

}  // namespace

LogKeys::LogKeys(std::string_view prefix)
    : stream(std::string(prefix) + "{purge-log}:entries"),
      beats(std::string(prefix) + "{purge-log}:instances"),
      ids(std::string(prefix) + "{purge-log}:ids") {}

// A node's epoch is compared by who reads it: after a failover the new master's is higher than the old one's.
#define DAVENPORT_EPOCH \
  "local epoch = 0\n"   \
  "if cluster == '1' then epoch = tonumber(string.match(redis.call('CLUSTER', 'INFO'), 'cluster_my_epoch:(%d+)')) end\n"
#define DAVENPORT_NOW "local time = redis.call('TIME')\nlocal now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))\n"

// Where memory is full a script's first write may only take something away; after it nothing of the script is refused. So purges and
// heartbeats go through when Redis takes no answers to store any more; the log's size is bounded below.
#define DAVENPORT_BEGIN_WRITING(key) "redis.call('HDEL', " key ", '')\n"

const std::string_view kPollScript =
    "local cluster = ARGV[5]\n" DAVENPORT_EPOCH DAVENPORT_NOW
    "if ARGV[2] ~= '' then\n" DAVENPORT_BEGIN_WRITING("KEYS[2]")
    "  redis.call('HSET', KEYS[2], ARGV[1], now .. ' ' .. ARGV[2])\n"
    "end\n"
    "local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)\n"
    "if #first == 0 then return {epoch, '', '', ''} end\n"
    "local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)\n"
    "local nonce = ''\n"
    "for i = 1, #last[1][2], 2 do if last[1][2][i] == 'n' then nonce = last[1][2][i + 1] end end\n"
    "local out = {epoch, first[1][1], last[1][1], nonce}\n"
    "local at, bytes = ARGV[3], 0\n"
    "for _ = 1, tonumber(ARGV[4]) do\n"
    "  local entry = redis.call('XRANGE', KEYS[1], at, '+', 'COUNT', 1)[1]\n"
    "  if not entry then break end\n"
    "  local fields = {}\n"
    "  for i = 1, #entry[2], 2 do\n"
    // The asker's own last entry, which each poll asks for, is known but for its nonce.
    "    if entry[1] ~= ARGV[3] .. '-0' or entry[2][i] == 'n' then\n"
    "      fields[#fields + 1], fields[#fields + 2] = entry[2][i], entry[2][i + 1]\n"
    "      bytes = bytes + #entry[2][i + 1]\n"
    "    end\n"
    "  end\n"
    "  out[#out + 1] = {entry[1], fields}\n"
    "  if bytes > 4194304 then break end\n"
    "  at = string.format('%.0f', tonumber(string.match(entry[1], '^(%d+)')) + 1)\n"
    "end\n"
    "return out\n";

const std::string_view kAppendScript =
    "local cluster = ARGV[5]\n" DAVENPORT_EPOCH DAVENPORT_NOW DAVENPORT_BEGIN_WRITING("KEYS[3]")
    "local known = redis.call('HGET', KEYS[3], 'i' .. ARGV[1])\n"
    "if known then\n"
    "  redis.call('HINCRBY', KEYS[3], 'touched', 1)\n"
    "  local position, nonce = string.match(known, '^(%d+) (%d+)$')\n"
    "  return {epoch, position, nonce}\n"
    "end\n"
    "local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)\n"
    "local position = 1\n"
    "if #last > 0 then position = tonumber(string.match(last[1][1], '^(%d+)')) + 1 end\n"
    "position = string.format('%.0f', position)\n"
    // The last entry stays: everybody's place is told by it.
    "local bytes, entries = tonumber(redis.call('HGET', KEYS[3], 'bytes') or '0'), redis.call('XLEN', KEYS[1])\n"
    "while entries > 1 and (entries >= tonumber(ARGV[4]) or bytes + #ARGV[3] > tonumber(ARGV[7])) do\n"
    "  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]\n"
    "  for i = 1, #oldest[2], 2 do\n"
    "    if oldest[2][i] == 'i' then redis.call('HDEL', KEYS[3], 'i' .. oldest[2][i + 1]) end\n"
    "    if oldest[2][i] == 'p' then bytes = bytes - #oldest[2][i + 1] end\n"
    "  end\n"
    "  redis.call('XDEL', KEYS[1], oldest[1])\n"
    "  entries = entries - 1\n"
    "end\n"
    "redis.call('XADD', KEYS[1], position .. '-0', 'n', ARGV[2], 'i', ARGV[1], 'p', ARGV[3])\n"
    "redis.call('HSET', KEYS[3], 'i' .. ARGV[1], position .. ' ' .. ARGV[2], 'bytes', string.format('%.0f', math.max(bytes, 0) + #ARGV[3]))\n"
    "local beats = redis.call('HGETALL', KEYS[2])\n"
    "for i = 1, #beats, 2 do\n"
    "  local at = tonumber(string.match(beats[i + 1], '^(%d+)'))\n"
    "  if not at or tonumber(now) - at > tonumber(ARGV[6]) then redis.call('HDEL', KEYS[2], beats[i]) end\n"
    "end\n"
    "return {epoch, position, ARGV[2]}\n";

const std::string_view kFleetScript =
    DAVENPORT_NOW
    "local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)\n"
    "local out = {now, #last > 0 and last[1][1] or ''}\n"
    "for _, each in ipairs(redis.call('HGETALL', KEYS[2])) do out[#out + 1] = each end\n"
    "return out\n";

Result<purge::LogPage> read_page(const Reply& reply, std::uint64_t asked_from) {
  if (reply.size() < 4 || reply[0].kind() != Reply::Kind::integer || reply[0].integer() < 0) return malformed("a page");
  purge::LogPage page;
  page.epoch = static_cast<std::uint64_t>(reply[0].integer());
  page.asked_from = asked_from;
  if (reply[1].text().empty()) return page;
  if (!read_id(reply[1].text(), page.first) || !read_id(reply[2].text(), page.head.position) || !read_number(reply[3].text(), page.head.nonce)) {
    return malformed("a page's head");
  }
  for (std::size_t i = 4; i < reply.size(); ++i) {
    purge::LogEntry entry;
    if (!read_entry(reply[i], entry)) return malformed("an entry");
    page.entries.push_back(std::move(entry));
  }
  return page;
}

Result<Appended> read_appended(const Reply& reply) {
  Appended out;
  const bool good = reply.size() == 3 && reply[0].kind() == Reply::Kind::integer && reply[0].integer() >= 0 &&
                    read_number(reply[1].text(), out.pid.position) && read_number(reply[2].text(), out.pid.nonce);
  if (!good) return malformed("an append's answer");
  out.epoch = static_cast<std::uint64_t>(reply[0].integer());
  return out;
}

Result<FleetPage> read_fleet(const Reply& reply) {
  FleetPage page;
  if (reply.size() < 2 || !read_number(reply[0].text(), page.now_ms)) return malformed("the list of instances");
  if (!reply[1].text().empty() && !read_id(reply[1].text(), page.head)) return malformed("the list of instances");
  for (std::size_t i = 2; i + 1 < reply.size(); i += 2) {
    Beat beat;
    beat.instance = reply[i].text();
    const std::string_view text = reply[i + 1].text();
    const std::size_t a = text.find(' '), b = text.rfind(' ');
    if (a == std::string_view::npos || a == b) continue;      // of another version
    const bool good = read_number(text.substr(0, a), beat.at_ms) && read_number(text.substr(a + 1, b - a - 1), beat.at.position) &&
                      read_number(text.substr(b + 1), beat.at.nonce);
    if (good) page.beats.push_back(std::move(beat));
  }
  return page;
}

}  // namespace davenport::redis
