#include "proxy/cli_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "cache/policy/coding.h"
#include "cache/policy/storability.h"
#include "config/config.h"
#include "core/base/text.h"
#include "core/http/grammar.h"
#include "core/http/uri.h"
#include "proxy/admin/readable.h"

namespace davenport::cli {
namespace {

using http::FieldId;

constexpr std::int64_t kDay = 86'400, kLong = 30 * kDay;
constexpr std::uint64_t kWorthSaying = 512;        // bytes

std::string path_of(const std::string& url) {
  const auto parts = http::parse_http_uri(url);
  return parts ? std::string(parts->path) : std::string{};
}

std::string type_of(const http::Fields& fields) {
  const std::string_view field = fields.get(FieldId::content_type);
  return lower(trim_ows(field.substr(0, field.find(';'))));
}

policy::StoreVerdict verdict_of(const Fetched& answer, WallSeconds now) {
  static const config::CacheRules kDefaults;
  http::RequestHead request;
  request.method = http::Method::get;
  return policy::judge(request, answer.head, {now, now}, kDefaults);
}

// How long a browser keeps an answer without asking: RFC 9111 §4.2.1 for a private cache. nullopt: it guesses.
std::optional<std::int64_t> browser_lifetime(const http::Fields& fields, WallSeconds now) {
  std::string scratch;
  const std::string says = lower(fields.combined(FieldId::cache_control, scratch));
  if (http::list_contains(says, "no-store") || http::list_contains(says, "no-cache")) return 0;
  if (const std::size_t at = says.find("max-age="); at != std::string::npos && (at == 0 || says[at - 1] != '-')) {
    return std::strtoll(says.c_str() + at + 8, nullptr, 10);
  }
  if (!fields.has(FieldId::expires)) return std::nullopt;
  const auto expires = http::parse_http_date(fields.get(FieldId::expires), now);
  const auto date = http::parse_http_date(fields.get(FieldId::date), now);
  return expires ? std::max<std::int64_t>(0, (*expires - date.value_or(now)).count()) : 0;
}

std::string refused_because(policy::Storing storing, const http::Fields& fields) {
  using policy::Storing;
  std::string scratch;
  const bool asks = http::list_contains(fields.combined(FieldId::cache_control, scratch), "no-cache");
  if (storing == Storing::no_lifetime && asks) return "it is to be validated at each use, and has no validator";
  switch (storing) {
    case Storing::no_store: return "it says no-store";
    case Storing::private_: return "it says private";
    case Storing::vary_star: return "it says Vary: *";
    case Storing::set_cookie: return "it sets a cookie and does not say that it may be shared";
    case Storing::no_lifetime: return "it says nothing of its lifetime";
    default: return std::string(policy::name_of(storing));
  }
}

std::string change_for(policy::Storing storing, bool page) {
  using policy::Storing;
  switch (storing) {
    case Storing::set_cookie:
      return page ? "let the application set the cookie where it is needed only, or share_set_cookie = true for the route"
                  : "cookieless_paths for static files";
    case Storing::no_lifetime: return page ? "default_ttl for the route" : "ttl or default_ttl for the route";
    case Storing::vary_star: return "let the application name the fields that it varies by";
    default: return page ? "nothing, if it is one visitor's own; else Cache-Control: public, max-age=… from the application"
                         : "a [[route.header]] with obey = true that sets CDN-Cache-Control: max-age=…";
  }
}

class Judge {
 public:
  Judge(const Audited& audited, WallSeconds now)
      : audited_(audited), fields_(audited.answer.head.fields), now_(now), bytes_(audited.answer.body.size()), path_(path_of(audited.url)),
        type_(type_of(fields_)), verdict_(verdict_of(audited.answer, now)) {}

  Judged all() {
    const int status = audited_.answer.head.status;
    caching();
    browsers();
    if (status >= 300) {
      out_.cache = out_.browser = "-";
      say(Problem::broken, fmt::format("status {}", status), bytes_,
          status < 400 ? "link to where it leads: each view costs one more round trip" : "take the link away, or mend what it leads to");
      return std::move(out_);
    }
    coding();
    labels();
    return std::move(out_);
  }

 private:
  void say(Problem problem, std::string what, std::uint64_t cost, std::string change) {
    out_.findings.push_back({problem, std::move(what), cost, std::move(change)});
  }

  void caching() {
    const bool redirect_or_error = audited_.answer.head.status >= 300;
    if (!verdict_.ok()) {
      out_.cache = policy::name_of(verdict_.storing);
      if (!redirect_or_error) {
        say(Problem::not_cacheable, "not stored by a shared cache: " + refused_because(verdict_.storing, fields_), bytes_,
            change_for(verdict_.storing, audited_.page));
      }
      return;
    }
    const std::string lifetime = admin::readable_seconds(verdict_.facts.lifetime);
    out_.cache = verdict_.facts.lifetime == 0 || verdict_.facts.no_cache ? "asks" : verdict_.facts.heuristic ? "guess " + lifetime : lifetime;
    if (verdict_.facts.heuristic) {
      say(Problem::badly_labelled, "no lifetime: caches guess " + lifetime, 0, "default_ttl for the route, or Cache-Control from the application");
    }
  }

  void browsers() {
    const auto lifetime = browser_lifetime(fields_, now_);
    out_.browser = !lifetime ? "guesses" : *lifetime <= 0 ? "asks" : admin::readable_seconds(*lifetime);
    if (audited_.page || audited_.answer.head.status != 200) return;
    const bool hashed = config::is_fingerprinted(path_);
    const bool validates = fields_.has(FieldId::etag) || fields_.has(FieldId::last_modified);
    std::string scratch;
    const bool immutable = http::list_contains(fields_.combined(FieldId::cache_control, scratch), "immutable");
    if (hashed && (lifetime.value_or(0) < kLong || !immutable)) {
      const bool asks = lifetime.value_or(0) < kDay;
      say(Problem::badly_labelled, "its name carries a hash, and browsers " + std::string(asks ? "ask for it again" : "may ask again"),
          asks && !validates ? bytes_ : 0,
          "[[route.header]] paths = [\"fingerprinted\"], set = { Cache-Control = \"public, max-age=31536000, immutable\" }");
    } else if (!hashed && lifetime.value_or(0) >= 365 * kDay / 2) {
      say(Problem::badly_labelled, "kept for " + out_.browser + " under a name without a hash: a change does not reach visitors", 0,
          "put a hash into its name, or a shorter max-age");
    } else if (!hashed && lifetime && *lifetime < 60 && !validates) {
      say(Problem::badly_labelled, "browsers load it anew for every page", bytes_, "a max-age, or an ETag");
    }
  }

  void coding() {
    const bool coded = fields_.has(FieldId::content_encoding);
    if (audited_.best_bytes == 0 || audited_.best_bytes + kWorthSaying > bytes_) return;
    const std::uint64_t saved = bytes_ - audited_.best_bytes;
    const std::string what = coded ? fmt::format("{} where br is smaller", fields_.get(FieldId::content_encoding)) : "not compressed";
    if (coded && saved * 10 < bytes_) return;
    say(Problem::not_compressed, fmt::format("{}: {} % less with br", what, saved * 100 / bytes_), saved,
        "Davenport compresses it as it is (compression.enabled)");
  }

  void labels() {
    if (!fields_.has(FieldId::content_type) && bytes_ > 0) {
      say(Problem::badly_labelled, "no Content-Type: browsers guess", 0, "[[route.header]] with default = { Content-Type = \"…\" }");
    }
    const bool script = path_.ends_with(".js") || path_.ends_with(".mjs"), style = path_.ends_with(".css");
    if ((script && type_.find("javascript") == std::string::npos) || (style && type_ != "text/css")) {
      say(Problem::badly_labelled, fmt::format("{} as {}: with nosniff browsers refuse it", script ? "a script" : "a style sheet", type_.empty() ? "nothing" : type_), 0,
          fmt::format("[[route.header]] with set = {{ Content-Type = \"{}\" }}", script ? "text/javascript" : "text/css"));
    }
    if (!audited_.page && fields_.has(FieldId::set_cookie)) {
      say(Problem::badly_labelled, "sets a cookie", 0, "cookieless_paths for static files");
    }
    for (const std::string_view name : {"User-Agent", "Cookie", "Referer"}) {
      std::string scratch;
      if (http::list_contains(fields_.combined(FieldId::vary, scratch), lower(name))) {
        say(Problem::badly_labelled, fmt::format("varies by {}: hardly two visitors share it", name), bytes_,
            name == "Cookie" ? "key_cookies and ignore_other_cookies, or cookieless_paths" : fmt::format("drop_vary = [\"{}\"]", name));
      }
    }
    if (verdict_.ok() && !fields_.has(FieldId::etag) && !fields_.has(FieldId::last_modified) && bytes_ > kWorthSaying && audited_.page) {
      say(Problem::badly_labelled, "neither ETag nor Last-Modified: each refresh at the origin costs the whole", bytes_,
          "let the application send one; to browsers Davenport sends an ETag of its own");
    }
  }

  const Audited& audited_;
  const http::Fields& fields_;
  const WallSeconds now_;
  const std::uint64_t bytes_;
  const std::string path_, type_;
  const policy::StoreVerdict verdict_;
  Judged out_;
};

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

// For a terminal: visible ASCII, not too long.
std::string shown(std::string_view text, std::size_t most) {
  std::string out;
  for (const char c : text.substr(0, most)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out + (text.size() > most ? "…" : "");
}

// Without the page's own scheme and host.
std::string shown_url(const std::string& url, const std::string& page) {
  const auto parts = http::parse_http_uri(page);
  const std::string start = parts ? std::string(parts->scheme) + "://" + std::string(parts->authority) : std::string{};
  return shown(!start.empty() && url.starts_with(start + "/") ? url.substr(start.size()) : url, 70);
}

struct Sum {
  std::size_t answers = 0;
  std::uint64_t bytes = 0;
};

std::string summary(const std::vector<Audited>& all, const std::vector<Judged>& judged) {
  std::array<Sum, 4> sums{};
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    bytes += all[i].answer.body.size();
    std::array<bool, 4> counted{};
    for (const Finding& finding : judged[i].findings) {
      const auto at = static_cast<std::size_t>(finding.problem);
      if (!counted[at]) ++sums[at].answers;
      counted[at] = true;
      sums[at].bytes += finding.cost;
    }
  }
  const auto of = [&](Problem problem) { return sums[static_cast<std::size_t>(problem)]; };
  return fmt::format("{} answers, {} bytes: {} not cacheable ({} bytes a view), {} not compressed ({} bytes too many), {} badly labelled "
                     "({} bytes of further views), {} broken\n",
                     all.size(), grouped(bytes), of(Problem::not_cacheable).answers, grouped(of(Problem::not_cacheable).bytes),
                     of(Problem::not_compressed).answers, grouped(of(Problem::not_compressed).bytes), of(Problem::badly_labelled).answers,
                     grouped(of(Problem::badly_labelled).bytes), of(Problem::broken).answers);
}

}  // namespace

bool is_text(const Fetched& answer) {
  const std::string type = type_of(answer.head.fields);
  static const config::Compression kDefaults;
  return std::any_of(kDefaults.types.begin(), kDefaults.types.end(),
                     [&](const std::string& pattern) { return config::matches_pattern(pattern, type); });
}

Judged judge_answer(const Audited& audited, WallSeconds now) { return Judge(audited, now).all(); }

std::string report(const std::string& url, const std::vector<Audited>& all, WallSeconds now) {
  std::vector<Judged> judged;
  for (const Audited& each : all) judged.push_back(judge_answer(each, now));
  std::string out = fmt::format("{:>10}  {:<8} {:<16} {:<14} {}\n", "bytes", "coding", "shared cache", "browser", "URL");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string_view coding = all[i].answer.head.fields.get(FieldId::content_encoding);
    out += fmt::format("{:>10}  {:<8} {:<16} {:<14} {}\n", grouped(all[i].answer.body.size()), coding.empty() ? "-" : shown(coding, 8),
                       judged[i].cache, judged[i].browser, i == 0 ? shown(all[i].url, 90) : shown_url(all[i].url, url));
    std::vector<Finding>& findings = judged[i].findings;
    std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) { return a.cost > b.cost; });
    for (const Finding& finding : findings) {
      out += fmt::format("{:>10}    {}\n{:>12}  > {}\n", finding.cost == 0 ? "" : "-" + grouped(finding.cost), finding.what, "", finding.change);
    }
  }
  return out + "\n" + summary(all, judged);
}

}  // namespace davenport::cli
