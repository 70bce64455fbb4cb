#include <doctest/doctest.h>

#include <unistd.h>

#include <string>

#include "core/base/log.h"

namespace davenport {
namespace {

// What `write` puts on standard error.
template <class Write>
std::string captured(Write write) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const int saved = ::dup(STDERR_FILENO);
  REQUIRE(::dup2(ends[1], STDERR_FILENO) >= 0);
  ::close(ends[1]);
  write();
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  std::string out;
  char buffer[512];
  for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) out.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  return out;
}

TEST_CASE("an event is one line with its time and level") {
  const std::string line = captured([] { log_warning("server {} is down", 7); });
  REQUIRE(line.size() > 21);
  CHECK(line.substr(4, 1) == "-");
  CHECK(line[19] == 'Z');
  CHECK(line.substr(21) == "warning server 7 is down\n");
}

TEST_CASE("a control byte in a message forges no line") {
  const std::string line = captured([] { log_error("a\r\nb\x1b[31m\x7f{}", "\n"); });
  CHECK(line.substr(21) == "error   a??b?[31m??\n");
}

TEST_CASE("events below the level are not written") {
  set_log_level(LogLevel::warning);
  CHECK(captured([] { log_info("quiet"); log_debug("quiet"); }).empty());
  CHECK(!captured([] { log_error("loud"); }).empty());
  CHECK(!log_enabled(LogLevel::info));
  set_log_level(LogLevel::debug);
  CHECK(!captured([] { log_debug("loud"); }).empty());
  set_log_level(LogLevel::info);
}

}  // namespace
}  // namespace davenport
