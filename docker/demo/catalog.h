// docker/demo/catalog.h: what the shop sells: the same products at every start, with prices that change.
// Thread  any: products and categories never change after construction, offers are copied under a lock.
#pragma once
#include <cstdint>
#include <ctime>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

struct Category {
  int id;
  std::string_view slug, name, line;               // line: one sentence under the name
  int hue;                                         // of its pictures
};

struct Product {
  int id, category;                                // both from 1
  std::string name, text;
  std::string material, origin;
};

struct Offer {
  int cents = 0;
  std::uint32_t revision = 0;                      // changes so far: part of every ETag that shows the price
  std::time_t updated = 0;
};

class Catalog {
 public:
  static constexpr int kCategories = 8;
  static constexpr int kProductsEach = 30;
  static constexpr int kPageSize = 12;

  explicit Catalog(std::time_t now);

  const std::vector<Category>& categories() const { return categories_; }
  const std::vector<Product>& products() const { return products_; }
  const Category* category(std::string_view slug) const;     // null: there is none
  const Category& category_of(const Product& product) const;
  const Product* product(int id) const;                      // null: there is none
  std::vector<const Product*> of_category(int id) const;
  int page_count(int category) const;
  std::vector<const Product*> page(int category, int page) const;          // from 1; empty beyond the last
  std::vector<const Product*> companions(const Product& product) const;    // four others of its category
  std::vector<const Product*> featured() const;                            // the home page's choice
  std::vector<const Product*> search(std::string_view words, std::size_t max) const;  // all words, in name or text

  Offer offer(int product) const;
  void set_price(int product, int cents, std::time_t now);
  // Of a list: the sum of revisions and the latest change.
  Offer newest(const std::vector<const Product*>& products) const;

  static int stock(int product, std::time_t now);            // moves every 10 s, never below 0

 private:
  std::vector<Category> categories_;
  std::vector<Product> products_;
  mutable std::mutex mutex_;
  std::vector<Offer> offers_;
};

}  // namespace demo
