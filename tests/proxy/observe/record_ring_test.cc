#include "proxy/observe/record_ring.h"

#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <string>
#include <thread>

using namespace davenport::observe;

namespace {

bool push(RecordRing& ring, std::string_view text) {
  std::byte* const room = ring.begin_write(text.size());
  if (room == nullptr) return false;
  std::memcpy(room, text.data(), text.size());
  ring.end_write();
  return true;
}

std::string_view text_of(std::span<const std::byte> record) {
  return {reinterpret_cast<const char*>(record.data()), record.size()};
}

}  // namespace

TEST_CASE("records come out as they went in, in order") {
  RecordRing ring(256);
  CHECK(ring.front().empty());
  CHECK(push(ring, "milk"));
  CHECK(push(ring, "a longer record than that"));
  CHECK(text_of(ring.front()) == "milk");
  CHECK(text_of(ring.front()) == "milk");
  ring.pop();
  CHECK(text_of(ring.front()) == "a longer record than that");
  ring.pop();
  CHECK(ring.front().empty());
}

TEST_CASE("a full ring refuses a record and takes it again once there is room") {
  RecordRing ring(64);
  CHECK(push(ring, "0123456789abcdef"));      // 24 bytes with its word
  CHECK(push(ring, "0123456789abcdef"));
  CHECK_FALSE(push(ring, "0123456789abcdef"));
  CHECK(push(ring, "12345678"));              // the last 16 bytes
  CHECK_FALSE(push(ring, "1"));
  ring.pop();
  CHECK_FALSE(push(ring, "0123456789abcdefg"));
  CHECK(push(ring, "0123456789abcdef"));
}

TEST_CASE("a record larger than the ring is refused and harms nothing") {
  RecordRing ring(64);
  CHECK_FALSE(push(ring, std::string(64, 'x')));
  CHECK(push(ring, std::string(56, 'y')));
  CHECK(text_of(ring.front()) == std::string(56, 'y'));
}

TEST_CASE("records of random sizes behave like a queue over many laps") {
  RecordRing ring(1024);
  std::deque<std::string> model;
  std::mt19937 random(7);
  int refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (random() % 2 == 0) {
      const std::string text(1 + random() % 200, static_cast<char>('a' + random() % 26));
      if (push(ring, text)) model.push_back(text);
      else ++refused;
    } else if (!model.empty()) {
      REQUIRE(text_of(ring.front()) == model.front());
      ring.pop();
      model.pop_front();
    } else {
      REQUIRE(ring.front().empty());
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("a writer and a reader on two threads lose and mix nothing") {
  RecordRing ring(4096);
  constexpr std::uint32_t kRecords = 200'000;
  std::thread writer([&ring] {
    for (std::uint32_t i = 0; i < kRecords;) {
      std::byte* const room = ring.begin_write(4 + i % 60);
      if (room == nullptr) {
        std::this_thread::yield();
        continue;
      }
      std::memset(room, static_cast<int>(i & 0xff), 4 + i % 60);
      std::memcpy(room, &i, 4);
      ring.end_write();
      ++i;
    }
  });
  bool whole = true;
  for (std::uint32_t i = 0; i < kRecords;) {
    const std::span<const std::byte> record = ring.front();
    if (record.empty()) {
      std::this_thread::yield();
      continue;
    }
    std::uint32_t number = 0;
    std::memcpy(&number, record.data(), 4);
    whole = whole && number == i && record.size() == 4 + i % 60;
    for (std::size_t at = 4; at < record.size(); ++at) whole = whole && record[at] == static_cast<std::byte>(i & 0xff);
    ring.pop();
    ++i;
  }
  writer.join();
  CHECK(whole);
  CHECK(ring.front().empty());
}
