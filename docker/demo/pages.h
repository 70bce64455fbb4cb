// docker/demo/pages.h: the shop's pages as HTML. PURE: all that a page shows is passed in; any thread.
// What belongs to one visitor (basket, name) is only in basket() and account(): the others are shared by all.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "docker/demo/assets.h"
#include "docker/demo/catalog.h"
#include "docker/demo/sessions.h"

namespace demo {

// What the footer says of the making of a page.
struct Making {
  std::string clock;                               // "10:22:31.456"
  long milliseconds = 0;
  unsigned queries = 0;
};

class Pages {
 public:
  Pages(const Catalog& catalog, const Assets& assets) : catalog_(catalog), assets_(assets) {}

  std::string home(const std::vector<const Product*>& featured, const Making& making) const;
  std::string category(const Category& category, int page, const Making& making) const;  // page from 1
  std::string product(const Product& product, const Making& making) const;
  std::string search(std::string_view words, const std::vector<const Product*>& found, const Making& making) const;
  std::string basket(const Session& session, const Making& making) const;
  std::string account(const Session& session, const Making& making) const;
  std::string admin(const Product& product, std::string_view note, const Making& making) const;
  std::string message(std::string_view title, std::string_view text, const Making& making) const;
  std::string sitemap(std::string_view base) const;  // base: "http://shop.test"

 private:
  std::string frame(std::string_view title, std::string_view main, const Making& making) const;
  std::string cards(const std::vector<const Product*>& products) const;

  const Catalog& catalog_;
  const Assets& assets_;
};

}  // namespace demo
