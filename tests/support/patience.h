// tests/support/patience.h: how long a test waits for anything, and whether the running test has failed so far.
// Every wait of this library is bounded; what runs out of patience throws TimedOut, whose text says what was waited for.
#pragma once
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>

namespace davenport::testing {

using Deadline = std::chrono::steady_clock::time_point;
inline constexpr std::chrono::seconds kPatience{10};

inline Deadline within(std::chrono::milliseconds time = kPatience) { return std::chrono::steady_clock::now() + time; }

class TimedOut : public std::runtime_error {
 public:
  explicit TimedOut(const std::string& waited_for) : std::runtime_error("timed out waiting for " + waited_for) {}
};

// Asks again and again until `holds()`; throws TimedOut(what). For conditions that nobody signals: a file that grows, a
// metric of another process.
void await_condition(const std::string& what, const std::function<bool()>& holds,
                     std::chrono::milliseconds patience = kPatience);

// Has an assertion of the running test case failed, or is it being left by an exception? Thread: the test's.
bool current_test_failed();

}  // namespace davenport::testing
