#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "core/base/result.h"

namespace davenport {
namespace {

Result<std::unique_ptr<int>> make(bool good) {
  if (!good) return Error{"no memory", true};
  return std::make_unique<int>(7);
}

Result<void> check(bool good) {
  if (!good) return Error{"refused"};
  return {};
}

TEST_CASE("a result is its value or its error, and tells which") {
  Result<std::unique_ptr<int>> good = make(true), bad = make(false);
  REQUIRE(good);
  CHECK(good.has_value());
  CHECK(**good == 7);
  const std::unique_ptr<int> taken = std::move(good.value());
  CHECK(*taken == 7);
  REQUIRE(!bad);
  CHECK(bad.error().message == "no memory");
  CHECK(bad.error().retryable);
}

TEST_CASE("a result without a value is success or an error") {
  CHECK(check(true));
  const Result<void> bad = check(false);
  CHECK(!bad.has_value());
  CHECK(bad.error().message == "refused");
  CHECK(!bad.error().retryable);
}

TEST_CASE("an error may be of a type of its own") {
  enum class Why { full, closed };
  const Result<std::string, Why> good = std::string("milk"), bad = Why::closed;
  CHECK(good->size() == 4);
  CHECK(bad.error() == Why::closed);
}

}  // namespace
}  // namespace davenport
