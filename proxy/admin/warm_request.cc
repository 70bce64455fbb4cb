#include "proxy/admin/warm_request.h"

#include <cmath>

#include "core/base/json.h"
#include "proxy/server/warmer.h"

namespace davenport::admin {
namespace {

Error wrong_type(std::string_view name, std::string_view wanted, const JsonValue& found) {
  return Error{"\"" + std::string(name) + "\" must be " + std::string(wanted) + ", not " + std::string(found.type())};
}

class OrderReader {
 public:
  explicit OrderReader(const config::Warm& settings) : settings_(settings), order_(server::Warmer::order_of(settings)) {
    order_.urls.clear();
    order_.sources.clear();
    order_.feed.clear();
    order_.feed_template.clear();
  }

  Result<warm::Order> read(const JsonValue::Object& object) {
    for (const JsonMember& member : object) {
      if (Result<void> read = read_member(member); !read) return read.error();
    }
    if (!order_.urls.empty() || !order_.sources.empty() || !order_.feed.empty()) return std::move(order_);
    warm::Order usual = server::Warmer::order_of(settings_);
    if (usual.urls.empty() && usual.sources.empty() && usual.feed.empty()) {
      return Error{"name what to ask for: \"urls\", \"sitemap\" or \"feed\"; [warm] of the configuration names nothing either"};
    }
    usual.rate = order_.rate;
    usual.concurrency = order_.concurrency;
    usual.variants = std::move(order_.variants);
    return usual;
  }

 private:
  Result<void> read_member(const JsonMember& member) {
    const std::string_view name = member.name;
    if (name == "urls") return read_urls(member, order_.urls);
    if (name == "sitemaps") return read_urls(member, order_.sources);
    if (name == "sitemap") return add_url(name, member.value, order_.sources);
    if (name == "feed") return read_feed(member.value);
    if (name == "rate") return read_number(member, 0, 1e6, order_.rate);
    if (name == "concurrency") return read_concurrency(member);
    if (name == "variants") return read_variants(member);
    return Error{"\"" + member.name + "\" is not known here: urls, sitemap, sitemaps, feed, rate, concurrency, variants"};
  }

  static Result<void> add_url(std::string_view name, const JsonValue& value, std::vector<std::string>& into) {
    if (value.string() == nullptr) return wrong_type(name, "a URL", value);
    std::string url = warm::absolute_url(*value.string(), "");
    if (url.empty()) return Error{"\"" + *value.string() + "\" in \"" + std::string(name) + "\" is no URL: write http://host/path"};
    into.push_back(std::move(url));
    return {};
  }

  static Result<void> read_urls(const JsonMember& member, std::vector<std::string>& into) {
    if (member.value.array() == nullptr) return wrong_type(member.name, "an array of URLs", member.value);
    for (const JsonValue& each : *member.value.array()) {
      if (Result<void> added = add_url(member.name, each, into); !added) return added;
    }
    return {};
  }

  Result<void> read_feed(const JsonValue& value) {
    if (value.object() == nullptr) return wrong_type("feed", "an object with url and template", value);
    std::vector<std::string> url;
    for (const JsonMember& member : *value.object()) {
      if (member.name == "url") {
        if (Result<void> added = add_url("feed.url", member.value, url); !added) return added;
      } else if (member.name == "template" && member.value.string() != nullptr) {
        order_.feed_template = *member.value.string();
      } else {
        return Error{"\"feed\" wants {\"url\": \"http://shop/feed.json\", \"template\": \"/product/{id}\"}"};
      }
    }
    if (url.size() != 1) return Error{"\"feed\" wants a url"};
    if (const auto names = warm::names_in(order_.feed_template); !names) return Error{"\"feed\": " + names.error().message};
    order_.feed = std::move(url.front());
    return {};
  }

  static Result<void> read_number(const JsonMember& member, double low, double high, double& into) {
    const double* const number = std::get_if<double>(&member.value.data);
    if (number == nullptr) return wrong_type(member.name, "a number", member.value);
    if (!(*number >= low && *number <= high)) return Error{"\"" + member.name + "\" is out of bounds"};
    into = *number;
    return {};
  }

  Result<void> read_concurrency(const JsonMember& member) {
    double number = 0;
    if (Result<void> read = read_number(member, 1, 1'000, number); !read) return read;
    order_.concurrency = static_cast<std::uint32_t>(number);
    return {};
  }

  Result<void> read_variants(const JsonMember& member) {
    if (member.value.array() == nullptr) return wrong_type(member.name, "an array of codings", member.value);
    order_.variants.clear();
    for (const JsonValue& each : *member.value.array()) {
      const std::string* const text = each.string();
      if (text == nullptr || (*text != "gzip" && *text != "br" && *text != "zstd")) return Error{"\"variants\" are gzip, br and zstd"};
      order_.variants.push_back(*text);
    }
    return {};
  }

  const config::Warm& settings_;
  warm::Order order_;
};

}  // namespace

Result<warm::Order> read_warm_order(std::string_view json, const config::Warm& settings) {
  const Result<JsonValue> value = parse_json(json.empty() ? "{}" : json);
  if (!value) return Error{"the body is no JSON: " + value.error().message};
  if (value->object() == nullptr) return Error{"the body must be an object, not " + std::string(value->type())};
  return OrderReader(settings).read(*value->object());
}

std::string progress_json(const warm::Progress* progress, SteadyTime now) {
  JsonWriter json;
  json.object();
  if (progress == nullptr) return json.member("state", "none").end().take();
  const SteadyTime until = progress->over() ? progress->ended : now;
  json.member("state", warm::name_of(progress->stage));
  if (!progress->waits_for.empty()) json.member("waits_for", progress->waits_for);
  json.member("total", progress->total).member("done", progress->done()).member("fetched", progress->fetched);
  json.member("already_warm", progress->already_warm).member("not_stored", progress->not_stored).member("failed", progress->failed);
  json.member("unusable", progress->unusable).member("per_second", static_cast<std::uint64_t>(std::lround(progress->per_second(now))));
  json.member("milliseconds", std::chrono::duration_cast<Millis>(until - progress->started).count());
  json.member("paused_milliseconds", progress->paused.count()).array("failures");
  for (const std::string& failure : progress->failures) json.value(failure);
  json.end().end();
  return json.take();
}

}  // namespace davenport::admin
