// cache/warm/sources.h: where the URLs to warm come from: sitemaps (sitemaps.org), JSON product feeds, lists. Pure.
//     Result<Pages> pages = read_pages(bytes, "http://shop.example");        // a sitemap, an index of sitemaps, or a list
//     Result<Pages> products = read_feed(json, "/product/{id}", "http://shop.example");
// Bounds  kMostUrls of one source, kUrlBytes a URL, kDepth elements deep. XML has no DTD here, and no entities but XML's own five and
//         numbers, so that nothing grows.
// Errors  what is malformed is refused whole, with the byte where that shows. A URL that is none is counted and left out.
// Thread  any.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace davenport::warm {

inline constexpr std::size_t kMostUrls = 1'000'000, kUrlBytes = 4'096, kDepth = 16;

struct Pages {
  std::vector<std::string> urls, sitemaps;      // absolute
  std::size_t unusable = 0;                     // what stood for a URL and is none
};

// XML where it begins with "<", else a URL a line; empty lines and those with "#" in front are skipped. `base` ("http://host", or
// "") is what a path starts from.
Result<Pages> read_pages(std::string_view text, std::string_view base);

// `{name}` stands for a member of a product, a text or a number, percent-encoded; as the template's first word it is taken as it
// is ("{url}"). Products are the objects that have all those members, wherever in the document they stand.
Result<Pages> read_feed(std::string_view json, std::string_view url_template, std::string_view base);

// The names in a template; an error where a brace is left open or there is no name.
Result<std::vector<std::string>> names_in(std::string_view url_template);

// An absolute http or https URL without fragment and with bytes that no URL may hold percent-encoded; a path gets `base` in front. ""
// where it is none.
std::string absolute_url(std::string_view text, std::string_view base);

// "http://host:port" of an absolute URL; "" where it is none.
std::string base_of(std::string_view url);

}  // namespace davenport::warm
