#include "support/stage.h"

#include <doctest/doctest.h>

namespace davenport::testing {
namespace {

constexpr const char* kHostLine = "Host: shop.test\r\n";
constexpr const char* kNext = "/next";                       // the honest request behind each act, on the same connection

// Everything is answered with what was asked, storable by everybody, so that whatever slips through shows itself.
Reply answer(const SeenRequest& request) {
  std::string body = request.method + " " + request.target;
  if (!request.body.empty()) body += " " + request.body;
  return {200, {{"cache-control", "public, max-age=600"}}, body};
}

std::string without_id(const std::string& raw) {
  const std::string name = "\r\nX-Request-Id: ";
  const std::size_t at = raw.find(name);
  if (at == std::string::npos) return raw;
  return raw.substr(0, at) + raw.substr(raw.find("\r\n", at + 2));
}

bool matches(const std::string& expected, const std::string& seen) {
  static constexpr std::string_view kOpen = "…";
  if (!expected.ends_with(kOpen)) return expected == seen;
  return seen.starts_with(std::string_view(expected).substr(0, expected.size() - kOpen.size()));
}

// What of it goes by which method, for answers to HEAD have no body.
std::string first_method(const std::string& bytes) {
  const std::size_t at = bytes.find_first_not_of("\r\n");
  return at == std::string::npos ? "" : bytes.substr(at, bytes.find(' ', at) - at);
}

}  // namespace

std::string line(const std::string& request_line) { return request_line + "\r\n" + kHostLine + "\r\n"; }

std::string get(const std::string& target, const std::string& field_lines) {
  return "GET " + target + " HTTP/1.1\r\n" + kHostLine + field_lines + (field_lines.empty() ? "\r\n" : "\r\n\r\n");
}

std::string post(const std::string& field_lines, const std::string& body) {
  return std::string("POST /a HTTP/1.1\r\n") + kHostLine + field_lines + "\r\n\r\n" + body;
}

std::string chunked(const std::string& body) { return post("Transfer-Encoding: chunked", body); }

std::string seen(const std::string& request_line, const std::string& fields_before_via, const std::string& fields_behind,
                 const std::string& body) {
  return request_line + " HTTP/1.1\r\n" + kHostLine + fields_before_via + "Via: 1.1 davenport\r\n" + fields_behind + "\r\n" + body;
}

Stage::Stage(const ProxyConfig& more) {
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PRI", "LOCK", "GETS", "get"}) {
    origin.on(method, "*").reply(answer);
  }
  ProxyConfig config = more;
  config.add("", "workers = 1").add("forwarding", "forwarded = false").add("forwarding", "x_forwarded = false");
  config.add("origin.app", "retries = 0").add("origin.app", "eject_after = 0");
  config.origin("app", {origin.address()});
  if (config.text().find("[[route]]") == std::string::npos) config.route("path = \"/\"").add("route", "origin = \"app\"");
  proxy_.emplace(config);
}

std::vector<std::string> Stage::take_seen() {
  const std::vector<SeenRequest> all = origin.all_requests();
  std::vector<std::string> fresh;
  for (; looked_at_ < all.size(); ++looked_at_) fresh.push_back(without_id(all[looked_at_].raw));
  return fresh;
}

std::string Stage::stored(const std::string& target, const FieldLines& fields) const {
  FieldLines asks{{"cache-control", "only-if-cached"}};
  const RawResponse response = proxy_->get(target, asks.add(fields));
  return response.status == 504 ? "" : response.body;
}

void Stage::play(const Act& act) {
  ++acts_;
  CAPTURE(act.name);
  CAPTURE(act.bytes.substr(0, 300));
  REQUIRE(proxy_->purge(R"({"all": true, "count": false})").status == 200);
  Client client = proxy_->client();
  client.send(act.bytes + (act.closes ? get("/smuggled") : ""));
  const std::string method = first_method(act.bytes);
  for (const Got& expected : act.gets) {
    const RawResponse response = client.read(method);
    CAPTURE(response.body.substr(0, 200));
    CHECK(response.status == expected.status);
    if (expected.checks_body) CHECK(response.body == expected.body);
    if (response.status == 0) continue;
    CHECK(response.complete);
    const bool last = &expected == &act.gets.back();
    if (last) CHECK(same_name(response.field("connection"), "close") == act.closes);
  }
  if (act.closes) {
    CHECK(client.await_close() == "");                      // the answers, then the end
  }
  // What is expected may still be on its way to the origin's record; what is not expected would show at the latest in the next act.
  std::vector<std::string> got;
  try {
    await_condition("the origin's record", [&] {
      for (std::string& one : take_seen()) got.push_back(std::move(one));
      if (got.size() < act.origin.size()) return false;
      if (!act.origin.empty() && !matches(act.origin.back(), got.back())) {
        --looked_at_;                                       // its body is still being read
        got.pop_back();
        return false;
      }
      return true;
    }, std::chrono::seconds(2));
  } catch (const TimedOut&) {
    for (std::string& one : take_seen()) got.push_back(std::move(one));
  }
  CHECK(got.size() == act.origin.size());
  for (std::size_t i = 0; i < std::max(got.size(), act.origin.size()); ++i) {
    const std::string expected = i < act.origin.size() ? act.origin[i] : "nothing", one = i < got.size() ? got[i] : "nothing";
    CAPTURE(i);
    if (!matches(expected, one)) CHECK(one == expected);
  }
  CHECK(stored("/a") == act.stored);
  CHECK(stored("/smuggled") == "");
  if (!act.closes) {
    const RawResponse next = client.get(kNext);
    CHECK(next.status == 200);
    CHECK(next.body == "GET /next");
    CHECK(take_seen() == std::vector<std::string>{seen("GET /next")});
  }
  const RawResponse other = proxy_->get("/other");
  CHECK(other.body == "GET /other");
  CHECK(take_seen() == std::vector<std::string>{seen("GET /other")});
  std::uint64_t recorded = 0;
  for (const SeenRequest& request : origin.all_requests()) recorded += request.raw.size();
  CHECK(origin.bytes_received() == recorded);               // no byte that is not part of a request
}

}  // namespace davenport::testing
