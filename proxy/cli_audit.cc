// `davenport audit`: a page and what it loads, looked at as a shared cache and a browser would.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <optional>
#include <set>

#include "core/base/text.h"
#include "core/http/grammar.h"
#include "core/http/uri.h"
#include "proxy/cli.h"
#include "proxy/cli_assets.h"
#include "proxy/cli_findings.h"
#include "proxy/transform/codec.h"

namespace davenport::cli {
namespace {

constexpr std::size_t kRedirects = 5;
constexpr std::uint64_t kPlainBytesMost = 64u << 20, kAllBytesMost = 256u << 20;
constexpr std::uint32_t kBrotliLevel = 5;

// The text of a coded body; nullopt: it can't be read.
std::optional<std::string> plain_of(const Fetched& answer) {
  const std::string_view field = answer.head.fields.get(http::FieldId::content_encoding);
  if (field.empty() || iequals(field, "identity")) return answer.body;
  const auto coding = policy::coding_named(field);
  const auto decoder = coding ? transform::make_decoder(*coding, {kPlainBytesMost, 1000}) : nullptr;
  if (decoder == nullptr) return std::nullopt;
  std::string plain;
  const transform::Decoder::Sink sink = [&plain](std::string_view piece) {
    plain.append(piece);
    return true;
  };
  if (decoder->feed(answer.body, sink) != transform::Decoder::State::going || !decoder->complete()) return std::nullopt;
  return plain;
}

std::uint64_t bytes_as_brotli(std::string_view plain) {
  std::string coded;
  const auto encoder = transform::make_encoder(policy::Coding::brotli, kBrotliLevel, plain.size());
  if (encoder == nullptr || !encoder->feed(plain, transform::Flush::end, coded)) return 0;
  return coded.size();
}

bool is_redirect(int status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

class Audit {
 public:
  explicit Audit(const AuditOptions& options) : options_(options) {}

  // What was seen; an error only where the page itself can't be had.
  Result<std::vector<Audited>> run(std::string url) {
    for (std::size_t turn = 0; turn <= kRedirects; ++turn) {
      if (auto failed = look(url, true); failed) return *failed;
      const Fetched& answer = all_.back().answer;
      const std::string_view location = answer.head.fields.get(http::FieldId::location);
      if (!is_redirect(answer.head.status) || location.empty()) break;
      const auto parts = http::parse_http_uri(url);
      const auto next = http::resolve_reference(parts->scheme, parts->authority, parts->path.empty() ? "/" : parts->path, location);
      if (!next) break;
      url = *next;
    }
    while (!todo_.empty() && !over()) {
      const std::string next = std::move(todo_.front());
      todo_.pop_front();
      if (auto failed = look(next, false); failed) missed_.push_back(failed->message);
    }
    left_out_ += todo_.size();
    if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\x1b[K");
    return std::move(all_);
  }
  const std::vector<std::string>& missed() const { return missed_; }
  std::size_t left_out() const { return left_out_; }

 private:
  bool over() const { return read_steady_clock() - started_ > options_.time || bytes_ > kAllBytesMost; }

  std::optional<Error> look(const std::string& url, bool page) {
    tell(url);
    static const std::vector<std::pair<std::string, std::string>> kPage{{"Accept", "text/html,*/*;q=0.8"}, {"Accept-Encoding", "br, zstd, gzip"}};
    static const std::vector<std::pair<std::string, std::string>> kAsset{{"Accept", "*/*"}, {"Accept-Encoding", "br, zstd, gzip"}};
    FetchLimits limits;
    limits.until = started_ + options_.time;
    limits.tls.ca = options_.ca;
    limits.tls.verify = !options_.insecure;
    Result<Fetched> answer = fetch(url, page ? kPage : kAsset, limits);
    if (!answer) return answer.error();
    Audited seen;
    seen.url = url;
    seen.page = page;
    seen.answer = std::move(*answer);
    bytes_ += seen.answer.body.size();
    const std::optional<std::string> plain = plain_of(seen.answer);
    seen.plain_bytes = plain ? plain->size() : seen.answer.body.size();
    if (plain && is_text(seen.answer) && seen.answer.head.status == 200) {
      seen.best_bytes = bytes_as_brotli(*plain);
      const std::string_view type = seen.answer.head.fields.get(http::FieldId::content_type);
      if (page) queue(assets_of_html(*plain, url));
      else if (lower(type.substr(0, 8)) == "text/css") queue(assets_of_css(*plain, url));
    }
    all_.push_back(std::move(seen));
    return std::nullopt;
  }

  void queue(std::vector<std::string> urls) {
    for (std::string& url : urls) {
      if (!known_.insert(url).second) continue;
      if (known_.size() > options_.assets) ++left_out_;
      else todo_.push_back(std::move(url));
    }
  }

  void tell(const std::string& url) {
    ++asked_;
    if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\x1b[K{} asked, {} to ask  {}", asked_, todo_.size(), url.substr(0, 60));
  }

  const AuditOptions& options_;
  const SteadyTime started_ = read_steady_clock();
  std::uint64_t bytes_ = 0;
  std::size_t asked_ = 0, left_out_ = 0;
  std::set<std::string> known_;
  std::deque<std::string> todo_;
  std::vector<Audited> all_;
  std::vector<std::string> missed_;
};

}  // namespace

int audit(const AuditOptions& options) {
  const std::string url = options.url.find("://") == std::string::npos ? "http://" + options.url : options.url;
  Audit audit(options);
  const Result<std::vector<Audited>> all = audit.run(url);
  if (!all) {
    fmt::print(stderr, "{}\n", all.error().message);
    return 1;
  }
  fmt::print("{}", report(url, *all, read_wall_seconds()));
  for (const std::string& missed : audit.missed()) fmt::print("not looked at: {}\n", missed);
  if (audit.left_out() > 0) fmt::print("{} more were left out (--assets, --time)\n", audit.left_out());
  return 0;
}

}  // namespace davenport::cli
