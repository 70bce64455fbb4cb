// docker/demo/shop.h: what each address answers, what it costs the database and how long it may be cached.
//     Server server([&](Request request, Reply reply) { shop.handle(std::move(request), std::move(reply)); }, limits);
// Thread  handle(): any server's thread; the answer is sent on that same thread.
// Owner   refers to the Database, which must be destroyed before the servers whose requests wait in it.
#pragma once
#include <functional>
#include <optional>

#include "docker/demo/assets.h"
#include "docker/demo/catalog.h"
#include "docker/demo/database.h"
#include "docker/demo/options.h"
#include "docker/demo/pages.h"
#include "docker/demo/server.h"
#include "docker/demo/sessions.h"
#include "docker/demo/stats.h"

namespace demo {

class Shop {
 public:
  Shop(const Options& options, Database& database, std::atomic<std::size_t>& connections, std::time_t now);
  void handle(Request request, Reply reply);

 private:
  // How a request will be answered: so many queries first, then `make`.
  struct Plan {
    Kind kind = Kind::other;
    unsigned queries = 0;
    std::function<Response(const Making&)> make;
    int purge_product = 0;                         // its tag is purged before the answer leaves
  };
  // What a shared page says of itself.
  struct Facts {
    std::string etag, cache_control, tags;
    std::time_t modified = 0;                      // 0: not said
  };
  using Html = std::function<std::string(const Making&)>;

  Plan plan(const Request& request);
  Plan plan_post(const Request& request);
  Plan category_plan(const Request& request, std::string_view slug);
  Plan product_plan(const Request& request, int id);
  Plan search_plan(const Request& request);
  Plan api_plan(const Request& request, std::string_view path);
  Plan picture_plan(const Request& request, std::string_view file);
  Plan own_plan(const Request& request);           // basket and account: one visitor's
  Plan admin_plan(const Request& request, int id);
  Plan price_change(const Request& request, int id);
  Plan basket_change(const Request& request, bool add);
  Plan sign(const Request& request, bool in);
  Plan file_plan(const Request& request);          // robots.txt, sitemap.xml, favicon.ico, stats, healthz

  // 200 or 304; a conditional request that will be a 304 costs one query only.
  Plan shared(const Request& request, Kind kind, unsigned queries, std::function<Facts()> facts, Html html);
  Plan fixed(const Request& request, Kind kind, const Asset& asset, std::string cache_control, std::string tags);
  Plan not_found(Kind kind);
  Plan not_allowed(Kind kind, std::string_view allow);
  Plan redirect(Kind kind, std::string location, const std::string& cookie);

  void answer(const Plan& plan, const Reply& reply, TimePoint began);
  Facts facts_of(std::string_view name, const std::vector<const Product*>& products, std::string_view cache_control,
                 std::string_view tags) const;
  std::string stats_json() const;

  const Options& options_;
  Database& database_;
  std::atomic<std::size_t>& connections_;
  Catalog catalog_;
  Assets assets_;
  Pages pages_;
  std::vector<Asset> pictures_;                    // by product, from 0
  Sessions sessions_;
  Stats stats_;
  const std::string start_;                        // part of ETags: revisions begin anew with each start
  const std::time_t started_;
};

}  // namespace demo
