// cache/warm/sitemap.h: the <loc>s of a sitemap or of an index of sitemaps (sitemaps.org), out of as much XML as that takes.
// Pure; see sources.h for bounds and errors.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace davenport::warm {

struct Sitemap {
  std::vector<std::string> urls, sitemaps;      // as they stand there, entities resolved, to UTF-8
};
Result<Sitemap> read_sitemap(std::string_view xml);

}  // namespace davenport::warm
