#include "core/base/json.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "core/base/json_text.h"

namespace davenport {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<JsonValue> read() {
    JsonValue value;
    skip_space();
    if (!read_value(value, 0)) return fault();
    skip_space();
    if (at_ != text_.size()) {
      expect("nothing behind the value");
      return fault();
    }
    return value;
  }

 private:
  // Each reads what stands at at_ and moves behind it, or notes what it expected and returns false.
  bool read_value(JsonValue& value, std::size_t depth);
  bool read_object(JsonValue::Object& object, std::size_t depth);
  bool read_array(JsonValue::Array& array, std::size_t depth);
  bool read_string(std::string& string);
  bool read_escape(std::string& string);
  bool read_hex4(unsigned& code);
  bool read_number(double& number);

  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() {
    while (at_ < text_.size() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) ++at_;
  }
  bool expect(std::string what) {
    expected_ = std::move(what);
    return false;
  }
  Error fault() const {
    return Error{"the body is no JSON that is accepted here: expected " + expected_ + " at byte " + std::to_string(at_)};
  }

  std::string_view text_;
  std::size_t at_ = 0, values_ = 0;
  std::string expected_;
};

bool Reader::read_value(JsonValue& value, std::size_t depth) {
  if (++values_ > kJsonValuesMax) return expect("fewer values than " + std::to_string(kJsonValuesMax));
  switch (peek()) {
    case '{': return read_object(value.data.emplace<JsonValue::Object>(), depth);
    case '[': return read_array(value.data.emplace<JsonValue::Array>(), depth);
    case '"': return read_string(value.data.emplace<std::string>());
    case 't': value.data = true; return take("true") || expect("true");
    case 'f': value.data = false; return take("false") || expect("false");
    case 'n': value.data = nullptr; return take("null") || expect("null");
    default: return read_number(value.data.emplace<double>());
  }
}

bool Reader::read_object(JsonValue::Object& object, std::size_t depth) {
  if (depth == kJsonDepthMax) return expect("less deep a nesting");
  ++at_;
  skip_space();
  if (take("}")) return true;
  std::unordered_set<std::string> names;
  do {
    skip_space();
    const std::size_t name_at = at_;
    JsonMember& member = object.emplace_back();
    if (peek() != '"') return expect("a name in quotes");
    if (!read_string(member.name)) return false;
    if (!names.insert(member.name).second) {
      at_ = name_at;
      return expect("each name once");
    }
    skip_space();
    if (!take(":")) return expect("':'");
    skip_space();
    if (!read_value(member.value, depth + 1)) return false;
    skip_space();
  } while (take(","));
  return take("}") || expect("',' or '}'");
}

bool Reader::read_array(JsonValue::Array& array, std::size_t depth) {
  if (depth == kJsonDepthMax) return expect("less deep a nesting");
  ++at_;
  skip_space();
  if (take("]")) return true;
  do {
    skip_space();
    if (!read_value(array.emplace_back(), depth + 1)) return false;
    skip_space();
  } while (take(","));
  return take("]") || expect("',' or ']'");
}

bool Reader::read_string(std::string& string) {
  ++at_;
  for (;;) {
    if (at_ == text_.size()) return expect("'\"'");
    if (take("\"")) return true;
    if (peek() == '\\') {
      if (!read_escape(string)) return false;
      continue;
    }
    if (static_cast<unsigned char>(peek()) < 0x20) return expect("control characters to be escaped");
    const std::size_t size = utf8_sequence(text_.substr(at_));
    if (size == 0) return expect("UTF-8");
    string.append(text_.substr(at_, size));
    at_ += size;
  }
}

void append_utf8(std::string& out, unsigned code) {
  const auto add = [&out](unsigned byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xc0 | code >> 6), add(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    add(0xe0 | code >> 12), add(0x80 | (code >> 6 & 0x3f)), add(0x80 | (code & 0x3f));
  } else {
    add(0xf0 | code >> 18), add(0x80 | (code >> 12 & 0x3f)), add(0x80 | (code >> 6 & 0x3f)), add(0x80 | (code & 0x3f));
  }
}

bool Reader::read_hex4(unsigned& code) {
  const std::string_view digits = text_.substr(at_, 4);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  if (digits.size() != 4 || read.ptr != digits.data() + 4) return expect("four hexadecimal digits");
  at_ += 4;
  return true;
}

bool Reader::read_escape(std::string& string) {
  ++at_;
  constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
  if (const std::size_t found = kNames.find(peek()); at_ < text_.size() && found != std::string_view::npos) {
    string += kValues[found];
    ++at_;
    return true;
  }
  if (!take("u")) return expect("an escape of RFC 8259");
  unsigned code = 0;
  if (!read_hex4(code)) return false;
  if (code >= 0xdc00 && code < 0xe000) return expect("the first half of a surrogate pair");
  if (code >= 0xd800 && code < 0xdc00) {
    unsigned second = 0;
    if (!take("\\u")) return expect("the second half of a surrogate pair");
    if (!read_hex4(second)) return false;
    if (second < 0xdc00 || second >= 0xe000) return expect("the second half of a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00);
  }
  append_utf8(string, code);
  return true;
}

// -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
bool Reader::read_number(double& number) {
  const std::size_t start = at_;
  const auto digits = [this] {
    const std::size_t first = at_;
    while (is_digit(peek())) ++at_;
    return at_ > first;
  };
  take("-");
  if (!take("0") && !digits()) {
    at_ = start;
    return expect("a value");
  }
  if (take(".") && !digits()) return expect("a digit");
  if (take("e") || take("E")) {
    if (!take("+")) take("-");
    if (!digits()) return expect("a digit");
  }
  const auto read = std::from_chars(text_.data() + start, text_.data() + at_, number);
  if (read.ec != std::errc{}) return expect("a number of a size that computers know");
  return true;
}

}  // namespace

std::string_view JsonValue::type() const {
  constexpr std::string_view kTypes[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
  return kTypes[data.index()];
}

Result<JsonValue> parse_json(std::string_view text) { return Reader(text).read(); }

void JsonWriter::begin_value() {
  if (std::exchange(after_key_, false) || closers_.empty()) return;
  if (!std::exchange(first_, false)) out_ += ',';
}

JsonWriter& JsonWriter::open(char begin, char end) {
  begin_value();
  out_ += begin;
  closers_ += end;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end() {
  const char closer = closers_.back();
  closers_.pop_back();
  first_ = false;
  out_ += closer;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  begin_value();
  append_json_string(out_, name);
  out_ += ':';
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  begin_value();
  append_json_string(out_, text);
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view text) {
  begin_value();
  out_ += text;
  return *this;
}

}  // namespace davenport
