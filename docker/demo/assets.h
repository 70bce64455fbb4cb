// docker/demo/assets.h: files that never change under their name: style, script, banners, icon.
// The name carries the hash of the bytes, so that browsers and caches may keep them for a year (RFC 8246).
// Thread  any (const after construction).
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "docker/demo/catalog.h"
#include "docker/demo/http.h"

namespace demo {

struct Asset {
  Body bytes;
  std::string content_type, etag;
};

class Assets {
 public:
  explicit Assets(const Catalog& catalog);
  const Asset* find(std::string_view path) const;   // "/assets/shop.0123456789abcdef.css"; null: not ours
  const std::string& style() const { return style_; }
  const std::string& script() const { return script_; }
  const std::string& banner(int category) const { return banners_.at(category); }  // 0: the home page's
  const Asset& icon() const { return icon_; }

 private:
  std::string add(std::string_view stem, std::string_view extension, std::string_view type, std::string bytes);

  std::map<std::string, Asset, std::less<>> files_;
  std::map<int, std::string> banners_;
  std::string style_, script_;
  Asset icon_;
};

}  // namespace demo
