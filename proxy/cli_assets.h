// proxy/cli_assets.h: what a browser loads for a page by itself: style sheets, scripts, pictures, icons, fonts. Not a browser: no
// script is run, so what scripts load is not found.
// Thread  any; pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace davenport::cli {

// Absolute http and https URLs, in the order of the document, each once. `url`: where the document was found.
std::vector<std::string> assets_of_html(std::string_view html, std::string_view url);
std::vector<std::string> assets_of_css(std::string_view css, std::string_view url);     // url() and @import

}  // namespace davenport::cli
