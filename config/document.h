// config/document.h: a TOML text as a tree of values that remember where they stood.
//     Result<Value, Problem> document = parse_document(text);
// The TOML library is known to document.cc alone. It stops at the first syntax error, so there is one at most.
// Shape   the root is a Table; entries stand in the order of the file; keys are unique in a table.
// Bounds  kDocumentBytesMax and kDepthMax: beyond them a Problem, never a deep recursion.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/problem.h"
#include "core/base/result.h"

namespace davenport::config {

constexpr std::size_t kDocumentBytesMax = 4u << 20;
constexpr std::size_t kDepthMax = 64;

struct Entry;
struct Date {};   // TOML has dates and times; no setting wants one

struct Value {
  using Array = std::vector<Value>;
  using Table = std::vector<Entry>;
  std::variant<Date, bool, std::int64_t, double, std::string, Array, Table> data;
  Place place;

  const Table* table() const { return std::get_if<Table>(&data); }
  const Array* array() const { return std::get_if<Array>(&data); }
  const std::string* string() const { return std::get_if<std::string>(&data); }
};

struct Entry {
  std::string key;
  Place place;      // of the key
  Value value;
};

Result<Value, Problem> parse_document(std::string_view text);

std::string quote(std::string_view text);      // a TOML basic string on one line
std::string key_text(std::string_view key);    // bare where TOML allows it, else quoted

// "\"abc\"" (shortened), "42", "a table": for messages that say what was found.
std::string describe_found(const Value& value);

const Value* find(const Value::Table& table, std::string_view key);   // null: not there

}  // namespace davenport::config
