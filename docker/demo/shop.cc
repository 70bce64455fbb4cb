#include "docker/demo/shop.h"

#include <fmt/format.h>

#include "docker/demo/pictures.h"
#include "docker/demo/text.h"

namespace demo {
namespace {

constexpr std::size_t kSessions = 20'000;
constexpr std::string_view kPageCaching = "public, max-age=30, stale-while-revalidate=60, stale-if-error=3600";
constexpr std::string_view kSearchCaching = "public, max-age=10, stale-while-revalidate=30";
constexpr std::string_view kPriceCaching = "public, max-age=5, stale-while-revalidate=10";
constexpr std::string_view kPictureCaching = "public, max-age=86400, stale-while-revalidate=604800";
constexpr std::string_view kForever = "public, max-age=31536000, immutable";
constexpr std::string_view kPrivate = "private, no-cache";

Response reply_with(int status, std::string_view type, std::string_view cache_control, std::string body) {
  Response response;
  response.status = status;
  response.with("Content-Type", std::string(type)).with("Cache-Control", std::string(cache_control));
  response.body = std::make_shared<std::string>(std::move(body));
  return response;
}

Response html(int status, std::string_view cache_control, std::string body) {
  return reply_with(status, "text/html; charset=utf-8", cache_control, std::move(body));
}

// RFC 9110 §13.2.2: If-Modified-Since counts only without If-None-Match.
bool not_modified(const Request& request, std::string_view etag, std::time_t modified) {
  const std::string_view none_match = request.field("If-None-Match");
  if (!none_match.empty()) return etag_matches(none_match, etag);
  const auto since = parse_http_date(request.field("If-Modified-Since"));
  return since && modified != 0 && modified <= *since;
}

// The number behind a prefix, as in "/product/17".
std::optional<int> number_after(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return std::nullopt;
  return parse_number(path.substr(prefix.size()), 1, 1'000'000);
}

std::string product_tags(const std::vector<const Product*>& products) {
  std::string tags;
  for (const Product* product : products) tags += fmt::format(" product-{}", product->id);
  return tags;
}

// A Host that may stand in a link: what else a client wrote there does not get into the sitemap.
std::string_view safe_host(std::string_view host) {
  const bool safe = host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") ==
                    std::string_view::npos;
  return safe && !host.empty() ? host : "localhost";
}

Making making_of(TimePoint began, unsigned queries) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t second = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  gmtime_r(&second, &parts);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began).count();
  return {fmt::format("{:02}:{:02}:{:02}.{:03}", parts.tm_hour, parts.tm_min, parts.tm_sec, ms), took, queries};
}

}  // namespace

Shop::Shop(const Options& options, Database& database, std::atomic<std::size_t>& connections, std::time_t now)
    : options_(options),
      database_(database),
      connections_(connections),
      catalog_(now),
      assets_(catalog_),
      pages_(catalog_, assets_),
      sessions_(kSessions),
      start_(fmt::format("{:x}", now)),
      started_(now) {
  for (const Product& product : catalog_.products()) {
    std::string svg = product_svg(product, catalog_.category_of(product));
    const std::string etag = fmt::format("\"{}\"", hex(hash_of(svg)));
    pictures_.push_back({std::make_shared<std::string>(std::move(svg)), "image/svg+xml", etag});
  }
}

void Shop::handle(Request request, Reply reply) {
  const TimePoint began = Clock::now();
  Plan planned;
  if (request.method == "GET" || request.method == "HEAD") {
    planned = plan(request);
  } else if (request.method == "POST") {
    planned = plan_post(request);
  } else {
    planned = not_allowed(Kind::other, "GET, HEAD, POST");
  }
  if (planned.queries == 0) {
    answer(planned, reply, began);
    return;
  }
  const Kind kind = planned.kind;
  const bool queued = database_.run(planned.queries, [this, planned = std::move(planned), reply, began] {
    reply.server().post([this, planned, reply, began] { answer(planned, reply, began); });
  });
  if (queued) return;
  Response full = html(503, "no-store", pages_.message("Busy", "Too many visitors at once. Please try again in a moment.",
                                                       making_of(began, 0)));
  full.with("Retry-After", "1");
  stats_.count(kind, 503, std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began));
  reply.send(std::move(full));
}

void Shop::answer(const Plan& plan, const Reply& reply, TimePoint began) {
  Response response = plan.make(making_of(began, plan.queries));
  const Kind kind = plan.kind;
  const auto finish = [this, kind, reply, began](Response made) {
    stats_.count(kind, made.status, std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began));
    reply.send(std::move(made));
  };
  if (plan.purge_product == 0 || !options_.purge) {
    finish(std::move(response));
    return;
  }
  purge_tag(reply.server().base(), *options_.purge, fmt::format("product-{}", plan.purge_product),
            [finish, response = std::move(response)](int status) mutable {
              for (auto& [name, value] : response.fields) {
                if (name == "Location") value += fmt::format("&purge={}", status);
              }
              response.with("Purge-Status", std::to_string(status));
              finish(std::move(response));
            });
}

Shop::Plan Shop::plan(const Request& request) {
  const std::string_view path = request.path;
  if (path == "/") {
    const auto facts = [this] {
      const auto featured = catalog_.featured();
      return facts_of("home", featured, kPageCaching, "home" + product_tags(featured));
    };
    return shared(request, Kind::home, 4, facts,
                  [this](const Making& making) { return pages_.home(catalog_.featured(), making); });
  }
  if (const auto id = number_after(path, "/product/")) return product_plan(request, *id);
  if (const auto id = number_after(path, "/admin/product/")) return admin_plan(request, *id);
  if (path.starts_with("/category/")) return category_plan(request, path.substr(10));
  if (path.starts_with("/img/")) return picture_plan(request, path.substr(5));
  if (path.starts_with("/api/")) return api_plan(request, path);
  if (path == "/search") return search_plan(request);
  if (path == "/basket" || path == "/account") return own_plan(request);
  if (path == "/basket/add" || path == "/basket/remove") return not_allowed(Kind::basket, "POST");
  if (path == "/login" || path == "/logout") return not_allowed(Kind::account, "POST");
  if (const Asset* asset = assets_.find(path)) {
    return fixed(request, Kind::asset, *asset, std::string(kForever), "assets");
  }
  return file_plan(request);
}

Shop::Plan Shop::plan_post(const Request& request) {
  const std::string_view path = request.path;
  if (path == "/basket/add" || path == "/basket/remove") return basket_change(request, path == "/basket/add");
  if (path == "/login" || path == "/logout") return sign(request, path == "/login");
  if (const auto id = number_after(path, "/admin/product/")) return price_change(request, *id);
  return not_allowed(Kind::other, "GET, HEAD");
}

Shop::Plan Shop::category_plan(const Request& request, std::string_view slug) {
  const Category* category = catalog_.category(slug);
  if (category == nullptr) return not_found(Kind::category);
  const Form form = parse_form(request.query);
  const std::string_view text = form_value(form, "page");
  const auto page = text.empty() ? 1 : parse_number(text, 1, catalog_.page_count(category->id)).value_or(0);
  if (page == 0) return not_found(Kind::category);
  const auto facts = [this, category, page] {
    const auto products = catalog_.page(category->id, page);
    return facts_of(fmt::format("c{}-{}", category->id, page), products, kPageCaching,
                    fmt::format("category-{}{}", category->id, product_tags(products)));
  };
  return shared(request, Kind::category, 5, facts, [this, category, page](const Making& making) {
    return pages_.category(*category, page, making);
  });
}

Shop::Plan Shop::product_plan(const Request& request, int id) {
  const Product* product = catalog_.product(id);
  if (product == nullptr) return not_found(Kind::product);
  const auto facts = [this, product] {
    // The neighbours' prices are on the page as well, so that a change of theirs must reach it.
    auto shown = catalog_.companions(*product);
    shown.insert(shown.begin(), product);
    return facts_of(fmt::format("p{}", product->id), shown, kPageCaching,
                    fmt::format("category-{}{}", product->category, product_tags(shown)));
  };
  return shared(request, Kind::product, 3, facts,
                [this, product](const Making& making) { return pages_.product(*product, making); });
}

Shop::Plan Shop::search_plan(const Request& request) {
  const Form form = parse_form(request.query);
  const std::string words(form_value(form, "q").substr(0, 80));
  const auto found = catalog_.search(words, 24);
  const auto facts = [this, words, found] {
    return facts_of("s" + hex(hash_of(words)), found, kSearchCaching, "search" + product_tags(found));
  };
  return shared(request, Kind::search, 6, facts,
                [this, words, found](const Making& making) { return pages_.search(words, found, making); });
}

Shop::Plan Shop::api_plan(const Request& request, std::string_view path) {
  if (path == "/api/basket") {
    const std::string id(cookie_value(request.field("Cookie"), "shop"));
    return {Kind::basket, 1, [this, id](const Making&) {
              const int items = sessions_.find(id).value_or(Session{}).items();
              return reply_with(200, "application/json", kPrivate, fmt::format("{{\"items\":{}}}\n", items));
            }};
  }
  const auto price = number_after(path, "/api/price/");
  const auto stock = number_after(path, "/api/stock/");
  const Kind kind = price ? Kind::price : stock ? Kind::stock : Kind::other;
  const Product* product = catalog_.product(price.value_or(stock.value_or(0)));
  if (product == nullptr) return not_found(kind);
  const int id = product->id;
  if (stock) {
    return {kind, 1, [id](const Making&) {
              const int left = Catalog::stock(id, std::time(nullptr));
              return reply_with(200, "application/json", "no-store", fmt::format("{{\"product\":{},\"stock\":{}}}\n", id, left));
            }};
  }
  return {kind, 1, [this, id](const Making& making) {
            const Offer offer = catalog_.offer(id);
            Response response = reply_with(
                200, "application/json", kPriceCaching,
                fmt::format("{{\"product\":{},\"price\":\"{}\",\"currency\":\"EUR\",\"revision\":{},\"made_at\":\"{}\"}}\n", id,
                            price_text(offer.cents), offer.revision, making.clock));
            response.with("Surrogate-Key", fmt::format("product-{}", id));
            return response;
          }};
}

Shop::Plan Shop::picture_plan(const Request& request, std::string_view file) {
  if (!file.ends_with(".svg")) return not_found(Kind::image);
  const auto id = number_after(file.substr(0, file.size() - 4), "product-");
  if (!id || catalog_.product(*id) == nullptr) return not_found(Kind::image);
  return fixed(request, Kind::image, pictures_[static_cast<std::size_t>(*id - 1)], std::string(kPictureCaching),
               fmt::format("pictures picture-{}", *id));
}

Shop::Plan Shop::own_plan(const Request& request) {
  const std::string id(cookie_value(request.field("Cookie"), "shop"));
  if (request.path == "/basket") {
    return {Kind::basket, 2, [this, id](const Making& making) {
              return html(200, kPrivate, pages_.basket(sessions_.find(id).value_or(Session{}), making));
            }};
  }
  return {Kind::account, 1, [this, id](const Making& making) {
            return html(200, "no-store", pages_.account(sessions_.find(id).value_or(Session{}), making));
          }};
}

Shop::Plan Shop::basket_change(const Request& request, bool add) {
  const Form form = parse_form(request.body);
  const auto product = parse_number(form_value(form, "product"), 1, static_cast<int>(catalog_.products().size()));
  const std::string_view text = form_value(form, "count");
  const auto count = text.empty() ? 1 : parse_number(text, 1, Session::kMaxCount).value_or(0);
  if (!product || count == 0) {
    return {Kind::basket, 0, [this](const Making& making) {
              return html(422, "no-store", pages_.message("Not understood", "There is no such product, or not so many.", making));
            }};
  }
  const std::string id(cookie_value(request.field("Cookie"), "shop"));
  return {Kind::basket, 2, [this, id, add, product = *product, count](const Making& making) {
            Session session = sessions_.find(id).value_or(Session{});
            if (!change_basket(session, product, add ? count : -Session::kMaxCount)) {
              return html(422, "no-store", pages_.message("Basket full", "Forty kinds are the most that it holds.", making));
            }
            return redirect(Kind::basket, "/basket", sessions_.save(id, std::move(session))).make(making);
          }};
}

Shop::Plan Shop::sign(const Request& request, bool in) {
  const Form form = parse_form(request.body);
  const std::string name(in ? form_value(form, "name").substr(0, 40) : "");
  const std::string id(cookie_value(request.field("Cookie"), "shop"));
  return {Kind::account, 1, [this, id, name](const Making& making) {
            Session session = sessions_.find(id).value_or(Session{});
            session.name = name;
            return redirect(Kind::account, "/account", sessions_.save(id, std::move(session))).make(making);
          }};
}

Shop::Plan Shop::admin_plan(const Request& request, int id) {
  const Product* product = catalog_.product(id);
  if (product == nullptr) return not_found(Kind::admin);
  const Form form = parse_form(request.query);
  std::string note = form_value(form, "saved").empty() ? "" : "Saved.";
  if (const auto purge = parse_number(form_value(form, "purge"), 0, 999)) {
    note += *purge == 0 ? " The cache was not reached: it keeps the old price until its copy expires."
                        : fmt::format(" The cache answered {} to the purge of product-{}.", *purge, id);
  }
  return {Kind::admin, 1, [this, product, note](const Making& making) {
            return html(200, "no-store", pages_.admin(*product, note, making));
          }};
}

Shop::Plan Shop::price_change(const Request& request, int id) {
  if (catalog_.product(id) == nullptr) return not_found(Kind::admin);
  const Form form = parse_form(request.body);
  const auto cents = parse_price(form_value(form, "price"));
  if (!cents) {
    return {Kind::admin, 0, [this](const Making& making) {
              return html(422, "no-store", pages_.message("Not a price", "A price looks like 12.50.", making));
            }};
  }
  Plan plan{Kind::admin, 2, [this, id, cents = *cents](const Making& making) {
              catalog_.set_price(id, cents, std::time(nullptr));
              return redirect(Kind::admin, fmt::format("/admin/product/{}?saved=1", id), "").make(making);
            }};
  plan.purge_product = id;
  return plan;
}

Shop::Plan Shop::file_plan(const Request& request) {
  const std::string_view path = request.path;
  if (path == "/favicon.ico") return fixed(request, Kind::asset, assets_.icon(), std::string(kPictureCaching), "assets");
  if (path == "/robots.txt") {
    return {Kind::other, 0, [](const Making&) {
              return reply_with(200, "text/plain", "public, max-age=3600",
                                "User-agent: *\nDisallow: /admin/\nDisallow: /basket\nDisallow: /account\nSitemap: /sitemap.xml\n");
            }};
  }
  if (path == "/sitemap.xml") {
    const std::string base = fmt::format("http://{}", safe_host(request.field("Host")));
    return {Kind::other, 2, [this, base](const Making&) {
              return reply_with(200, "application/xml", "public, max-age=3600", pages_.sitemap(base));
            }};
  }
  if (path == "/stats") {
    return {Kind::stats, 0,
            [this](const Making&) { return reply_with(200, "application/json", "no-store", stats_json()); }};
  }
  if (path == "/healthz") {
    return {Kind::other, 0, [](const Making&) { return reply_with(200, "text/plain", "no-store", "ok\n"); }};
  }
  return not_found(Kind::other);
}

Shop::Plan Shop::shared(const Request& request, Kind kind, unsigned queries, std::function<Facts()> facts, Html page) {
  const Facts before = facts();
  const bool unchanged = not_modified(request, before.etag, before.modified);
  return {kind, unchanged ? 1 : queries, [facts, page, unchanged, asked = before.etag](const Making& making) {
            const Facts now = facts();
            // What was the same when asked may have changed while the query waited.
            Response response = unchanged && now.etag == asked ? Response{304, {}, nullptr}
                                                               : html(200, now.cache_control, page(making));
            if (response.status == 304) response.with("Cache-Control", now.cache_control);
            response.with("ETag", now.etag).with("Surrogate-Key", now.tags);
            if (now.modified != 0) response.with("Last-Modified", http_date(now.modified));
            return response;
          }};
}

Shop::Plan Shop::fixed(const Request& request, Kind kind, const Asset& asset, std::string cache_control, std::string tags) {
  const bool unchanged = not_modified(request, asset.etag, started_);
  return {kind, 0, [this, &asset, unchanged, cache_control, tags](const Making&) {
            Response response;
            response.status = unchanged ? 304 : 200;
            if (!unchanged) response.with("Content-Type", asset.content_type);
            response.with("Cache-Control", cache_control).with("ETag", asset.etag);
            response.with("Last-Modified", http_date(started_)).with("Surrogate-Key", tags);
            if (!unchanged) response.body = asset.bytes;
            return response;
          }};
}

Shop::Plan Shop::not_found(Kind kind) {
  return {kind, 1, [this](const Making& making) {
            return html(404, "public, max-age=10", pages_.message("Not here", "This page does not exist, or no longer.", making));
          }};
}

Shop::Plan Shop::not_allowed(Kind kind, std::string_view allow) {
  return {kind, 0, [allow](const Making&) {
            Response response = reply_with(405, "text/plain", "no-store", "This method is not understood here.\n");
            response.with("Allow", std::string(allow));
            return response;
          }};
}

Shop::Plan Shop::redirect(Kind kind, std::string location, const std::string& cookie) {
  return {kind, 0, [location, cookie](const Making&) {
            Response response;
            response.status = 303;
            response.with("Location", location).with("Cache-Control", "no-store");
            if (!cookie.empty()) {
              response.with("Set-Cookie", fmt::format("shop={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=86400", cookie));
            }
            return response;
          }};
}

Shop::Facts Shop::facts_of(std::string_view name, const std::vector<const Product*>& products,
                           std::string_view cache_control, std::string_view tags) const {
  const Offer newest = catalog_.newest(products);
  return {fmt::format("W/\"{}-{}-{}\"", start_, name, newest.revision), std::string(cache_control), std::string(tags),
          newest.updated};
}

std::string Shop::stats_json() const {
  const DatabaseNumbers database = database_.numbers();
  return fmt::format(
      R"({{{},"database":{{"queries":{},"running":{},"waiting":{},"refused":{},"limit":{},"delay_ms":{}}},"connections":{},"sessions":{},"uptime_s":{}}}
)",
      stats_.json(), database.queries, database.running, database.waiting, database.refused, options_.db_limit,
      static_cast<double>(options_.db_delay.count()) / 1000, connections_.load(), sessions_.size(),
      std::time(nullptr) - started_);
}

}  // namespace demo
