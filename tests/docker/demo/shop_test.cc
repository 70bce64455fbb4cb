#include "docker/demo/shop.h"

#include <doctest/doctest.h>

#include "docker/demo/running_shop.h"
#include "docker/demo/text.h"

TEST_CASE("each kind of answer says how long it may be kept") {
  RunningShop shop;
  Client client(shop.port);
  const std::string style = [&] {
    const std::string home = client.get("/");
    const std::size_t at = home.find("/assets/shop.");
    return home.substr(at, home.find('"', at) - at);
  }();
  struct Row { std::string path; int status; const char *cache_control, *type; };
  const char* page = "public, max-age=30, stale-while-revalidate=60, stale-if-error=3600";
  for (const Row& row : {Row{"/", 200, page, "text/html; charset=utf-8"},
                         Row{"/category/tea", 200, page, "text/html; charset=utf-8"},
                         Row{"/category/tea?page=3", 200, page, "text/html; charset=utf-8"},
                         Row{"/product/17", 200, page, "text/html; charset=utf-8"},
                         Row{"/search?q=tea", 200, "public, max-age=10, stale-while-revalidate=30", "text/html; charset=utf-8"},
                         Row{"/api/price/17", 200, "public, max-age=5, stale-while-revalidate=10", "application/json"},
                         Row{"/api/stock/17", 200, "no-store", "application/json"},
                         Row{"/api/basket", 200, "private, no-cache", "application/json"},
                         Row{"/basket", 200, "private, no-cache", "text/html; charset=utf-8"},
                         Row{"/account", 200, "no-store", "text/html; charset=utf-8"},
                         Row{"/admin/product/17", 200, "no-store", "text/html; charset=utf-8"},
                         Row{style, 200, "public, max-age=31536000, immutable", "text/css; charset=utf-8"},
                         Row{"/img/product-17.svg", 200, "public, max-age=86400, stale-while-revalidate=604800", "image/svg+xml"},
                         Row{"/favicon.ico", 200, "public, max-age=86400, stale-while-revalidate=604800", "image/svg+xml"},
                         Row{"/robots.txt", 200, "public, max-age=3600", "text/plain"},
                         Row{"/sitemap.xml", 200, "public, max-age=3600", "application/xml"},
                         Row{"/stats", 200, "no-store", "application/json"},
                         Row{"/product/241", 404, "public, max-age=10", "text/html; charset=utf-8"},
                         Row{"/category/tea?page=4", 404, "public, max-age=10", "text/html; charset=utf-8"},
                         Row{"/category/none", 404, "public, max-age=10", "text/html; charset=utf-8"},
                         Row{"/img/product-0.svg", 404, "public, max-age=10", "text/html; charset=utf-8"},
                         Row{"/api/price/x", 404, "public, max-age=10", "text/html; charset=utf-8"},
                         Row{"/nothing", 404, "public, max-age=10", "text/html; charset=utf-8"}}) {
    CAPTURE(row.path);
    CHECK_FALSE(client.get(row.path).empty());
    CHECK(client.status() == row.status);
    CHECK(client.field("Cache-Control") == row.cache_control);
    CHECK(client.field("Content-Type") == row.type);
    CHECK(client.field("Set-Cookie").empty());
  }
}

TEST_CASE("a page that has not changed is 304 with the fields of its 200 (RFC 9110 §15.4.5)") {
  RunningShop shop;
  Client client(shop.port);
  for (const char* path : {"/", "/category/tea", "/product/17", "/search?q=tea", "/img/product-17.svg", "/favicon.ico"}) {
    CAPTURE(path);
    client.get(path);
    const std::string etag = client.field("ETag"), modified = client.field("Last-Modified");
    const std::string cache_control = client.field("Cache-Control"), tags = client.field("Surrogate-Key");
    REQUIRE_FALSE(etag.empty());
    CHECK(client.get(path, "If-None-Match: " + etag + "\r\n").empty());
    CHECK(client.status() == 304);
    CHECK(client.field("ETag") == etag);
    CHECK(client.field("Cache-Control") == cache_control);
    CHECK(client.field("Surrogate-Key") == tags);
    client.get(path, "If-Modified-Since: " + modified + "\r\n");
    CHECK(client.status() == 304);
    client.get(path, "If-None-Match: \"other\"\r\nIf-Modified-Since: " + modified + "\r\n");
    CHECK(client.status() == 200);  // RFC 9110 §13.1.3: If-Modified-Since is ignored beside If-None-Match
  }
}

TEST_CASE("a changed price changes the ETag of each page that shows it, and those carry the product's tag") {
  RunningShop shop;
  Client client(shop.port);
  for (const char* path : {"/product/17", "/product/13", "/category/coffee?page=2", "/", "/search?q=latte"}) {
    CAPTURE(path);
    client.get(path);
    const std::string etag = client.field("ETag");
    const bool tagged = (" " + client.field("Surrogate-Key") + " ").find(" product-17 ") != std::string::npos;
    client.ask("POST", "/admin/product/17", "", "price=77.77");
    REQUIRE(client.status() == 303);
    const std::string changed = client.get(path, "If-None-Match: " + etag + "\r\n");
    CHECK(client.status() == (tagged ? 200 : 304));
    CHECK((changed.find("77.77") != std::string::npos) == tagged);
  }
  client.get("/product/17");
  CHECK((client.field("Surrogate-Key") + " ").starts_with("category-1 product-17 "));
}

TEST_CASE("a price that is none is refused and changes nothing") {
  RunningShop shop;
  Client client(shop.port);
  const std::string before = client.get("/api/price/17");
  for (const char* body : {"price=", "price=-1", "price=1e9", "other=1"}) {
    client.ask("POST", "/admin/product/17", "", body);
    CHECK(client.status() == 422);
  }
  client.ask("POST", "/admin/product/999", "", "price=1");
  CHECK(client.status() == 404);
  CHECK(client.get("/api/price/17").find("\"revision\":0") != std::string::npos);
}

TEST_CASE("a basket follows its cookie, and nobody else sees it") {
  RunningShop shop;
  Client client(shop.port);
  client.ask("POST", "/basket/add", "", "product=17&count=2");
  CHECK(client.status() == 303);
  CHECK(client.field("Location") == "/basket");
  const std::string set = client.field("Set-Cookie");
  CHECK(set.find("; HttpOnly; SameSite=Lax") != std::string::npos);
  const std::string cookie = "Cookie: " + set.substr(0, set.find(';')) + "\r\n";
  CHECK(client.get("/api/basket", cookie) == "{\"items\":2}\n");
  CHECK(client.get("/api/basket") == "{\"items\":0}\n");
  CHECK(client.get("/basket", cookie).find("/product/17") != std::string::npos);
  client.ask("POST", "/basket/remove", cookie, "product=17");
  CHECK(client.get("/api/basket", cookie) == "{\"items\":0}\n");
  client.ask("POST", "/basket/add", cookie, "product=0");
  CHECK(client.status() == 422);
  client.ask("POST", "/login", cookie, "name=%3Ci%3EAnn");
  CHECK(client.get("/account", cookie).find("&lt;i&gt;Ann") != std::string::npos);
  client.ask("POST", "/logout", cookie);
  CHECK(client.get("/account", cookie).find("Ann") == std::string::npos);
}

TEST_CASE("the sitemap takes no markup from Host") {
  RunningShop shop;
  Client client(shop.port);
  CHECK(client.get("/sitemap.xml").find("<loc>http://shop.test/product/1</loc>") != std::string::npos);
  client.send("GET /sitemap.xml HTTP/1.1\r\nHost: \"><x\r\n\r\n");
  CHECK(client.receive().find("<loc>http://localhost/product/1</loc>") != std::string::npos);
}

namespace {

// A cache that takes purges: it answers each request with `status` and keeps what it was sent.
class PurgeListener {
 public:
  explicit PurgeListener(int status)
      : socket_(demo::open_listening_socket("127.0.0.1", 0, port)),
        server_([this, status](demo::Request request, demo::Reply reply) {
          got = request.method + " " + request.path + " " + request.body;
          demo::Response response;
          response.status = status;
          reply.send(response);
        }, demo::ServerLimits{connections_}) {
    server_.listen(socket_);
    thread_ = std::thread([this] { server_.run(); });
  }
  ~PurgeListener() {
    server_.stop();
    thread_.join();
    ::close(socket_);
  }
  std::uint16_t port = 0;
  std::string got;  // read once the shop has answered, which it does after the purge

 private:
  std::atomic<std::size_t> connections_ = 0;
  int socket_;
  demo::Server server_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a changed price is purged by its tag before the answer leaves") {
  PurgeListener cache(200);
  demo::Options options = RunningShop::quick();
  options.purge = demo::parse_purge_url("http://127.0.0.1:" + std::to_string(cache.port) + "/purge");
  RunningShop shop(options);
  Client client(shop.port);
  client.ask("POST", "/admin/product/17", "", "price=12.50");
  CHECK(client.status() == 303);
  CHECK(client.field("Purge-Status") == "200");
  CHECK(client.field("Location") == "/admin/product/17?saved=1&purge=200");
  CHECK(cache.got == "POST /purge {\"tags\":[\"product-17\"]}");
  CHECK(client.get(client.field("Location")).find("The cache answered 200") != std::string::npos);
}

TEST_CASE("a cache that cannot be reached does not keep a price from changing, and the answer says so") {
  std::uint16_t port = 0;
  ::close(demo::open_listening_socket("127.0.0.1", 0, port));  // nobody listens there now
  demo::Options options = RunningShop::quick();
  options.purge = demo::parse_purge_url("http://127.0.0.1:" + std::to_string(port));
  RunningShop shop(options);
  Client client(shop.port);
  client.ask("POST", "/admin/product/17", "", "price=12.50");
  CHECK(client.field("Purge-Status") == "0");
  CHECK(client.get("/api/price/17").find("\"12.50\"") != std::string::npos);
}
