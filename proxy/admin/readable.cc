#include "proxy/admin/readable.h"

#include <algorithm>
#include <cstring>

#include "cache/policy/key.h"
#include "core/http/serializer.h"

namespace davenport::admin {
namespace {

// Length-prefixed parts in the machine's byte order.
class PartReader {
 public:
  explicit PartReader(std::string_view bytes) : rest_(bytes) {}
  bool at_end() const { return rest_.empty(); }
  bool failed() const { return failed_; }

  template <class Integer>
  Integer number() {
    Integer value{};
    const std::string_view raw = bytes(sizeof value);
    if (!failed_) std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }
  std::string_view bytes(std::size_t count) {
    if (count > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return out;
  }
  // A size one above the real one; 0 is "absent".
  std::optional<std::string> optional_bytes(std::size_t size_and_one) {
    if (size_and_one == 0) return std::nullopt;
    return std::string(bytes(size_and_one - 1));
  }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace

std::string readable_key(std::string_view key) {
  const std::string_view scheme = policy::scheme_of_key(key), resource = policy::resource_of_key(key);
  if (scheme.empty()) return "";
  std::uint16_t port = 0;
  std::memcpy(&port, key.data() + 2, sizeof port);
  const std::size_t host_bytes = std::min(resource.find('/'), resource.size());
  std::string text = std::string(scheme) + "://" + std::string(resource.substr(0, host_bytes));
  if (port != 0) text += ":" + std::to_string(port);
  text += resource.substr(host_bytes);
  PartReader parts(key.substr(static_cast<std::size_t>(resource.data() + resource.size() - key.data())));
  while (!parts.at_end()) {
    const auto kind = parts.number<char>();
    const auto name_bytes = parts.number<std::uint32_t>();
    const auto value_bytes = parts.number<std::uint32_t>();
    const std::string_view name = parts.bytes(name_bytes);
    const std::optional<std::string> value = parts.optional_bytes(value_bytes);
    if (parts.failed()) break;
    text.append(kind == 'c' ? " + cookie " : kind == 'h' ? " + forwarded host" : " + field ").append(name);
    text.append(value ? "=" + *value : " (absent)");
  }
  return text;
}

std::vector<NamedValue> readable_selector(std::string_view selector) {
  std::vector<NamedValue> out;
  PartReader parts(selector);
  while (!parts.at_end()) {
    const std::string_view name = parts.bytes(parts.number<std::uint16_t>());
    std::optional<std::string> value = parts.optional_bytes(parts.number<std::uint32_t>());
    const std::string_view language = parts.bytes(parts.number<std::uint16_t>());
    if (parts.failed()) break;
    if (!language.empty()) value = value.value_or("") + " (Content-Language: " + std::string(language) + ")";
    out.push_back({std::string(name), std::move(value)});
  }
  return out;
}

http::Fields fields_of_head(std::string_view head) {
  http::Fields fields;
  http::read_lines(head, fields);
  return fields;
}

std::string readable_seconds(std::int64_t seconds) {
  struct Unit { std::int64_t seconds; const char* name; };
  constexpr Unit kUnits[] = {{86'400, "d"}, {3'600, "h"}, {60, "min"}, {1, "s"}};
  if (seconds < 0) return "-" + readable_seconds(-seconds);
  std::string text;
  int parts = 0;
  for (const Unit& unit : kUnits) {
    if (seconds < unit.seconds || parts == 2) continue;
    if (!text.empty()) text += ' ';
    text += std::to_string(seconds / unit.seconds) + " " + unit.name;
    seconds %= unit.seconds;
    ++parts;
  }
  return text.empty() ? "0 s" : text;
}

}  // namespace davenport::admin
