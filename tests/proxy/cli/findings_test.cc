// What `davenport audit` says of an answer, row by row.
#include "proxy/cli_findings.h"

#include <doctest/doctest.h>

#include "core/http/grammar.h"

using namespace davenport;
using namespace davenport::cli;

namespace {

constexpr WallSeconds kNow{Seconds{1'800'000'000}};

Audited seen(const std::string& path, const std::vector<std::pair<std::string, std::string>>& fields, std::size_t bytes = 10'000,
             std::uint64_t best = 0, int status = 200) {
  Audited out;
  out.url = "https://shop.test" + path;
  out.page = path == "/";
  out.answer.head.status = static_cast<std::uint16_t>(status);
  for (const auto& [name, value] : fields) out.answer.head.fields.add_copy(name, value);
  out.answer.body.assign(bytes, 'x');
  out.plain_bytes = bytes;
  out.best_bytes = best;
  return out;
}

std::string findings_of(const Audited& audited) {
  std::string out;
  for (const Finding& finding : judge_answer(audited, kNow).findings) {
    if (!out.empty()) out += "; ";
    out += finding.what + (finding.cost > 0 ? " (" + std::to_string(finding.cost) + ")" : "");
  }
  return out;
}

}  // namespace

TEST_CASE("what is wrong with an answer, and its bytes") {
  const std::string kYear = "public, max-age=31536000, immutable";
  struct Row { Audited seen; std::string findings; };
  const Row rows[] = {
      {seen("/a.3f2a9c1b.css", {{"Cache-Control", kYear}, {"Content-Type", "text/css"}, {"ETag", "\"1\""}}), ""},
      {seen("/a.css", {{"Cache-Control", "max-age=3600"}, {"Content-Type", "text/css"}, {"ETag", "\"1\""}}), ""},
      {seen("/a.css", {{"Cache-Control", "max-age=3600"}, {"Content-Type", "text/css"}, {"ETag", "\"1\""}}, 10'000, 2'500),
       "not compressed: 75 % less with br (7500)"},
      {seen("/a.css", {{"Cache-Control", "max-age=3600"}, {"Content-Type", "text/css"}, {"Content-Encoding", "gzip"}, {"ETag", "\"1\""}}, 10'000, 8'000),
       "gzip where br is smaller: 20 % less with br (2000)"},
      {seen("/a.css", {{"Cache-Control", "max-age=3600"}, {"Content-Type", "text/css"}, {"Content-Encoding", "gzip"}, {"ETag", "\"1\""}}, 10'000, 9'400), ""},
      {seen("/a.3f2a9c1b.css", {{"Cache-Control", "max-age=60"}, {"Content-Type", "text/css"}}),
       "its name carries a hash, and browsers ask for it again (10000)"},
      {seen("/a.3f2a9c1b.css", {{"Cache-Control", "max-age=60"}, {"Content-Type", "text/css"}, {"ETag", "\"1\""}}),
       "its name carries a hash, and browsers ask for it again"},
      {seen("/logo.png", {{"Cache-Control", kYear}, {"Content-Type", "image/png"}}),
       "kept for 365 d under a name without a hash: a change does not reach visitors"},
      {seen("/a.js", {{"Cache-Control", "no-store"}, {"Content-Type", "text/plain"}}),
       "not stored by a shared cache: it says no-store (10000); browsers load it anew for every page (10000); "
       "a script as text/plain: with nosniff browsers refuse it"},
      {seen("/p.png", {{"Cache-Control", "max-age=60"}, {"Content-Type", "image/png"}, {"ETag", "\"1\""}, {"Vary", "User-Agent"}}),
       "varies by User-Agent: hardly two visitors share it (10000)"},
      {seen("/", {{"Content-Type", "text/html"}}), "not stored by a shared cache: it says nothing of its lifetime (10000)"},
      {seen("/", {{"Cache-Control", "max-age=60"}, {"Content-Type", "text/html"}}),
       "neither ETag nor Last-Modified: each refresh at the origin costs the whole (10000)"},
      {seen("/gone.png", {{"Cache-Control", "max-age=60"}, {"Content-Type", "text/html"}}, 300, 0, 404), "status 404 (300)"},
      {seen("/a.css", {{"Cache-Control", "max-age=3600"}, {"Content-Type", "text/css"}, {"ETag", "\"1\""}, {"Set-Cookie", "a=b"}}),
       "not stored by a shared cache: it sets a cookie and does not say that it may be shared (10000); sets a cookie"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.seen.url);
    CHECK(findings_of(row.seen) == row.findings);
  }
}

TEST_CASE("the report is a table with what to change, and ends with a sum") {
  std::vector<Audited> all;
  all.push_back(seen("/", {{"Cache-Control", "max-age=60"}, {"Content-Type", "text/html"}, {"ETag", "\"1\""}}, 4'000, 1'000));
  all.push_back(seen("/a.3f2a9c1b.css", {{"Cache-Control", "max-age=60"}, {"Content-Type", "text/css"}}, 2'000));
  const std::string text = report("https://shop.test/", all, kNow);
  CAPTURE(text);
  for (const char* part : {"4,000", "https://shop.test/\n", "  /a.3f2a9c1b.css\n", "1 min", "-3,000    not compressed: 75 % less with br\n",
                           "paths = [\"fingerprinted\"]",
                           "2 answers, 6,000 bytes: 0 not cacheable (0 bytes a view), 1 not compressed (3,000 bytes too many), 1 badly labelled"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
}
