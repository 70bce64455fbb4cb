#include "proxy/observe/access_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "core/base/text.h"
#include "core/base/json_text.h"

namespace davenport::observe {
namespace {

constexpr std::size_t kTargetBytesMax = 2048;
constexpr std::size_t kTextBytesMax = 512;
constexpr std::array<std::string_view AccessRecord::*, kAccessTexts> kTextMembers = {
    &AccessRecord::client,     &AccessRecord::method,  &AccessRecord::target,     &AccessRecord::host,
    &AccessRecord::user_agent, &AccessRecord::referer, &AccessRecord::request_id, &AccessRecord::origin_server};

// What stands in front of the texts.
struct Packed {
  std::int64_t at_ms;
  std::uint64_t bytes_out;
  std::uint32_t duration_us, origin_us;
  std::int32_t age_s, ttl_s;
  std::uint16_t status;
  std::uint8_t http_major, http_minor, has_reason, reason, storing;
  std::array<std::uint16_t, kAccessTexts> sizes;
};
static_assert(std::is_trivially_copyable_v<Packed>);

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

// nginx's way: what could end the quotes or the line is \xHH.
void append_escaped(std::string& out, std::string_view text, bool quoted) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > (quoted ? 0x1f : 0x20) && byte < 0x7f && c != '"' && c != '\\') {
      out += c;
    } else {
      out += "\\x";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    }
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  if (text.empty()) out += '-';
  append_escaped(out, text, true);
  out += '"';
}

void append_word(std::string& out, std::string_view text) {
  if (text.empty()) out += '-';
  append_escaped(out, text, false);
}

void append_version(std::string& out, const AccessRecord& record) {
  append_number(out, int{record.http_major});
  out += '.';
  append_number(out, int{record.http_minor});
}

template <class Number>
void append_pair(std::string& out, std::string_view name, bool known, Number number) {
  out += name;
  if (known) append_number(out, number);
  else out += '-';
}

void append_json_text(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out += name;
  append_json_string(out, text);
}

std::chrono::year_month_day date_of(WallSeconds second) {
  return std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(second)};
}

}  // namespace

PackedSizes measure(const AccessRecord& record) {
  PackedSizes sizes{{}, sizeof(Packed)};
  for (std::size_t i = 0; i < kAccessTexts; ++i) {
    const std::size_t most = kTextMembers[i] == &AccessRecord::target ? kTargetBytesMax : kTextBytesMax;
    sizes.texts[i] = static_cast<std::uint16_t>(std::min((record.*kTextMembers[i]).size(), most));
    sizes.total += sizes.texts[i];
  }
  return sizes;
}

void pack(const AccessRecord& record, const PackedSizes& sizes, std::byte* into) {
  Packed packed{};
  packed.at_ms = record.at.time_since_epoch().count();
  packed.bytes_out = record.bytes_out;
  packed.duration_us = record.duration_us;
  packed.origin_us = record.origin_us;
  packed.age_s = record.age_s;
  packed.ttl_s = record.ttl_s;
  packed.status = record.status;
  packed.http_major = record.http_major;
  packed.http_minor = record.http_minor;
  packed.has_reason = record.has_reason ? 1 : 0;
  packed.reason = static_cast<std::uint8_t>(record.reason);
  packed.storing = static_cast<std::uint8_t>(record.storing);
  packed.sizes = sizes.texts;
  std::byte* text_at = into + sizeof packed;
  for (std::size_t i = 0; i < kAccessTexts; ++i) {
    if (sizes.texts[i] == 0) continue;
    std::memcpy(text_at, (record.*kTextMembers[i]).data(), sizes.texts[i]);
    text_at += sizes.texts[i];
  }
  std::memcpy(into, &packed, sizeof packed);
}

AccessRecord unpack(std::span<const std::byte> bytes) {
  Packed packed;
  std::memcpy(&packed, bytes.data(), sizeof packed);
  AccessRecord record;
  record.at = WallTime(Millis(packed.at_ms));
  record.bytes_out = packed.bytes_out;
  record.duration_us = packed.duration_us;
  record.origin_us = packed.origin_us;
  record.age_s = packed.age_s;
  record.ttl_s = packed.ttl_s;
  record.status = packed.status;
  record.http_major = packed.http_major;
  record.http_minor = packed.http_minor;
  record.has_reason = packed.has_reason != 0;
  record.reason = static_cast<policy::Reason>(packed.reason);
  record.storing = static_cast<policy::Storing>(packed.storing);
  const char* text_at = reinterpret_cast<const char*>(bytes.data()) + sizeof packed;
  for (std::size_t i = 0; i < kAccessTexts; ++i) {
    record.*kTextMembers[i] = {text_at, packed.sizes[i]};
    text_at += packed.sizes[i];
  }
  return record;
}

const std::string& AccessFormatter::second_text(WallSeconds second) {
  if (second == second_) return second_text_;
  second_ = second;
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto date = date_of(second);
  const std::chrono::hh_mm_ss time{second - std::chrono::floor<std::chrono::days>(second)};
  const auto day = static_cast<unsigned>(date.day());
  const auto month = static_cast<unsigned>(date.month());
  const auto year = static_cast<int>(date.year());
  const auto hours = time.hours().count(), minutes = time.minutes().count(), seconds = time.seconds().count();
  second_text_ = format_ == config::LogFormat::json
                     ? fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", year, month, day, hours, minutes, seconds)
                     : fmt::format("{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000", day, kMonths[month - 1], year, hours, minutes,
                                   seconds);
  return second_text_;
}

void AccessFormatter::append(std::string& out, const AccessRecord& record) {
  if (format_ == config::LogFormat::json) append_json(out, record);
  else append_combined(out, record);
}

void AccessFormatter::append_combined(std::string& out, const AccessRecord& record) {
  append_word(out, record.client);
  out += " - - [";
  out += second_text(std::chrono::floor<Seconds>(record.at));
  out += "] \"";
  append_escaped(out, record.method, true);
  out += ' ';
  append_escaped(out, record.target, true);
  out += " HTTP/";
  append_version(out, record);
  out += "\" ";
  append_number(out, record.status);
  out += ' ';
  append_number(out, record.bytes_out);
  out += ' ';
  append_quoted(out, record.referer);
  out += ' ';
  append_quoted(out, record.user_agent);
  out += ' ';
  append_word(out, record.host);
  out += ' ';
  append_word(out, record.request_id);
  out += " reason=";
  out += record.has_reason ? policy::name_of(record.reason).name : std::string_view("-");
  out += " storing=";
  out += record.storing == policy::Storing::not_asked ? std::string_view("-") : policy::name_of(record.storing);
  append_pair(out, " age=", record.age_s >= 0, record.age_s);
  append_pair(out, " ttl=", record.age_s >= 0, record.ttl_s);
  append_pair(out, " time_us=", true, record.duration_us);
  append_pair(out, " origin_us=", record.origin_us > 0, record.origin_us);
  out += " origin=";
  append_word(out, record.origin_server);
  out += '\n';
}

void AccessFormatter::append_json(std::string& out, const AccessRecord& record) {
  const WallSeconds second = std::chrono::floor<Seconds>(record.at);
  out += R"({"time":")";
  out += second_text(second);
  const auto millis = static_cast<int>((record.at - second).count());
  out += '.';
  out += static_cast<char>('0' + millis / 100);
  out += static_cast<char>('0' + millis / 10 % 10);
  out += static_cast<char>('0' + millis % 10);
  out += "Z\"";
  append_json_text(out, R"(,"client":)", record.client);
  append_json_text(out, R"(,"method":)", record.method);
  append_json_text(out, R"(,"host":)", record.host);
  append_json_text(out, R"(,"target":)", record.target);
  out += R"(,"http":")";
  append_version(out, record);
  out += R"(","status":)";
  append_number(out, record.status);
  out += R"(,"bytes":)";
  append_number(out, record.bytes_out);
  append_json_text(out, R"(,"referer":)", record.referer);
  append_json_text(out, R"(,"user_agent":)", record.user_agent);
  append_json_text(out, R"(,"request_id":)", record.request_id);
  if (record.has_reason) append_json_text(out, R"(,"reason":)", policy::name_of(record.reason).name);
  if (record.storing != policy::Storing::not_asked) append_json_text(out, R"(,"storing":)", policy::name_of(record.storing));
  if (record.age_s >= 0) {
    append_pair(out, R"(,"age_s":)", true, record.age_s);
    append_pair(out, R"(,"ttl_s":)", true, record.ttl_s);
  }
  append_pair(out, R"(,"time_us":)", true, record.duration_us);
  if (!record.origin_server.empty()) {
    if (record.origin_us > 0) append_pair(out, R"(,"origin_us":)", true, record.origin_us);
    append_json_text(out, R"(,"origin":)", record.origin_server);
  }
  out += "}\n";
}

}  // namespace davenport::observe
