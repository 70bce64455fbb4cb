#include "proxy/admin/metrics_text.h"

#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>

#include "proxy/admin/admin_support.h"
#include "proxy/admin/exposition.h"

using namespace davenport;
using namespace davenport::admin;
using namespace std::chrono_literals;
using admin_test::FakeServer;

namespace {

bool has_line(const std::string& text, const std::string& line) { return ("\n" + text).find("\n" + line + "\n") != std::string::npos; }

}  // namespace

TEST_CASE("a label's value is escaped, and a family's lines stand together") {
  Exposition out;
  out.counter("a_total", "Help.");
  out.sample({{"one", "a\"b\\c\nd"}, {"two", ""}}, std::uint64_t{18'446'744'073'709'551'615u});
  out.gauge("b", "Help too.");
  out.sample(0);
  out.sample({{"x", "y"}}, 0.5);
  CHECK(out.take() ==
        "# HELP a_total Help.\n# TYPE a_total counter\n"
        "a_total{one=\"a\\\"b\\\\c\\nd\",two=\"\"} 18446744073709551615\n"
        "# HELP b Help too.\n# TYPE b gauge\nb 0\nb{x=\"y\"} 0.5\n");
}

TEST_CASE("a histogram's buckets are cumulated, and the last one is its count") {
  observe::Histogram first, second;
  first.observe(40us);
  first.observe(1ms);
  second.observe(2h);
  Exposition::Buckets buckets;
  buckets.add(first);
  buckets.add(second);
  Exposition out;
  out.histogram("t_seconds", "Time.");
  out.sample({{"outcome", "hit"}}, buckets);
  const std::string text = out.take();
  CHECK(has_line(text, "t_seconds_bucket{outcome=\"hit\",le=\"5e-05\"} 1"));
  CHECK(has_line(text, "t_seconds_bucket{outcome=\"hit\",le=\"0.0008\"} 1"));
  CHECK(has_line(text, "t_seconds_bucket{outcome=\"hit\",le=\"0.00125\"} 2"));
  CHECK(has_line(text, "t_seconds_bucket{outcome=\"hit\",le=\"60\"} 2"));
  CHECK(has_line(text, "t_seconds_bucket{outcome=\"hit\",le=\"+Inf\"} 3"));
  CHECK(has_line(text, "t_seconds_sum{outcome=\"hit\"} 7200.00104"));
  CHECK(has_line(text, "t_seconds_count{outcome=\"hit\"} 3"));
}

TEST_CASE("every reason has an outcome") {
  const std::set<std::string_view> outcomes{"hit", "stale", "revalidated", "miss", "pass", "refused"};
  for (std::size_t i = 0; i < policy::kReasonCount; ++i) CHECK(outcomes.contains(outcome_of(static_cast<policy::Reason>(i))));
  CHECK(outcome_of(policy::Reason::fresh_hit) == "hit");
  CHECK(outcome_of(policy::Reason::stale_if_error) == "stale");
  CHECK(outcome_of(policy::Reason::purged) == "miss");
  CHECK(outcome_of(policy::Reason::pass_cookie) == "pass");
}

TEST_CASE("counters are summed over workers, and the store, the origins and the process are told of") {
  FakeServer server;
  admin_test::put(server, "/milk", "Cache-Control: max-age=60\r\n");
  server.workers[0].requests_by_reason[static_cast<std::size_t>(policy::Reason::fresh_hit)].add(3);
  server.workers[1].requests_by_reason[static_cast<std::size_t>(policy::Reason::fresh_hit)].add(4);
  server.workers[1].storing[static_cast<std::size_t>(policy::Storing::private_)].add(2);
  server.workers[0].responses_by_class[2].add(7);
  server.workers[0].connections_open.add(5);
  server.workers[1].coalesced_followers.add(9);
  server.workers[1].purges.add(2);
  server.clusters[0].servers[0].ejected = true;
  server.clusters[0].servers[0].failures = 6;
  server.clusters[0].retries = 1;
  ProcessFacts facts;
  facts.version = "1.2.3";
  facts.started = WallTime(1'700'000'000'500ms);
  facts.last_reload = facts.started;
  facts.last_reload_ok = false;
  facts.admin_purges = 8;
  const std::string text = metrics_text(server, facts);
  for (const char* line : {
           "davenport_requests_total{reason=\"fresh_hit\",outcome=\"hit\"} 7", "davenport_storing_total{result=\"private\"} 2",
           "davenport_responses_total{class=\"2xx\"} 7", "davenport_connections_open 5", "davenport_coalesced_followers_total 9",
           "davenport_store_objects 1", "davenport_store_insertions_total 1", "davenport_purge_position 0",
           "davenport_purges_total{listener=\"traffic\"} 2", "davenport_purges_total{listener=\"admin\"} 8",
           "davenport_origin_server_up{origin=\"shop\",server=\"10.0.0.1:80\"} 1",
           "davenport_origin_server_ejected{origin=\"shop\",server=\"10.0.0.1:80\"} 1",
           "davenport_origin_server_failures_total{origin=\"shop\",server=\"10.0.0.1:80\"} 6",
           "davenport_origin_retries_total{origin=\"shop\"} 1", "davenport_config_last_reload_successful 0",
           "davenport_build_info{version=\"1.2.3\"} 1", "process_start_time_seconds 1700000000.5"}) {
    CAPTURE(line);
    CHECK(has_line(text, line));
  }
  CHECK(text.find("process_resident_memory_bytes 0\n") == std::string::npos);
  CHECK(text.find("process_open_fds 0\n") == std::string::npos);
}

TEST_CASE("no series is there twice, and each family is declared once") {
  FakeServer server;
  std::istringstream lines(metrics_text(server, {}));
  std::set<std::string> seen;
  for (std::string line; std::getline(lines, line);) {
    const std::string series = line.starts_with('#') ? line.substr(0, line.find(' ', 7)) : line.substr(0, line.rfind(' '));
    CAPTURE(line);
    CHECK(seen.insert(series).second);
  }
  CHECK(seen.size() > 200);
}

TEST_CASE("promtool has nothing to say against the metrics") {
  if (std::system("command -v promtool > /dev/null 2>&1") != 0) return;   // the package prometheus has it
  FakeServer server;
  char name[] = "/tmp/davenport-metrics-XXXXXX";
  const int fd = ::mkstemp(name);
  REQUIRE(fd >= 0);
  const std::string text = metrics_text(server, {});
  REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ::close(fd);
  const std::string command = "promtool check metrics < " + std::string(name) + " 2>&1";
  std::FILE* const output = ::popen(command.c_str(), "r");
  REQUIRE(output != nullptr);
  std::string said;
  char piece[512];
  while (std::fgets(piece, sizeof piece, output) != nullptr) said += piece;
  const int status = ::pclose(output);
  ::unlink(name);
  CHECK(status == 0);
  CHECK(said == "");
}
