#include "proxy/origin/ejection.h"

#include <doctest/doctest.h>

#include "proxy/origin/failure.h"
#include "proxy/origin/retry_budget.h"

using namespace davenport;
using namespace davenport::origin;
using namespace std::chrono_literals;

namespace {

constexpr EjectionRules kRules{3, 1'000ms, 5'000ms};
const SteadyTime kStart{std::chrono::hours(1)};

bool fail(Ejection& ejection, SteadyTime now) { return ejection.failure(kRules, now); }

}  // namespace

TEST_CASE("a server is ejected after failures in a row, and a success between them starts anew") {
  Ejection ejection;
  CHECK_FALSE(ejection.troubled());
  CHECK_FALSE(fail(ejection, kStart));
  CHECK_FALSE(fail(ejection, kStart));
  CHECK(ejection.troubled());
  ejection.success();
  CHECK_FALSE(fail(ejection, kStart));
  CHECK_FALSE(fail(ejection, kStart));
  CHECK(ejection.admits(kStart));
  CHECK(fail(ejection, kStart));
  CHECK(ejection.ejected());
  CHECK_FALSE(ejection.admits(kStart + 999ms));
}

TEST_CASE("after its time one request is let through; its head takes the server back") {
  Ejection ejection;
  for (int i = 0; i < 3; ++i) fail(ejection, kStart);
  const SteadyTime later = kStart + 1'000ms;
  CHECK(ejection.admits(later));
  ejection.chosen();
  CHECK_FALSE(ejection.admits(later));
  ejection.head_received(kRules);
  CHECK(ejection.admits(later));
  CHECK_FALSE(ejection.ejected());
  // It broke off before its body was whole: it is not proven, and one more failure is enough.
  CHECK(fail(ejection, later));
  CHECK_FALSE(ejection.admits(later + 1'999ms));
  CHECK(ejection.admits(later + 2'000ms));
}

TEST_CASE("a probe that tells nothing lets the next one try") {
  Ejection ejection;
  for (int i = 0; i < 3; ++i) fail(ejection, kStart);
  const SteadyTime later = kStart + 1s;
  ejection.chosen();
  ejection.unknown();
  CHECK(ejection.admits(later));
  CHECK(ejection.ejected());
}

TEST_CASE("the time doubles with each ejection in a row up to its bound, and a whole answer resets it") {
  Ejection ejection;
  SteadyTime now = kStart;
  for (int i = 0; i < 2; ++i) fail(ejection, now);
  for (const Millis time : {1'000ms, 2'000ms, 4'000ms, 5'000ms, 5'000ms}) {
    CHECK(fail(ejection, now));
    CHECK_FALSE(ejection.admits(now + time - 1ms));
    now += time;
    CHECK(ejection.admits(now));
    ejection.chosen();
  }
  ejection.head_received(kRules);
  ejection.success();
  for (int i = 0; i < 2; ++i) CHECK_FALSE(fail(ejection, now));
  CHECK(fail(ejection, now));
  CHECK(ejection.admits(now + 1'000ms));
}

TEST_CASE("failures of requests that were under way at the ejection don't lengthen it") {
  Ejection ejection;
  for (int i = 0; i < 3; ++i) fail(ejection, kStart);
  for (int i = 0; i < 10; ++i) CHECK_FALSE(fail(ejection, kStart + 500ms));
  CHECK(ejection.admits(kStart + 1s));
}

TEST_CASE("eject_after = 0 never ejects") {
  Ejection ejection;
  constexpr EjectionRules never{0, 1'000ms, 5'000ms};
  for (int i = 0; i < 100; ++i) CHECK_FALSE(ejection.failure(never, kStart));
  CHECK(ejection.admits(kStart));
}

TEST_CASE("retries are a share of the requests, with what a window earns as the burst") {
  struct Row { double ratio; int at_first, after_100; };
  for (const Row& row : {Row{0.2, 10, 10}, Row{0.1, 5, 5}, Row{0.0, 0, 0}, Row{0.01, 1, 1}, Row{1.0, 50, 50}, Row{-1.0, 0, 0}}) {
    CAPTURE(row.ratio);
    RetryBudget budget(row.ratio);
    const auto drain = [&] {
      int count = 0;
      while (budget.withdraw()) ++count;
      return count;
    };
    CHECK(drain() == row.at_first);
    for (int i = 0; i < 100; ++i) budget.request();
    CHECK(drain() == row.after_100);
  }
}

TEST_CASE("ten requests at a tenth earn one retry") {
  RetryBudget budget(0.1);
  while (budget.withdraw()) {
  }
  for (int i = 0; i < 9; ++i) budget.request();
  CHECK_FALSE(budget.withdraw());
  budget.request();
  CHECK(budget.withdraw());
  CHECK_FALSE(budget.withdraw());
}

TEST_CASE("a smaller ratio after a reload takes back what is too much") {
  RetryBudget budget(1.0);
  budget.set_ratio(0.02);
  CHECK(budget.withdraw());
  CHECK_FALSE(budget.withdraw());
}

TEST_CASE("every failure has a name, an error type of RFC 9209 §2.3 and a status") {
  struct Row { FailureKind kind; const char *name, *proxy_error; int status; };
  for (const Row& row : {
           Row{FailureKind::dns_error, "dns_error", "dns_error", 502},                                          // §2.3.2
           Row{FailureKind::connection_refused, "connection_refused", "connection_refused", 502},               // §2.3.7
           Row{FailureKind::connection_timeout, "connection_timeout", "connection_timeout", 504},               // §2.3.9
           Row{FailureKind::connection_terminated, "connection_terminated", "connection_terminated", 502},      // §2.3.8
           Row{FailureKind::response_timeout, "response_timeout", "http_response_timeout", 504},                // §2.3.26
           Row{FailureKind::protocol_error, "protocol_error", "http_protocol_error", 502},                      // §2.3.28
           Row{FailureKind::head_too_large, "head_too_large", "http_response_header_section_size", 502},        // §2.3.19
           Row{FailureKind::no_server, "no_server", "destination_unavailable", 503},                            // §2.3.4
           Row{FailureKind::queue_full, "queue_full", "connection_limit_reached", 503},                         // §2.3.12
           Row{FailureKind::queue_timeout, "queue_timeout", "connection_limit_reached", 503},                   // §2.3.12
           Row{FailureKind::cancelled, "cancelled", "proxy_internal_response", 503},                            // §2.3.29
           Row{FailureKind::client_gone, "client_gone", "http_request_error", 0}}) {                            // §2.3.16
    const FailureName name = name_of(row.kind);
    CHECK(name.name == row.name);
    CHECK(name.proxy_error == row.proxy_error);
    CHECK(name.status == row.status);
  }
}
