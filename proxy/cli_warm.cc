// `davenport warm`: asks a proxy for pages, as a visitor would, and says what came of it.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "cache/warm/run.h"
#include "core/base/text.h"
#include "core/http/structured.h"
#include "core/http/uri.h"
#include "core/net/tls.h"
#include "proxy/cli.h"
#include "proxy/origin/connections.h"
#include "proxy/origin/exchange.h"
#include "proxy/transform/unpack.h"

namespace davenport::cli {
namespace {

constexpr std::uint64_t kSourceBytes = 64u << 20;
constexpr Seconds kProgressEvery{1}, kProgressLineEvery{10};       // on a terminal; in a log

int fail(std::string_view message) {
  fmt::print(stderr, "davenport: {}\n", message);
  return 1;
}

bool is_url(std::string_view text) { return text.starts_with("http://") || text.starts_with("https://"); }

Result<std::string> read_source(const std::string& name) {
  std::error_code failed;
  if (name != "-" && std::filesystem::is_directory(name, failed)) return Error{name + " is a directory"};
  std::ifstream file;
  if (name != "-") file.open(name, std::ios::binary);
  std::istream& in = name == "-" ? std::cin : file;
  std::string bytes(kSourceBytes + 1, '\0');        // one more than is taken, so that what is too long shows
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (in.bad() || (name != "-" && !file.is_open())) return Error{"cannot read " + name};
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  if (bytes.size() > kSourceBytes) return Error{name + " is larger than is read of a source, " + std::to_string(kSourceBytes >> 20) + " MiB"};
  Result<std::string> text = transform::unpack_gzip(std::move(bytes), kSourceBytes);
  if (!text) return Error{name + " " + text.error().message};
  return text;
}

// What the nearest cache says of an answer (RFC 9211: the last member of Cache-Status).
warm::Outcome outcome_of(const http::Fields& fields) {
  std::string scratch;
  const auto list = http::parse_sf_list(fields.combined("cache-status", scratch));
  if (!list || list->empty()) return warm::Outcome::fetched;
  const auto* const nearest = std::get_if<http::SfItem>(&list->back());
  bool hit = false, forwarded = false, kept = false;
  if (nearest != nullptr) {
    for (const auto& [name, value] : nearest->parameters) {
      const bool* const flag = std::get_if<bool>(&value);
      if (name == "hit") hit = flag == nullptr || *flag;
      if (name == "fwd") forwarded = true;
      if ((name == "stored" && (flag == nullptr || *flag)) || name == "collapsed") kept = true;
      if (name == "fwd-status" && value == http::SfBare(std::int64_t{304})) kept = true;
    }
  }
  if (hit) return warm::Outcome::already_warm;
  return forwarded && !kept ? warm::Outcome::not_stored : warm::Outcome::fetched;
}

// A client of a proxy, or of whoever the URLs name.
class ProxyClient final : public warm::Fetcher {
 public:
  ProxyClient(net::Loop& loop, const WarmOptions& options) : connections_(loop), options_(options) {}
  void close() { connections_.close_idle(); }

  net::Task<warm::Warmed> warm(std::string url, std::string coding) override {
    Got got = co_await get(url, coding, 0);
    if (!got.error.empty()) co_return warm::Warmed{warm::Outcome::failed, std::move(got.error)};
    if (got.status >= 400) co_return warm::Warmed{warm::Outcome::failed, "status " + std::to_string(got.status)};
    co_return warm::Warmed{got.outcome, {}};
  }

  net::Task<Result<std::string>> load(std::string url) override {
    Got got = co_await get(url, "", kSourceBytes);
    if (!got.error.empty()) co_return Error{std::move(got.error)};
    if (got.status != 200) co_return Error{"status " + std::to_string(got.status)};
    Result<std::string> text = transform::unpack_gzip(std::move(got.body), kSourceBytes);
    if (!text) co_return Error{"it " + text.error().message};
    co_return text;
  }

 private:
  struct Got {
    int status = 0;
    warm::Outcome outcome = warm::Outcome::failed;
    std::string body, error;
  };

  // `most_bytes`: of a body that is kept; 0: it is only read.
  net::Task<Got> get(std::string url, std::string coding, std::uint64_t most_bytes) {
    Got got;
    const auto parts = http::parse_http_uri(url);
    const auto host = parts ? http::parse_host_port(parts->authority) : std::nullopt;
    Result<origin::ClusterPtr> cluster = host ? cluster_of(*parts, *host) : Result<origin::ClusterPtr>(Error{"no URL"});
    if (!cluster) {
      got.error = cluster.error().message;
      co_return got;
    }
    std::string target = parts->path.empty() ? "/" : std::string(parts->path);
    if (parts->has_query) target.append("?").append(parts->query);
    http::Fields fields;
    fields.add("Host", parts->authority);
    fields.add("User-Agent", "davenport-warm");
    if (!coding.empty()) fields.add("Accept-Encoding", coding);
    origin::OriginRequest ask;
    ask.method_name = "GET";
    ask.target = target;
    ask.fields = &fields;
    origin::Exchange exchange(connections_, *cluster);
    Result<const http::ResponseHead*, origin::Failure> head = co_await exchange.request(ask);
    while (head && (*head)->status < 200) head = co_await exchange.next_head();
    if (!head) {
      got.error = head.error().detail;
      co_return got;
    }
    got.status = (*head)->status;
    got.outcome = outcome_of((*head)->fields);
    const bool has_body = (*head)->framing != http::Framing::none;
    for (bool end = !has_body; !end;) {
      const Result<origin::Piece, origin::Failure> piece = co_await exchange.read_body();
      if (!piece) {
        got.error = piece.error().detail;
        co_return got;
      }
      if (most_bytes != 0) got.body.append(piece->bytes);
      end = piece->end;
      if (got.body.size() <= most_bytes) continue;
      exchange.abandon();
      got.error = "it is larger than " + std::to_string(most_bytes) + " bytes";
      co_return got;
    }
    if (!has_body) static_cast<void>(exchange.try_read_body());
    co_return got;
  }

  // Whom to connect to for a URL: `--proxy`, else the URL's own host. Over TLS the name that is asked for is the URL's.
  Result<origin::ClusterPtr> cluster_of(const http::UriParts& url, const http::HostPort& host) {
    http::UriParts to = url;
    http::HostPort place = host;
    if (!options_.proxy.empty()) {
      const auto proxy = http::parse_http_uri(options_.proxy);
      const auto at = proxy ? http::parse_host_port(proxy->authority) : std::nullopt;
      if (!at) return Error{"\"" + options_.proxy + "\" is no proxy: write http://127.0.0.1:8080"};
      to = *proxy;
      place = *at;
    }
    const bool https = iequals(to.scheme, "https");
    const std::string port = place.port.empty() ? (https ? "443" : "80") : std::string(place.port);
    const std::string address = std::string(place.host) + ":" + port;
    origin::ClusterPtr& known = clusters_[(https ? "https://" + std::string(host.host) + " " : "http ") + address];
    if (known != nullptr) return known;
    const Result<config::Address> parsed = config::Address::parse(address);
    if (!parsed) return parsed.error();
    config::Origin origin;
    origin.name = address;
    origin.servers.push_back({*parsed, 1, https});
    origin.eject_after = 0;
    net::TlsClientPtr tls;
    if (https) {
      origin.tls.server_name = std::string(host.host);
      net::TlsClientSettings settings;
      settings.ca = options_.ca;
      Result<net::TlsClientPtr> made = net::make_tls_client(settings);
      if (!made) return made.error();
      tls = std::move(*made);
    }
    known = origin::make_cluster(origin, nullptr, std::move(tls));
    return known;
  }

  origin::Connections connections_;
  const WarmOptions& options_;
  std::map<std::string, origin::ClusterPtr> clusters_;
};

std::string line_of(const warm::Progress& progress, SteadyTime now) {
  std::string line = fmt::format("{} of {}, {:.0f}/s: {} fetched, {} already warm", progress.done(), progress.total, progress.per_second(now),
                                 progress.fetched, progress.already_warm);
  if (progress.not_stored != 0) line += fmt::format(", {} not stored", progress.not_stored);
  if (progress.failed != 0) line += fmt::format(", {} failed", progress.failed);
  return line;
}

net::Task<void> show_progress(net::Loop& loop, std::shared_ptr<warm::Run> run) {
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  for (;;) {
    const bool goes_on = co_await net::sleep_until(loop, loop.now() + (terminal ? kProgressEvery : kProgressLineEvery));
    if (!goes_on || run->progress().over()) co_return;
    fmt::print(stderr, "{}{}{}", terminal ? "\r\x1b[K" : "", line_of(run->progress(), loop.now()), terminal ? "" : "\n");
    std::fflush(stderr);
  }
}

Result<warm::Order> order_of(const WarmOptions& options) {
  warm::Order order;
  order.rate = options.rate;
  order.concurrency = options.concurrency;
  order.variants = options.variants;
  const auto take = [&](Result<warm::Pages> pages, const std::string& name) -> Result<std::monostate> {
    if (!pages) return Error{name + ": " + pages.error().message};
    if (pages->unusable != 0) {
      fmt::print(stderr, "davenport: {}: {} entries are no URLs and are left out{}\n", name, pages->unusable,
                 options.base.empty() ? " (paths need --base)" : "");
    }
    for (std::string& url : pages->urls) order.urls.push_back(std::move(url));
    for (std::string& url : pages->sitemaps) order.sources.push_back(std::move(url));
    return std::monostate{};
  };
  for (const std::string& from : options.from) {
    if (is_url(from)) {
      order.sources.push_back(from);
      continue;
    }
    const Result<std::string> text = read_source(from);
    if (!text) return text.error();
    if (const auto taken = take(warm::read_pages(*text, options.base), from); !taken) return taken.error();
  }
  if (options.feed.empty()) return order;
  if (const auto names = warm::names_in(options.feed_template); !names) return names.error();
  if (is_url(options.feed)) {
    order.feed = options.feed;
    order.feed_template = options.feed_template;
    return order;
  }
  const Result<std::string> text = read_source(options.feed);
  if (!text) return text.error();
  if (const auto taken = take(warm::read_feed(*text, options.feed_template, options.base), options.feed); !taken) return taken.error();
  return order;
}

}  // namespace

int warm(const WarmOptions& options) {
  Result<warm::Order> order = order_of(options);
  if (!order) return fail(order.error().message);
  net::Loop loop;
  ProxyClient client(loop, options);
  const auto run = std::make_shared<warm::Run>(loop, client, std::move(*order));
  if (!options.quiet) net::spawn(show_progress(loop, run));
  warm::Run::start(run, [&loop] { loop.stop(); });
  if (!run->progress().over()) loop.run();
  loop.cancel_waiters();
  client.close();
  const warm::Progress& progress = run->progress();
  if (!options.quiet && ::isatty(STDERR_FILENO) == 1) fmt::print(stderr, "\r\x1b[K");
  for (const std::string& failure : progress.failures) fmt::print(stderr, "davenport: {}\n", failure);
  if (progress.failed > progress.failures.size()) fmt::print(stderr, "davenport: … and {} more\n", progress.failed - progress.failures.size());
  const double seconds = std::chrono::duration<double>(progress.ended - progress.started).count();
  fmt::print("{} in {:.1f} s\n", line_of(progress, progress.ended), seconds);
  if (progress.total == 0) return fail("there was nothing to warm");
  return progress.failed == 0 ? 0 : 1;
}

}  // namespace davenport::cli
