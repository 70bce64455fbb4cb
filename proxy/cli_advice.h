// proxy/cli_advice.h: what `davenport init` makes of a look at an application: a commented configuration. Says what it saw, decides
// what is safe, and leaves as comments what it did not dare.
// Thread  any; pure.
#pragma once
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "proxy/cli_fetch.h"

namespace davenport::cli {

// One URL of the application, asked three times: twice as a new visitor, and with the cookies that the first visits brought.
struct Sample {
  std::string path;                 // with its query
  bool asset = false;               // a picture, style sheet or script of a page
  Fetched first, second, returning;
};

struct CookieSeen {
  std::string name;
  bool http_only = false;
  bool changes = false;             // a new value for each new visitor
  bool session_like = false;        // by its name, or HttpOnly with a new value for each
  std::vector<std::string> paths;   // that set it
};
std::vector<CookieSeen> cookies_of(const std::vector<Sample>& samples);

// The whole file: `origin` is "host:port".
std::string advised_configuration(const std::string& url, const std::string& origin, const std::vector<Sample>& samples, WallSeconds now);

// The paths of the same host that an HTML page links to or shows, in order, each once; `assets` are what it loads by itself.
struct Links {
  std::vector<std::string> pages, assets;
};
Links links_of(std::string_view html, std::string_view authority, std::string_view path);

}  // namespace davenport::cli
