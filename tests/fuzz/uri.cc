// Hosts, URIs and references: parts put together are the whole, and what was made normal or absolute stays so.
#include "core/http/uri.h"

#include "core/base/text.h"
#include "fuzz/fuzz.h"

namespace davenport::fuzz {
namespace {

// Has a percent sign that begins no escape: such text has no normal form.
bool has_stray_percent(std::string_view text) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'f'); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') continue;
    if (text.size() - i < 3 || !hex(text[i + 1]) || !hex(text[i + 2])) return true;
  }
  return false;
}

void check_uri(std::string_view text) {
  const auto parts = http::parse_http_uri(text);
  if (!parts) return;
  std::string whole(parts->scheme);
  whole.append("://").append(parts->authority).append(parts->path);
  whole.append(parts->has_query ? "?" : "").append(parts->query);
  require_equal(whole, std::string(text), "a URI is its parts");
  require(parts->path.empty() || parts->path[0] == '/', "a path begins with a slash");
}

}  // namespace
}  // namespace davenport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace davenport;
  fuzz::Input input(data, size);
  const std::size_t split = input.choice();
  const std::string_view text = input.rest();
  if (const auto parts = http::parse_host_port(text)) {
    fuzz::require(parts->host.size() + parts->port.size() + 1 >= text.size(), "an authority is a host and a port");
    fuzz::require(http::same_authority(*parts, *parts, "http"), "an authority is itself");
  }
  fuzz::check_uri(text);

  std::string normal, again;
  http::append_normalized(normal, text);
  if (!fuzz::has_stray_percent(text)) {
    http::append_normalized(again, normal);
    fuzz::require_equal(again, normal, "a normal spelling is its own");
  }

  const std::string_view base = text.substr(0, split < text.size() ? split : text.size());
  const auto target = http::resolve_reference("http", "a:1", base, text.substr(base.size()));
  if (target && base.find_first_not_of("/abc.?") == std::string_view::npos) {
    fuzz::require(http::parse_http_uri(*target).has_value(), "a resolved reference is an absolute URI");
    const auto same = http::resolve_reference("https", "b", "/x", *target);
    fuzz::require(same.has_value(), "an absolute URI is a reference");
    fuzz::require_equal(*same, *target, "an absolute URI resolves to itself");
    const std::string_view path = http::parse_http_uri(*target)->path;
    fuzz::require(path.find("/../") == std::string_view::npos && path.find("/./") == std::string_view::npos,
                  "no dots are left");
  }
  return 0;
}
