#include "proxy/cli_advice.h"

#include <doctest/doctest.h>

#include "config/load.h"
#include "core/http/parser.h"

namespace davenport::cli {
namespace {

constexpr WallSeconds kNow{Seconds{1'800'000'000}};

Fetched answer(const std::string& fields, const std::string& body) {
  const std::string text = "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  const http::HeadLimits limits;
  http::ResponseParser parser(limits);
  http::ResponseHead head;
  REQUIRE(parser.parse(text, http::Method::get, head).state == http::ParseState::done);
  Fetched out;
  out.head.status = head.status;
  out.head.framing = head.framing;
  out.head.content_length = head.content_length;
  out.head.fields = head.fields.clone();
  out.body = body;
  return out;
}

struct Visit { std::string fields, body; };

Sample sample(const std::string& path, bool asset, const Visit& first, const Visit& second, const Visit& returning) {
  Sample out;
  out.path = path;
  out.asset = asset;
  out.first = answer(first.fields, first.body);
  out.second = answer(second.fields, second.body);
  out.returning = answer(returning.fields, returning.body);
  return out;
}

Sample sample(const std::string& path, bool asset, const Visit& always) { return sample(path, asset, always, always, always); }

config::ConfigPtr loaded(const std::string& toml) {
  const auto read = config::load(toml, "advice.toml");
  CAPTURE(toml);
  REQUIRE(read);
  return *read;
}

std::string advice(std::vector<Sample> samples) { return advised_configuration("http://app.test/", "127.0.0.1:3000", samples, kNow); }

TEST_CASE("a session cookie is known by its name, or as HttpOnly with another value for each visitor") {
  std::vector<Sample> samples;
  samples.push_back(sample("/", false, {"Set-Cookie: PHPSESSID=1\r\nSet-Cookie: theme=dark\r\nSet-Cookie: q7=a; HttpOnly\r\n", "x"},
                           {"Set-Cookie: PHPSESSID=2\r\nSet-Cookie: theme=dark\r\nSet-Cookie: q7=b; HttpOnly\r\n", "x"}, {"", "x"}));
  const auto config = loaded(advice(std::move(samples)));
  CHECK(config->routes.front().cache.pass_cookies == std::vector<std::string>{"PHPSESSID", "q7"});
}

TEST_CASE("where pages differ for who comes back and no name says why, every cookie counts") {
  std::vector<Sample> samples;
  samples.push_back(sample("/", false, {"Set-Cookie: a=1\r\n", "hello"}, {"Set-Cookie: a=1\r\n", "hello"}, {"", "hello again"}));
  CHECK(loaded(advice(std::move(samples)))->routes.front().cache.pass_cookies == std::vector<std::string>{"a"});
}

TEST_CASE("Vary: Cookie lets the other cookies make no difference, once it is known which ones do") {
  std::vector<Sample> samples;
  samples.push_back(sample("/", false, {"Vary: Accept-Encoding, Cookie\r\nCache-Control: max-age=60\r\n", "x"}));
  CHECK(loaded(advice(std::move(samples)))->routes.front().cache.ignore_other_cookies);
}

TEST_CASE("files without a lifetime get a route of their own; pages get a comment") {
  std::vector<Sample> samples;
  samples.push_back(sample("/about", false, {"Content-Type: text/html\r\n", "page"}));
  samples.push_back(sample("/static/app.js", true, {"Content-Type: text/javascript\r\n", "code"}));
  samples.push_back(sample("/static/app.css", true, {"Content-Type: text/css\r\n", "style"}));
  samples.push_back(sample("/media/changing.js", true, {"", "1"}, {"", "2"}, {"", "3"}));
  const std::string toml = advice(std::move(samples));
  const auto config = loaded(toml);
  REQUIRE(config->routes.size() == 2);
  CHECK(config->routes[0].path == "/static");
  CHECK(config->routes[0].cache.default_ttl == Seconds{600});
  CHECK_FALSE(config->routes[1].cache.default_ttl.has_value());
  CHECK(toml.find("#default_ttl") != std::string::npos);
  CHECK(toml.find("not the same for two visitors") != std::string::npos);
}

TEST_CASE("a shared page that sets a session cookie is pointed out") {
  std::vector<Sample> samples;
  samples.push_back(sample("/", false, {"Cache-Control: public, immutable, max-age=60\r\nSet-Cookie: sid=1; HttpOnly\r\n", "x"}));
  CHECK(advice(std::move(samples)).find("set a session cookie") != std::string::npos);
}

TEST_CASE("what an application sends can't break the file that is written") {
  std::vector<Sample> samples;
  samples.push_back(sample("/a\"]\nlisten = []", true, {"Set-Cookie: \"x\"]=1\r\nSet-Cookie: se\\ss=1\r\n", "x"}));
  samples.push_back(sample("/a b/\"c\"/x.js", true, {"", "x"}));
  CHECK(loaded(advice(std::move(samples)))->routes.size() == 1);
}

TEST_CASE("links: pages and what they load, of this host alone, and none that acts") {
  const Links links = links_of(
      R"html(<a href="/a?x=1#top">A</a> <a href='b/c'>B</a> <a href="http://app.test/d">D</a> <a href="http://other.test/e">E</a>
         <a HREF="/logout">out</a> <a href="/a?x=1">A again</a> <img src="/i.png"> <link rel="stylesheet" href="s.css">
         <script src="//app.test/j.js"></script> <a href="mailto:x@y"> <a href=> <a href="javascript:void(0)">)html",
      "app.test", "/shop/");
  CHECK(links.pages == std::vector<std::string>{"/a?x=1", "/shop/b/c", "/d"});
  CHECK(links.assets == std::vector<std::string>{"/i.png", "/shop/s.css", "/j.js"});
  CHECK(links_of("<a href=\"", "app.test", "/").pages.empty());
}

}  // namespace
}  // namespace davenport::cli
