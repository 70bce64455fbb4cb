// core/base/json.h: JSON (RFC 8259) in and out, as strict as an order to purge wants it: what is read must be one value of valid
// UTF-8, without repeated names, and not nested deeper than kJsonDepthMax.
//     Result<JsonValue> value = parse_json(body);      // the error says what was expected, and at which byte
//     JsonWriter json;  json.object().member("position", 7).member("soft", false).end();
// Thread  any; pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/result.h"

namespace davenport {

inline constexpr std::size_t kJsonDepthMax = 16;
inline constexpr std::size_t kJsonValuesMax = 2'000'000;    // what stands in two bytes takes some fifty

struct JsonMember;

struct JsonValue {
  using Array = std::vector<JsonValue>;
  using Object = std::vector<JsonMember>;      // in the order of the text; names are unique
  std::variant<std::nullptr_t, bool, double, std::string, Array, Object> data;

  const bool* boolean() const { return std::get_if<bool>(&data); }
  const std::string* string() const { return std::get_if<std::string>(&data); }
  const Array* array() const { return std::get_if<Array>(&data); }
  const Object* object() const { return std::get_if<Object>(&data); }
  std::string_view type() const;               // "a string", for messages
};

struct JsonMember {
  std::string name;
  JsonValue value;
};

Result<JsonValue> parse_json(std::string_view text);

// Puts the commas. No white space but the line end of take().
class JsonWriter {
 public:
  JsonWriter& object() { return open('{', '}'); }
  JsonWriter& object(std::string_view name) { return key(name).object(); }
  JsonWriter& array(std::string_view name) { return key(name).open('[', ']'); }
  JsonWriter& end();

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  template <class Integer, class = std::enable_if_t<std::is_integral_v<Integer>>>
  JsonWriter& value(Integer number) {
    if constexpr (std::is_same_v<Integer, bool>) return raw(number ? "true" : "false");
    else return raw(std::to_string(number));
  }
  JsonWriter& null() { return raw("null"); }
  JsonWriter& key(std::string_view name);
  template <class Value>
  JsonWriter& member(std::string_view name, const Value& of) {
    return key(name).value(of);
  }

  std::string take() { return std::move(out_) + "\n"; }

 private:
  JsonWriter& open(char begin, char end);
  JsonWriter& raw(std::string_view text);
  void begin_value();

  std::string out_;
  std::string closers_;          // what end() will write, innermost last
  bool first_ = true;            // in the innermost object or array
  bool after_key_ = false;
};

}  // namespace davenport
