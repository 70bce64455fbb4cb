// Catalogue, baskets, pictures, pages, options, figures: what is pure in the shop.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "docker/demo/assets.h"
#include "docker/demo/options.h"
#include "docker/demo/pages.h"
#include "docker/demo/pictures.h"
#include "docker/demo/sessions.h"
#include "docker/demo/stats.h"
#include "docker/demo/text.h"

using namespace demo;
using namespace std::chrono_literals;

TEST_CASE("the catalogue is the same at every start, with distinct names in a category") {
  const Catalog one(1000), two(2000);
  REQUIRE(one.products().size() >= 200);
  std::set<std::pair<int, std::string>> names;
  for (const Product& product : one.products()) {
    CHECK(two.product(product.id)->name == product.name);
    CHECK(two.product(product.id)->text == product.text);
    CHECK(two.offer(product.id).cents == one.offer(product.id).cents);
    CHECK(one.offer(product.id).cents > 0);
    names.insert({product.category, product.name});
  }
  CHECK(names.size() == one.products().size());
  CHECK(one.product(0) == nullptr);
  CHECK(one.product(241) == nullptr);
  CHECK(one.category("no-such") == nullptr);
}

TEST_CASE("the pages of a category show each product once") {
  const Catalog catalog(1000);
  std::set<int> seen;
  for (int page = 1; page <= catalog.page_count(3); ++page) {
    for (const Product* product : catalog.page(3, page)) CHECK(seen.insert(product->id).second);
  }
  CHECK(seen.size() == Catalog::kProductsEach);
  CHECK(catalog.page(3, catalog.page_count(3) + 1).empty());
}

TEST_CASE("companions are others of the same category") {
  const Catalog catalog(1000);
  for (const Product& product : catalog.products()) {
    for (const Product* other : catalog.companions(product)) {
      CHECK(other->id != product.id);
      CHECK(other->category == product.category);
    }
  }
}

TEST_CASE("search wants all words, whatever their case, and is bounded") {
  const Catalog catalog(1000);
  CHECK(catalog.search("", 10).empty());
  CHECK(catalog.search("   ", 10).empty());
  CHECK(catalog.search("no such thing at all", 10).empty());
  CHECK(catalog.search("a", 10).size() == 10);
  const auto found = catalog.search("TEAPOT  tea", 50);
  REQUIRE_FALSE(found.empty());
  for (const Product* product : found) CHECK(product->name.find("Teapot") != std::string::npos);
}

TEST_CASE("a changed price is a new revision of the product and of the lists that show it") {
  Catalog catalog(1000);
  const auto list = catalog.page(1, 1);
  const Offer before = catalog.newest(list);
  catalog.set_price(list[0]->id, 999, 1010);
  CHECK(catalog.offer(list[0]->id).cents == 999);
  CHECK(catalog.offer(list[0]->id).revision == 1);
  CHECK(catalog.newest(list).revision == before.revision + 1);
  CHECK(catalog.newest(list).updated == 1010);
  CHECK(catalog.newest(catalog.page(2, 1)).revision == 0);
}

TEST_CASE("a basket holds so many kinds and so many of each, and lets go at zero") {
  Session session;
  CHECK(change_basket(session, 1, 98));
  CHECK(change_basket(session, 1, 98));
  CHECK(session.basket[1] == Session::kMaxCount);
  CHECK(change_basket(session, 1, -Session::kMaxCount));
  CHECK(session.basket.empty());
  for (int product = 1; product <= static_cast<int>(Session::kMaxLines); ++product) CHECK(change_basket(session, product, 1));
  CHECK_FALSE(change_basket(session, 200, 1));
  CHECK(session.items() == static_cast<int>(Session::kMaxLines));
}

TEST_CASE("the longest unused session leaves when a new one needs its place") {
  Sessions sessions(2);
  const std::string first = sessions.save("", Session{{{1, 1}}, ""});
  const std::string second = sessions.save("", Session{});
  CHECK(first.size() == 32);
  CHECK(first != second);
  REQUIRE(sessions.find(first).has_value());
  const std::string third = sessions.save("an id that we never gave", Session{});
  CHECK(third != "an id that we never gave");
  CHECK(sessions.size() == 2);
  CHECK(sessions.find(first)->basket.at(1) == 1);
  CHECK_FALSE(sessions.find(second).has_value());
  CHECK(sessions.save(first, Session{{}, "Ann"}) == first);
  CHECK(sessions.find(first)->name == "Ann");
}

TEST_CASE("a PNG has its parts in order with true checksums") {
  const std::string png = encode_png(2, 1, {0xff0000, 0x00ff00}, std::string_view("\0\1", 2));
  CHECK(png.substr(0, 8) == "\x89PNG\r\n\x1a\n");
  CHECK(png.substr(12, 4) == "IHDR");
  CHECK(png.substr(37, 4) == "PLTE");
  CHECK(png.find("IDAT") != std::string::npos);
  // The end is the same in every PNG: no bytes, the type, and the CRC of the type (ISO/IEC 15948 §11.2.5).
  CHECK(png.substr(png.size() - 12) == std::string("\0\0\0\0IEND\xae\x42\x60\x82", 12));
}

TEST_CASE("a PNG larger than a stored block is cut into blocks") {
  const std::string png = banner_png(100, 400, 300);
  CHECK(png.size() > 400 * 300);
  CHECK(png.size() < 400 * 300 + 2000);
  CHECK(png == banner_png(100, 400, 300));
}

TEST_CASE("each product has a picture of its own") {
  const Catalog catalog(1000);
  std::set<std::string> pictures;
  for (const Product& product : catalog.products()) {
    const std::string svg = product_svg(product, catalog.category_of(product));
    CHECK(svg.starts_with("<svg "));
    CHECK(svg.ends_with("</svg>\n"));
    CHECK(svg.find("{a}") == std::string::npos);
    pictures.insert(svg);
  }
  CHECK(pictures.size() == catalog.products().size());
}

TEST_CASE("an asset's name carries the fingerprint of its bytes") {
  const Catalog catalog(1000);
  const Assets assets(catalog);
  const Asset* style = assets.find(assets.style());
  REQUIRE(style != nullptr);
  CHECK(assets.style() == "/assets/shop." + hex(hash_of(*style->bytes)) + ".css");
  CHECK(assets.find("/assets/shop.css") == nullptr);
  for (int category = 0; category <= Catalog::kCategories; ++category) CHECK(assets.find(assets.banner(category)) != nullptr);
}

TEST_CASE("pages escape what a visitor wrote") {
  const Catalog catalog(1000);
  const Assets assets(catalog);
  const Pages pages(catalog, assets);
  const std::string evil = "<script>alert(1)</script>";
  CHECK(pages.search(evil, {}, {}).find("<script>alert") == std::string::npos);
  CHECK(pages.search(evil, {}, {}).find("&lt;script&gt;alert") != std::string::npos);
  CHECK(pages.account(Session{{}, evil}, {}).find("<script>alert") == std::string::npos);
}

TEST_CASE("no page leaves a name of its template behind") {
  const Catalog catalog(1000);
  const Assets assets(catalog);
  const Pages pages(catalog, assets);
  const Making making{"10:11:12.345", 151, 3};
  const Session session{{{17, 2}}, "Ann"};
  for (const std::string& page :
       {pages.home(catalog.featured(), making), pages.category(catalog.categories()[2], 1, making),
        pages.product(*catalog.product(17), making), pages.search("tea", catalog.search("tea", 5), making),
        pages.basket(session, making), pages.basket({}, making), pages.account(session, making), pages.account({}, making),
        pages.admin(*catalog.product(17), "Saved.", making), pages.message("A", "B", making)}) {
    CHECK(page.find("{{") == std::string::npos);
    CHECK(page.find("}}") == std::string::npos);
    CHECK(page.find("10:11:12.345 UTC in 151 ms with 3 queries") != std::string::npos);
    CHECK(page.ends_with("</html>\n"));
  }
}

TEST_CASE("a product tells search engines its name and its price of now, as JSON-LD") {
  Catalog catalog(1000);
  catalog.set_price(17, 1250, 1001);
  const Assets assets(catalog);
  const std::string page = Pages(catalog, assets).product(*catalog.product(17), {});
  const std::string_view opened = "<script type=\"application/ld+json\">";
  const std::size_t begin = page.find(opened);
  REQUIRE(begin != std::string::npos);
  const std::size_t from = begin + opened.size();
  const auto told = nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
  CHECK(told["name"] == catalog.product(17)->name);
  CHECK(told["description"] == catalog.product(17)->text);
  CHECK(told["offers"]["price"] == "12.50");
}

TEST_CASE("the basket adds up") {
  Catalog catalog(1000);
  catalog.set_price(17, 1250, 1001);
  const Assets assets(catalog);
  const Pages pages(catalog, assets);
  CHECK(pages.basket(Session{{{17, 3}}, ""}, {}).find("Together € 37.50") != std::string::npos);
}

TEST_CASE("the sitemap lists every product and page") {
  const Catalog catalog(1000);
  const Assets assets(catalog);
  const std::string map = Pages(catalog, assets).sitemap("http://shop.test");
  CHECK(map.find("<loc>http://shop.test/product/240</loc>") != std::string::npos);
  CHECK(map.find("<loc>http://shop.test/category/tea?page=3</loc>") != std::string::npos);
}

TEST_CASE("options are read in both forms, and what makes no sense is named") {
  const auto parsed = parse_options({"--listen", "[::1]:0", "--threads=4", "--db-delay", "250us", "--db-limit=7",
                                     "--db-queue=0", "--purge", "http://localhost:9090/purge"});
  REQUIRE(std::holds_alternative<Options>(parsed));
  const auto& options = std::get<Options>(parsed);
  CHECK(options.address == "::1");
  CHECK(options.port == 0);
  CHECK(options.threads == 4);
  CHECK(options.db_delay == 250us);
  CHECK(options.db_limit == 7);
  CHECK(options.db_queue == 0);
  CHECK(options.purge->host == "127.0.0.1");
  for (const char* wrong : {"--threads=0", "--threads", "--listen=8080", "--listen=127.0.0.1:70000", "--db-delay=5",
                            "--db-delay=1h", "--db-limit=0", "--purge=https://x", "--find-port=0", "--what=1", "what"}) {
    CAPTURE(wrong);
    CHECK(std::holds_alternative<std::string>(parse_options({wrong})));
  }
}

TEST_CASE("durations have a unit, but for zero") {
  CHECK(parse_duration("50ms") == 50ms);
  CHECK(parse_duration("2s") == 2s);
  CHECK(parse_duration("0") == 0us);
  for (const char* wrong : {"", "ms", "5", "5m", "-5ms", "61s", "0h"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_duration(wrong).has_value());
  }
}

TEST_CASE("a purge URL names an address and a port") {
  const auto v6 = parse_purge_url("http://[::1]:9090");
  REQUIRE(v6.has_value());
  CHECK(v6->host == "::1");
  CHECK(v6->port == 9090);
  CHECK(v6->path == "/purge");
  for (const char* wrong : {"", "127.0.0.1:9090", "http://127.0.0.1", "http://cache.test:9090/", "http://127.0.0.1:0/"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_purge_url(wrong).has_value());
  }
}

TEST_CASE("figures count by kind and status, and quantiles are within an eighth") {
  Stats stats;
  for (int i = 1; i <= 1000; ++i) stats.count(Kind::product, i % 10 == 0 ? 503 : 200, std::chrono::milliseconds(i));
  const std::string json = stats.json();
  CHECK(json.find("\"requests\":1000") != std::string::npos);
  CHECK(json.find("\"product\":1000") != std::string::npos);
  CHECK(json.find("\"2xx\":900") != std::string::npos);
  CHECK(json.find("\"5xx\":100") != std::string::npos);
  const double p50 = std::stod(json.substr(json.find("\"p50\":") + 6));
  CHECK(p50 >= 500);
  CHECK(p50 <= 500 * 1.125);
  CHECK(json.find("\"max\":1000.000") != std::string::npos);
  CHECK(Stats().json().find("\"mean\":0.000") != std::string::npos);
}
