// Structured fields (RFC 9651): what was parsed, written by §4.1 and parsed again, is the same.
#include "core/http/structured.h"

#include "fuzz/fuzz.h"

namespace davenport::fuzz {
namespace {

using namespace http;

struct Write {
  std::string& out;

  void operator()(std::int64_t value) { out += std::to_string(value); }
  void operator()(const SfDecimal& value) {
    const std::int64_t size = value.thousandths < 0 ? -value.thousandths : value.thousandths;
    if (value.thousandths < 0) out += '-';
    const std::string part = std::to_string(1000 + size % 1000);
    out += std::to_string(size / 1000) + "." + part.substr(1);
  }
  void operator()(const std::string& value) { append_sf_string(out, value); }
  void operator()(const SfToken& value) {
    const std::size_t before = out.size();
    append_sf_token_or_string(out, value.text);
    require(out.substr(before) == value.text, "a token is written as a token");
  }
  void operator()(const SfBytes& value) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out += ':';
    std::size_t i = 0;
    for (; i < value.bytes.size(); i += 3) {
      unsigned group = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        group = group << 8 | (i + k < value.bytes.size() ? static_cast<unsigned char>(value.bytes[i + k]) : 0u);
      }
      for (std::size_t k = 0; k < 4; ++k) {
        out += i + k > value.bytes.size() ? '=' : kDigits[group >> (18 - 6 * k) & 63];
      }
    }
    out += ':';
  }
  void operator()(bool value) { out += value ? "?1" : "?0"; }
  void operator()(const SfDate& value) { out += "@" + std::to_string(value.seconds); }
  void operator()(const SfDisplay& value) {
    out += "%\"";
    for (const char c : value.text) {
      constexpr std::string_view kHex = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte > 0x7e || c == '%' || c == '"') {
        out += '%';
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
      } else {
        out += c;
      }
    }
    out += '"';
  }
  void operator()(const SfItem& item) {
    std::visit(*this, item.value);
    parameters(item.parameters);
  }
  void operator()(const SfInner& inner) {
    out += '(';
    for (std::size_t i = 0; i < inner.items.size(); ++i) {
      if (i > 0) out += ' ';
      (*this)(inner.items[i]);
    }
    out += ')';
    parameters(inner.parameters);
  }
  void parameters(const SfParameters& all) {
    for (const auto& [key, value] : all) {
      out += ";" + key + "=";
      std::visit(*this, value);
    }
  }
};

std::string text_of(const SfDictionary& dictionary) {
  std::string out;
  for (const auto& [key, member] : dictionary) {
    out += (out.empty() ? "" : ", ") + key + "=";
    std::visit(Write{out}, member);
  }
  return out;
}
std::string text_of(const SfList& list) {
  std::string out;
  for (const SfMember& member : list) {
    if (&member != &list.front()) out += ", ";
    std::visit(Write{out}, member);
  }
  return out;
}
std::string text_of(const SfItem& item) {
  std::string out;
  Write{out}(item);
  return out;
}

template <class Value>
void check(std::optional<Value> (*parse)(std::string_view), std::string_view text) {
  const auto value = parse(text);
  if (!value) return;
  const std::string written = text_of(*value);
  const auto again = parse(written);
  require(again.has_value(), "what is written is read");
  require_equal(text_of(*again), written, "what is written is the same");
}

}  // namespace
}  // namespace davenport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace davenport;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::check(http::parse_sf_dictionary, text);
  fuzz::check(http::parse_sf_list, text);
  fuzz::check(http::parse_sf_item, text);
  std::string string;
  http::append_sf_string(string, text);
  fuzz::require(http::parse_sf_item(string).has_value(), "any text is written as a string");
  return 0;
}
