#include "support/patience.h"

#include <doctest/doctest.h>

#include <atomic>
#include <exception>
#include <thread>

namespace davenport::testing {
namespace {

std::atomic<bool> failed{false};

// doctest tells a listener of each assertion that failed; the other calls are of no interest here.
class FailureListener : public doctest::IReporter {
 public:
  explicit FailureListener(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData&) override { failed = false; }
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override { failed = true; }
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData& data) override {
    if (data.m_failed) failed = true;
  }
  void log_message(const doctest::MessageData& data) override {
    if (data.m_severity != doctest::assertType::is_warn) failed = true;
  }
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

REGISTER_LISTENER("failures", 1, FailureListener);

}  // namespace

bool current_test_failed() { return failed || std::uncaught_exceptions() > 0; }

void await_condition(const std::string& what, const std::function<bool()>& holds, std::chrono::milliseconds patience) {
  const Deadline deadline = within(patience);
  std::chrono::milliseconds pause{1};
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= deadline) throw TimedOut(what);
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds{20});
  }
}

}  // namespace davenport::testing
