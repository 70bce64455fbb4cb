// core/base/text.h: small things done with bytes that stand nowhere in the standard library.
#pragma once
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace davenport {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// ASCII only: field names, hosts and directive names are compared so (RFC 9110 §5.1, §4.2.3).
constexpr bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

// Optional white space of RFC 9110 §5.6.3: SP and HTAB, nothing else.
constexpr std::string_view trim_ows(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Appends without a locale, a format string or an allocation beyond the target's own.
template <class Integer>
void append_number(std::string& out, Integer number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

std::string lower(std::string_view text);

}  // namespace davenport
