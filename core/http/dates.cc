// HTTP dates (RFC 9110 §5.6.7): declared in grammar.h.
#include <algorithm>
#include <array>

#include "core/base/text.h"
#include "core/http/grammar.h"

namespace davenport::http {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> kLongDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Takes pieces of a date from its front; the first that does not fit makes it bad for good.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : rest_(text) {}

  void literal(std::string_view text) {                 // any case: "GMT" is a name too
    if (!iequals(rest_.substr(0, text.size()), text)) good_ = false;
    if (good_) rest_.remove_prefix(text.size());
  }
  int digits(std::size_t count) {
    if (rest_.size() < count) good_ = false;
    int number = 0;
    for (std::size_t i = 0; good_ && i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') good_ = false;
      number = number * 10 + (rest_[i] - '0');
    }
    if (good_) rest_.remove_prefix(count);
    return number;
  }
  int padded_day() {                                    // asctime: 2DIGIT / SP DIGIT
    if (!rest_.starts_with(' ')) return digits(2);
    rest_.remove_prefix(1);
    return digits(1);
  }
  template <std::size_t N>
  unsigned name(const std::array<std::string_view, N>& names) {
    for (unsigned i = 0; i < N; ++i) {
      if (iequals(rest_.substr(0, names[i].size()), names[i])) {
        rest_.remove_prefix(names[i].size());
        return i;
      }
    }
    good_ = false;
    return 0;
  }
  Seconds time_of_day() {
    const int hour = digits(2);
    literal(":");
    const int minute = digits(2);
    literal(":");
    const int second = digits(2);
    if (hour > 23 || minute > 59 || second > 60) good_ = false;     // 60: a leap second
    return std::chrono::hours(hour) + std::chrono::minutes(minute) + Seconds(second);
  }
  bool done() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

std::optional<WallSeconds> at(int year, unsigned month, int day, Seconds time) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month + 1),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + time;
}

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<WallSeconds> parse_imf_fixdate(std::string_view text) {
  DateReader reader(text);
  reader.name(kDays);
  reader.literal(", ");
  const int day = reader.digits(2);
  reader.literal(" ");
  const unsigned month = reader.name(kMonths);
  reader.literal(" ");
  const int year = reader.digits(4);
  reader.literal(" ");
  const Seconds time = reader.time_of_day();
  reader.literal(" GMT");
  return reader.done() ? at(year, month, day, time) : std::nullopt;
}

// "Sunday, 06-Nov-94 08:49:37 GMT"
std::optional<WallSeconds> parse_rfc850(std::string_view text, WallSeconds now) {
  DateReader reader(text);
  reader.name(kLongDays);
  reader.literal(", ");
  const int day = reader.digits(2);
  reader.literal("-");
  const unsigned month = reader.name(kMonths);
  reader.literal("-");
  const int short_year = reader.digits(2);
  reader.literal(" ");
  const Seconds time = reader.time_of_day();
  reader.literal(" GMT");
  if (!reader.done()) return std::nullopt;
  // The latest year of these two digits that is not more than 50 years ahead of now.
  const int this_year = static_cast<int>(
      std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(now)).year());
  int year = this_year / 100 * 100 + 100 + short_year;
  while (year > this_year + 50) year -= 100;
  const auto date = at(year, month, day, time);
  // In the year that is exactly 50 ahead, the day decides.
  if (year == this_year + 50 && date) {
    const auto today = std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(now));
    const auto then = today + std::chrono::years(50);
    const auto limit_day = then.ok() ? std::chrono::sys_days(then)
                                     : std::chrono::sys_days(then.year() / then.month() / std::chrono::last);
    if (*date > limit_day + (now - std::chrono::floor<std::chrono::days>(now))) return at(year - 100, month, day, time);
  }
  return date;
}

// "Sun Nov  6 08:49:37 1994"
std::optional<WallSeconds> parse_asctime(std::string_view text) {
  DateReader reader(text);
  reader.name(kDays);
  reader.literal(" ");
  const unsigned month = reader.name(kMonths);
  reader.literal(" ");
  const int day = reader.padded_day();
  reader.literal(" ");
  const Seconds time = reader.time_of_day();
  reader.literal(" ");
  const int year = reader.digits(4);
  return reader.done() ? at(year, month, day, time) : std::nullopt;
}

void append_digits(std::string& out, int number, std::size_t count) {
  char digits[4];
  for (std::size_t i = count; i-- > 0; number /= 10) digits[i] = static_cast<char>('0' + number % 10);
  out.append(digits, count);
}

}  // namespace

std::optional<WallSeconds> parse_http_date(std::string_view text, WallSeconds now) {
  if (text.size() < 24 || text.size() > 33) return std::nullopt;     // asctime; RFC 850 on a Wednesday
  if (text[3] == ',') return parse_imf_fixdate(text);
  if (text[3] == ' ') return parse_asctime(text);
  return parse_rfc850(text, now);
}

void append_http_date(std::string& out, WallSeconds time) {
  // Four digits is all that a date has: what lies outside is the nearest that can be said.
  using namespace std::chrono_literals;
  constexpr WallSeconds kFirst = std::chrono::sys_days(0y / 1 / 1);
  constexpr WallSeconds kLast = std::chrono::sys_days(9999y / 12 / 31) + 24h - 1s;
  time = std::clamp(time, kFirst, kLast);
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(time - days);
  out.append(kDays[std::chrono::weekday(days).c_encoding()]).append(", ");
  append_digits(out, static_cast<int>(static_cast<unsigned>(date.day())), 2);
  out.append(1, ' ').append(kMonths[static_cast<unsigned>(date.month()) - 1]).append(1, ' ');
  append_digits(out, static_cast<int>(date.year()), 4);
  out.append(1, ' ');
  append_digits(out, static_cast<int>(clock.hours().count()), 2);
  out.append(1, ':');
  append_digits(out, static_cast<int>(clock.minutes().count()), 2);
  out.append(1, ':');
  append_digits(out, static_cast<int>(clock.seconds().count()), 2);
  out.append(" GMT");
}

std::string http_date(WallSeconds time) {
  std::string out;
  out.reserve(29);
  append_http_date(out, time);
  return out;
}

}  // namespace davenport::http
