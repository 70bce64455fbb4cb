// proxy/cli_init.cc: `davenport init URL`: a look at a running application, and the configuration that it suggests.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <deque>
#include <map>
#include <set>

#include "core/base/text.h"
#include "core/http/uri.h"
#include "proxy/cli.h"
#include "proxy/cli_advice.h"

namespace davenport::cli {
namespace {

// The cookies of one visitor, by name.
class Jar {
 public:
  void take(const http::Fields& fields) {
    for (const http::Field& field : fields) {
      if (field.id != http::FieldId::set_cookie) continue;
      const std::string_view pair = trim_ows(field.value.substr(0, field.value.find(';')));
      const std::size_t equals = pair.find('=');
      if (equals != std::string_view::npos) cookies_[std::string(pair.substr(0, equals))] = pair.substr(equals + 1);
    }
  }
  std::string line() const {
    std::string out;
    for (const auto& [name, value] : cookies_) out.append(out.empty() ? "" : "; ").append(name).append("=").append(value);
    return out;
  }

 private:
  std::map<std::string, std::string> cookies_;
};

struct Todo {
  std::string path;
  bool asset;
};

class Look {
 public:
  Look(std::string authority, const InitOptions& options) : base_("http://" + authority), authority_(std::move(authority)), options_(options) {}

  Result<std::vector<Sample>> run(std::string start) {
    std::deque<Todo> todo;
    queue(todo, {std::move(start), false});
    while (!todo.empty() && !over()) {
      const Todo next = std::move(todo.front());
      todo.pop_front();
      Result<Sample> sample = ask(next);
      if (!sample && samples_.empty()) return sample.error();
      if (!sample) continue;
      if (sample->first.head.fields.get(http::FieldId::content_type).starts_with("text/html")) {
        Links links = links_of(sample->first.body, authority_, next.path);
        for (std::string& asset : links.assets) queue(todo, {std::move(asset), true});
        for (std::string& page : links.pages) queue(todo, {std::move(page), false});
      }
      samples_.push_back(std::move(*sample));
    }
    come_back();
    if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\x1b[K");
    return std::move(samples_);
  }

 private:
  bool over() const { return read_steady_clock() - started_ > options_.time; }
  FetchLimits limits() const {
    FetchLimits limits;
    limits.until = started_ + options_.time;
    return limits;
  }

  void queue(std::deque<Todo>& todo, Todo next) {
    std::uint32_t& left = next.asset ? assets_left_ : pages_left_;
    if (left == 0 || !known_.insert(next.path).second) return;
    --left;
    todo.push_back(std::move(next));
  }

  Result<Sample> ask(const Todo& next) {
    static const std::vector<std::pair<std::string, std::string>> kVisitor{{"Accept", "text/html,*/*;q=0.8"}, {"Accept-Encoding", "gzip, br"}};
    // Links are only found in what is readable: pages are asked for without a coding first.
    static const std::vector<std::pair<std::string, std::string>> kReader{{"Accept", "text/html,*/*;q=0.8"}};
    tell(next.path);
    Sample sample;
    sample.path = next.path;
    sample.asset = next.asset;
    for (Fetched* one : {&sample.first, &sample.second}) {
      Result<Fetched> answer = fetch(base_ + next.path, next.asset ? kVisitor : kReader, limits());
      if (!answer) return answer.error();
      *one = std::move(*answer);
    }
    jar_.take(sample.first.head.fields);
    return sample;
  }

  // Once more as the visitor who has been everywhere.
  void come_back() {
    const std::string cookies = jar_.line();
    for (Sample& sample : samples_) {
      sample.returning.head.status = sample.first.head.status;
      sample.returning.body = sample.first.body;
      if (cookies.empty() || over()) continue;
      tell(sample.path);
      Result<Fetched> answer = fetch(base_ + sample.path, {{"Accept", "text/html,*/*;q=0.8"}, {"Cookie", cookies}}, limits());
      if (answer) sample.returning = std::move(*answer);
    }
  }

  void tell(const std::string& path) {
    ++asked_;
    if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\x1b[K{} asked  {}", asked_, path.substr(0, 60));
  }

  const std::string base_, authority_;
  const InitOptions& options_;
  const SteadyTime started_ = read_steady_clock();
  std::uint32_t pages_left_ = options_.pages, assets_left_ = options_.assets, asked_ = 0;
  std::set<std::string> known_;
  Jar jar_;
  std::vector<Sample> samples_;
};

}  // namespace

int init(const InitOptions& options) {
  const std::string url = options.url.find("://") == std::string::npos ? "http://" + options.url : options.url;
  const auto parts = http::parse_http_uri(url);
  const auto authority = parts ? http::parse_host_port(parts->authority) : std::nullopt;
  if (!authority || !iequals(parts->scheme, "http")) {
    fmt::print(stderr, "\"{}\" is no address of an application: write http://127.0.0.1:3000/ (https is not asked; name its plain address)\n", options.url);
    return 1;
  }
  std::string start = parts->path.empty() ? "/" : std::string(parts->path);
  if (parts->has_query) start.append("?").append(parts->query);
  Look look{std::string(parts->authority), options};
  const Result<std::vector<Sample>> samples = look.run(std::move(start));
  if (!samples) {
    fmt::print(stderr, "{}\n", samples.error().message);
    return 1;
  }
  const std::string origin = std::string(authority->host) + ":" + (authority->port.empty() ? "80" : std::string(authority->port));
  fmt::print("{}", advised_configuration(url, origin, *samples, read_wall_seconds()));
  return 0;
}

}  // namespace davenport::cli
