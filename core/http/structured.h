// core/http/structured.h: structured field values (RFC 9651): what Cache-Status, Proxy-Status and CDN-Cache-Control are
// made of. Parsing is strict: one error makes the whole field invalid, as §4.2 wants it. So do more than 1024 members
// or 256 parameters, which is what §3 wants supported at least.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace davenport::http {

struct SfToken { std::string text; friend bool operator==(const SfToken&, const SfToken&) = default; };
struct SfBytes { std::string bytes; friend bool operator==(const SfBytes&, const SfBytes&) = default; };
struct SfDate { std::int64_t seconds; friend bool operator==(const SfDate&, const SfDate&) = default; };
struct SfDisplay { std::string text; friend bool operator==(const SfDisplay&, const SfDisplay&) = default; };
struct SfDecimal { std::int64_t thousandths; friend bool operator==(const SfDecimal&, const SfDecimal&) = default; };

// Integer, Decimal, String, Token, Byte Sequence, Boolean, Date, Display String.
using SfBare = std::variant<std::int64_t, SfDecimal, std::string, SfToken, SfBytes, bool, SfDate, SfDisplay>;
using SfParameters = std::vector<std::pair<std::string, SfBare>>;

struct SfItem {
  SfBare value;
  SfParameters parameters;
};
struct SfInner {
  std::vector<SfItem> items;
  SfParameters parameters;
};
using SfMember = std::variant<SfItem, SfInner>;
using SfDictionary = std::vector<std::pair<std::string, SfMember>>;   // the last of a repeated key, in place (§4.2.2)
using SfList = std::vector<SfMember>;

std::optional<SfDictionary> parse_sf_dictionary(std::string_view text);
std::optional<SfList> parse_sf_list(std::string_view text);
std::optional<SfItem> parse_sf_item(std::string_view text);

void append_sf_string(std::string& out, std::string_view text);     // quoted and escaped; other bytes become '?'
void append_sf_token_or_string(std::string& out, std::string_view text);

}  // namespace davenport::http
