#include "config/values.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <type_traits>

#include "config/forms.h"
#include "config/header_rules.h"
#include "config/reader.h"
#include "config/units.h"

namespace davenport::config {
namespace {

template <class Enum>
struct Choice {
  std::string_view name;
  Enum value;
};

constexpr std::array kBalance{Choice<Balance>{"round_robin", Balance::round_robin},
                              Choice<Balance>{"least_outstanding", Balance::least_outstanding},
                              Choice<Balance>{"consistent_hash", Balance::consistent_hash}};
constexpr std::array kTlsVersion{Choice<TlsVersion>{"1.2", TlsVersion::v1_2}, Choice<TlsVersion>{"1.3", TlsVersion::v1_3}};
constexpr std::array kSetCookie{Choice<SetCookie>{"strip", SetCookie::strip},
                                Choice<SetCookie>{"refuse", SetCookie::refuse},
                                Choice<SetCookie>{"keep", SetCookie::keep}};
constexpr std::array kEviction{Choice<Eviction>{"lru", Eviction::lru}, Choice<Eviction>{"s3_fifo", Eviction::s3_fifo}};
constexpr std::array kLogFormat{Choice<LogFormat>{"off", LogFormat::off},
                                Choice<LogFormat>{"combined", LogFormat::combined},
                                Choice<LogFormat>{"json", LogFormat::json}};
constexpr std::array kLogLevel{Choice<LogLevel>{"debug", LogLevel::debug}, Choice<LogLevel>{"info", LogLevel::info},
                               Choice<LogLevel>{"warning", LogLevel::warning}, Choice<LogLevel>{"error", LogLevel::error}};

constexpr const auto& choices(Balance) { return kBalance; }
constexpr const auto& choices(TlsVersion) { return kTlsVersion; }
constexpr const auto& choices(SetCookie) { return kSetCookie; }
constexpr const auto& choices(Eviction) { return kEviction; }
constexpr const auto& choices(LogFormat) { return kLogFormat; }
constexpr const auto& choices(LogLevel) { return kLogLevel; }

template <class T>
constexpr bool is_duration = std::is_same_v<T, Millis> || std::is_same_v<T, Seconds>;
template <class T>
constexpr bool is_number = std::is_integral_v<T> && !std::is_same_v<T, bool>;

// Rules hold durations in milliseconds and everything else as it is.
template <class T>
std::string bound_text(double bound, Unit unit) {
  const auto whole = static_cast<std::uint64_t>(bound);
  if constexpr (is_duration<T>) return duration_text(Millis(static_cast<std::int64_t>(whole)));
  if constexpr (std::is_same_v<T, double>) return fmt::format("{}", bound);
  return std::is_same_v<T, std::uint64_t> && unit == Unit::bytes ? size_text(whole) : fmt::format("{}", whole);
}

// Reads one value at a time; each overload says what it takes.
class Assigner {
 public:
  Assigner(const Rules& rules, const Value& value, const std::string& setting, Context& context)
      : rules_(rules), value_(value), setting_(setting), context_(context) {}

  void operator()(bool* slot) const {
    if (const bool* boolean = std::get_if<bool>(&value_.data)) *slot = *boolean;
    else wanted("true or false");
  }

  template <class Number>
    requires is_number<Number>
  void operator()(Number* slot) const {
    const bool bytes = std::is_same_v<Number, std::uint64_t> && rules_.unit == Unit::bytes;
    const auto* integer = std::get_if<std::int64_t>(&value_.data);
    std::int64_t number = 0;
    if (integer != nullptr) {
      number = *integer;
    } else if (bytes && value_.string() != nullptr) {
      const auto size = parse_size(*value_.string());
      if (!size) return refuse(size.error().message);
      number = static_cast<std::int64_t>(*size);
    } else {
      return wanted(bytes ? "a size such as \"64KiB\" or 4096" : "a whole number");
    }
    if (within<Number>(static_cast<double>(number))) *slot = static_cast<Number>(number);
  }

  void operator()(double* slot) const {
    const auto* integer = std::get_if<std::int64_t>(&value_.data);
    const auto* number = std::get_if<double>(&value_.data);
    if (integer == nullptr && (number == nullptr || !std::isfinite(*number))) return wanted("a number");
    const double read = integer != nullptr ? static_cast<double>(*integer) : *number;
    if (within<double>(read)) *slot = read;
  }

  template <class Duration>
    requires is_duration<Duration>
  void operator()(Duration* slot) const {
    if (const auto millis = read_duration(value_, std::is_same_v<Duration, Seconds>)) {
      *slot = std::chrono::duration_cast<Duration>(*millis);
    }
  }

  template <class T>
  void operator()(std::optional<T>* slot) const {
    if (value_.string() != nullptr && *value_.string() == kUnset) return slot->reset();
    T read{};
    const std::size_t mistakes = context_.problems.size();
    (*this)(&read);
    if (context_.problems.size() == mistakes) *slot = std::move(read);
  }

  void operator()(std::string* slot) const {
    if (value_.string() == nullptr) return wanted("a text in quotes");
    auto text = check_form(rules_.form, *value_.string());
    if (!text) return refuse(text.error().message);
    *slot = rules_.form == Form::file ? from_directory(*text) : std::move(*text);
  }

  void operator()(Address* slot) const {
    if (value_.string() == nullptr) return wanted("an address such as \"127.0.0.1:8080\"");
    auto address = Address::parse(*value_.string());
    if (!address) return refuse(address.error().message);
    *slot = std::move(*address);
  }

  // "https://name[:port]" beside the plain addresses; 443 where no port stands there.
  void operator()(OriginServer* server) const {
    constexpr std::string_view kHttps = "https://";
    const std::string* const text = value_.string();
    if (text == nullptr || !text->starts_with(kHttps)) return (*this)(&server->address);
    std::string rest = text->substr(kHttps.size());
    if (rest.ends_with('/')) rest.pop_back();
    if (rest.rfind(':') == rest.npos || rest.ends_with(']')) rest += ":443";
    auto address = Address::parse(rest);
    if (!address) return refuse(address.error().message);
    server->address = std::move(*address);
    server->https = true;
  }

  void operator()(std::vector<std::string>* slot) const {
    read_list(slot, "a list of texts", [](const Assigner& element, std::string& text) { element(&text); });
  }

  void operator()(std::vector<Network>* slot) const {
    read_list(slot, "a list of addresses and networks", [](const Assigner& element, Network& network) {
      if (element.value_.string() == nullptr) return element.wanted("a network such as \"10.0.0.0/8\"");
      const auto parsed = Network::parse(*element.value_.string());
      if (!parsed) return element.refuse(parsed.error().message);
      network = *parsed;
    });
  }

  void operator()(std::vector<OriginServer>* slot) const {
    read_list(slot, "a list of addresses", [](const Assigner& element, OriginServer& server) {
      if (element.value_.table() == nullptr) return element(&server);
      read_table<OriginServer>(element.value_, element.setting_, "", server_settings(), server, element.context_);
    });
  }

  void operator()(std::vector<TlsCertificate>* slot) const {
    read_list(slot, "a list of tables with a certificate and a key", [](const Assigner& element, TlsCertificate& certificate) {
      read_table<TlsCertificate>(element.value_, element.setting_, "", certificate_settings(), certificate, element.context_);
    });
  }

  void operator()(std::vector<HeaderLine>* slot) const {
    if (value_.table() == nullptr) return wanted("a table of fields and their values such as { X-Frame-Options = \"DENY\" }");
    std::vector<HeaderLine> read;
    const std::size_t mistakes = context_.problems.size();
    for (const Entry& entry : *value_.table()) {
      const std::string setting = setting_ + "." + key_text(entry.key);
      if (const auto name = check_field_name(rules_.form, entry.key); !name) {
        context_.error(entry.place, setting, name.error().message);
      } else if (entry.value.string() == nullptr) {
        context_.error(entry.value.place, setting, "expected a text in quotes; found " + describe_found(entry.value));
      } else if (const auto text = check_field_value(rules_.form, entry.key, *entry.value.string()); !text) {
        context_.error(entry.value.place, setting, text.error().message);
      }
      if (entry.value.string() != nullptr) read.push_back({entry.key, *entry.value.string()});
    }
    if (context_.problems.size() == mistakes) *slot = std::move(read);
  }

  void operator()(std::map<int, Seconds>* slot) const {
    if (value_.table() == nullptr) return wanted("a table of statuses and durations such as { 404 = \"30s\" }");
    std::map<int, Seconds> read;
    const std::size_t mistakes = context_.problems.size();
    for (const Entry& entry : *value_.table()) {
      const std::string setting = setting_ + "." + key_text(entry.key);
      int status = 0;
      const auto [end, error] = std::from_chars(entry.key.data(), entry.key.data() + entry.key.size(), status);
      const bool whole = error == std::errc{} && end == entry.key.data() + entry.key.size();
      if (!whole || status < 200 || status > 599) {
        context_.error(entry.place, setting, "expected a status of 200 to 599");
        continue;
      }
      Assigner(rules_, entry.value, setting, context_)(&read[status]);
    }
    if (context_.problems.size() == mistakes) *slot = std::move(read);
  }

  void operator()(std::map<std::string, Seconds>* slot) const {
    if (value_.table() == nullptr) return wanted("a table of names and durations such as { \"image/*\" = \"1d\" }");
    std::map<std::string, Seconds> read;
    const std::size_t mistakes = context_.problems.size();
    for (const Entry& entry : *value_.table()) {
      const std::string setting = setting_ + "." + key_text(entry.key);
      const Result<std::string> name = check_form(rules_.form, entry.key);
      if (!name) context_.error(entry.place, setting, name.error().message);
      else Assigner(rules_, entry.value, setting, context_)(&read[*name]);
    }
    if (context_.problems.size() == mistakes) *slot = std::move(read);
  }

  template <class Enum>
    requires std::is_enum_v<Enum>
  void operator()(Enum* slot) const {
    std::vector<std::string> names;
    std::string listed;
    for (const auto& choice : choices(Enum{})) {
      if (value_.string() != nullptr && *value_.string() == choice.name) {
        *slot = choice.value;
        return;
      }
      names.emplace_back(choice.name);
      listed += fmt::format("{}\"{}\"", listed.empty() ? "" : ", ", choice.name);
    }
    const std::string suggestion = value_.string() == nullptr ? "" : nearest(*value_.string(), names);
    context_.error(value_.place, setting_, fmt::format("expected one of {}; found {}", listed, describe_found(value_)),
                   suggestion);
  }

 private:
  void refuse(std::string message) const { context_.error(value_.place, setting_, std::move(message)); }
  void wanted(std::string_view what) const {
    refuse(fmt::format("expected {}; found {}", what, describe_found(value_)));
  }

  // Where the process is started must not matter.
  std::string from_directory(const std::string& path) const {
    if (path.empty() || path.front() == '/' || context_.directory.empty()) return path;
    return std::filesystem::absolute(context_.directory / path).lexically_normal().string();
  }

  template <class T>
  bool within(double number) const {
    if (number >= rules_.low && number <= rules_.high) return true;
    const bool below = number < rules_.low;
    refuse(fmt::format("expected {} {}; found {}", below ? "at least" : "at most",
                       bound_text<T>(below ? rules_.low : rules_.high, rules_.unit), describe_found(value_)));
    return false;
  }

  std::optional<Millis> read_duration(const Value& value, bool whole_seconds) const {
    std::optional<Millis> millis;
    if (const auto* seconds = std::get_if<std::int64_t>(&value.data)) {
      constexpr std::int64_t kHighest = 1'000'000'000'000;   // far above every bound, far below an overflow
      millis = Seconds(std::clamp(*seconds, -kHighest, kHighest));
    } else if (value.string() != nullptr) {
      const auto parsed = parse_duration(*value.string());
      if (!parsed) {
        refuse(parsed.error().message);
        return std::nullopt;
      }
      millis = *parsed;
    } else {
      wanted("a duration such as \"30s\" or 30");
      return std::nullopt;
    }
    if (!within<Millis>(static_cast<double>(millis->count()))) return std::nullopt;
    if (whole_seconds && millis->count() % 1000 != 0) {
      wanted("a whole number of seconds");
      return std::nullopt;
    }
    return millis;
  }

  template <class T, class Read>
  void read_list(std::vector<T>* slot, std::string_view what, Read read_element) const {
    if (value_.array() == nullptr) {
      return value_.string() == nullptr ? wanted(what) : wanted(fmt::format("{}, as [\"{}\"]", what, *value_.string()));
    }
    std::vector<T> read;
    const std::size_t mistakes = context_.problems.size();
    for (const Value& element : *value_.array()) {
      const std::string setting = fmt::format("{}[{}]", setting_, read.size());
      context_.written.emplace(setting, element.place);
      read_element(Assigner(rules_, element, setting, context_), read.emplace_back());
    }
    if (context_.problems.size() == mistakes) *slot = std::move(read);
  }

  const Rules& rules_;
  const Value& value_;
  const std::string& setting_;
  Context& context_;
};

std::string list_text(const std::vector<std::string>& members) {
  return fmt::format("[{}]", fmt::join(members, ", "));
}

// TOML wants a point or an exponent in a number that is no integer; ours reads both.
struct Shower {
  const Rules& rules;
  using Shown = std::optional<std::string>;

  Shown operator()(const bool* slot) const { return *slot ? "true" : "false"; }
  template <class Number>
    requires is_number<Number>
  Shown operator()(const Number* slot) const {
    if (!std::is_same_v<Number, std::uint64_t> || rules.unit != Unit::bytes) return fmt::format("{}", *slot);
    const std::string text = size_text(*slot);
    return text.back() == 'B' ? quote(text) : text;
  }
  Shown operator()(const double* slot) const { return fmt::format("{}", *slot); }
  template <class Duration>
    requires is_duration<Duration>
  Shown operator()(const Duration* slot) const { return quote(duration_text(*slot)); }
  template <class T>
  Shown operator()(const std::optional<T>* slot) const {
    return *slot ? (*this)(&**slot) : std::nullopt;
  }
  Shown operator()(const std::string* slot) const { return quote(*slot); }
  Shown operator()(const Address* slot) const { return quote(slot->text()); }
  Shown operator()(const std::vector<std::string>* slot) const {
    std::vector<std::string> members;
    for (const std::string& text : *slot) members.push_back(quote(text));
    return list_text(members);
  }
  Shown operator()(const std::vector<Network>* slot) const {
    std::vector<std::string> members;
    for (const Network& network : *slot) members.push_back(quote(network.text()));
    return list_text(members);
  }
  Shown operator()(const std::vector<OriginServer>* slot) const {
    std::vector<std::string> members;
    for (const OriginServer& server : *slot) {
      const std::string address = *(*this)(&server);
      members.push_back(server.weight == 1 ? address
                                           : fmt::format("{{ address = {}, weight = {} }}", address, server.weight));
    }
    return list_text(members);
  }
  Shown operator()(const OriginServer* slot) const { return quote((slot->https ? "https://" : "") + slot->address.text()); }
  Shown operator()(const std::vector<TlsCertificate>* slot) const {
    std::vector<std::string> members;
    for (const TlsCertificate& each : *slot) {
      std::string member = fmt::format("{{ certificate = {}, key = {}", quote(each.certificate), quote(each.key));
      if (!each.ocsp.empty()) member += fmt::format(", ocsp = {}", quote(each.ocsp));
      members.push_back(member + " }");
    }
    return list_text(members);
  }
  Shown operator()(const std::vector<HeaderLine>* slot) const {
    std::vector<std::string> members;
    for (const HeaderLine& line : *slot) members.push_back(fmt::format("{} = {}", key_text(line.name), quote(line.value)));
    return members.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(members, ", "));
  }
  Shown operator()(const std::map<int, Seconds>* slot) const {
    std::vector<std::string> members;
    for (const auto& [status, ttl] : *slot) {
      members.push_back(fmt::format("{} = {}", status, quote(duration_text(ttl))));
    }
    return members.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(members, ", "));
  }
  Shown operator()(const std::map<std::string, Seconds>* slot) const {
    std::vector<std::string> members;
    for (const auto& [name, ttl] : *slot) members.push_back(fmt::format("{} = {}", quote(name), quote(duration_text(ttl))));
    return members.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(members, ", "));
  }
  template <class Enum>
    requires std::is_enum_v<Enum>
  Shown operator()(const Enum* slot) const {
    for (const auto& choice : choices(Enum{})) {
      if (choice.value == *slot) return quote(choice.name);
    }
    return std::nullopt;
  }
};

struct TypeName {
  const Rules& rules;

  std::string operator()(const bool*) const { return "true, false"; }
  template <class Number>
    requires is_number<Number>
  std::string operator()(const Number*) const {
    return std::is_same_v<Number, std::uint64_t> && rules.unit == Unit::bytes ? "size" : "whole number";
  }
  std::string operator()(const double*) const { return "number"; }
  template <class Duration>
    requires is_duration<Duration>
  std::string operator()(const Duration*) const {
    return std::is_same_v<Duration, Seconds> ? "duration in whole seconds" : "duration";
  }
  template <class T>
  std::string operator()(const std::optional<T>*) const { return (*this)(static_cast<const T*>(nullptr)); }
  std::string operator()(const std::string*) const { return "text"; }
  std::string operator()(const Address*) const { return "address"; }
  std::string operator()(const OriginServer*) const { return "address"; }
  std::string operator()(const std::vector<std::string>*) const { return "list of texts"; }
  std::string operator()(const std::vector<Network>*) const { return "list of networks"; }
  std::string operator()(const std::vector<OriginServer>*) const { return "list of addresses"; }
  std::string operator()(const std::vector<TlsCertificate>*) const { return "list of tables"; }
  std::string operator()(const std::vector<HeaderLine>*) const { return "table: field = text"; }
  std::string operator()(const std::map<int, Seconds>*) const { return "table: status = duration"; }
  std::string operator()(const std::map<std::string, Seconds>*) const { return "table: name = duration"; }
  template <class Enum>
    requires std::is_enum_v<Enum>
  std::string operator()(const Enum*) const {
    std::string listed;
    for (const auto& choice : choices(Enum{})) {
      listed += fmt::format("{}`\"{}\"`", listed.empty() ? "" : ", ", choice.name);
    }
    return listed;
  }
};

struct BoundsName {
  const Rules& rules;

  template <class T>
  std::string operator()(const T*) const {
    if constexpr (is_number<T> || is_duration<T> || std::is_same_v<T, double>) {
      const bool unbounded = rules.low == 0 && rules.high >= Rules{}.high && std::is_same_v<T, std::uint32_t>;
      if (unbounded) return "";
      return fmt::format("{} to {}", bound_text<T>(rules.low, rules.unit), bound_text<T>(rules.high, rules.unit));
    }
    return "";
  }
  template <class T>
  std::string operator()(const std::optional<T>*) const { return (*this)(static_cast<const T*>(nullptr)); }
  template <class Key>
  std::string operator()(const std::map<Key, Seconds>*) const { return (*this)(static_cast<const Seconds*>(nullptr)); }
};

}  // namespace

void assign(const Slot& slot, const Rules& rules, const Value& value, const std::string& setting, Context& context) {
  std::visit(Assigner(rules, value, setting, context), slot);
}

std::optional<std::string> show(const Slot& slot, const Rules& rules) { return std::visit(Shower{rules}, slot); }

std::string type_text(const Slot& slot, const Rules& rules) {
  return rules.form == Form::secret ? "secret" : std::visit(TypeName{rules}, slot);
}

std::string bounds_text(const Slot& slot, const Rules& rules) { return std::visit(BoundsName{rules}, slot); }

}  // namespace davenport::config
