#include "cache/store/arena.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace davenport::store {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

TEST_CASE("an empty arena uses its own descriptions and one page") {
  const Arena arena(kMiB);
  CHECK(arena.capacity_bytes() == kMiB);
  CHECK(arena.used_bytes() == 4096 + 2 * 4096);   // page 0, and 257 descriptions of 16 bytes
}

TEST_CASE("pieces are aligned, do not overlap, and hold what was asked for") {
  Arena arena(8 * kMiB);
  std::vector<std::pair<char*, std::size_t>> pieces;
  for (std::size_t bytes = 1; bytes <= 9000; bytes += bytes < 4200 ? 7 : 613) {
    char* piece = static_cast<char*>(arena.allocate(bytes));
    REQUIRE(piece != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(piece) % Arena::kGranuleBytes == 0);
    CHECK(Arena::held_bytes(bytes) >= bytes);
    std::memset(piece, static_cast<int>(bytes % 251), bytes);
    pieces.emplace_back(piece, bytes);
  }
  for (const auto& [piece, bytes] : pieces) {
    CHECK(std::all_of(piece, piece + bytes, [&](char c) { return static_cast<unsigned char>(c) == bytes % 251; }));
  }
  const std::uint64_t full = arena.used_bytes();
  for (const auto& [piece, bytes] : pieces) arena.free(piece, bytes);
  CHECK(arena.used_bytes() < full);
  CHECK(arena.used_bytes() == Arena(8 * kMiB).used_bytes());
}

TEST_CASE("pieces of multiples of 64 bytes are aligned to 64") {
  Arena arena(kMiB);
  for (std::size_t bytes = 64; bytes <= 4096; bytes += 64) {
    for (int i = 0; i < 3; ++i) CHECK(reinterpret_cast<std::uintptr_t>(arena.allocate(bytes)) % 64 == 0);
  }
}

TEST_CASE("a slab of any size wastes at most a tenth of its pages") {
  for (std::size_t bytes = 16; bytes <= 3520; bytes += 16) {
    CAPTURE(bytes);
    Arena arena(2 * kMiB);
    const std::uint64_t before = arena.used_bytes();
    const std::size_t count = kMiB / bytes;
    std::size_t got = 0;
    while (got < count && arena.allocate(bytes) != nullptr) ++got;
    CHECK(got == count);
    CHECK(arena.used_bytes() - before <= count * Arena::held_bytes(bytes) * 11 / 10 + 8 * Arena::kPageBytes);
  }
}

TEST_CASE("freed runs join their neighbours, in whatever order they are freed") {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    Arena arena(kMiB);
    const std::uint32_t free_pages = static_cast<std::uint32_t>((kMiB - arena.used_bytes()) / Arena::kPageBytes);
    std::vector<Arena::Run> runs;
    while (const Arena::Run run = arena.allocate_run(1 + random() % 16)) runs.push_back(run);
    CHECK(arena.used_bytes() == arena.capacity_bytes());
    std::shuffle(runs.begin(), runs.end(), random);
    for (const Arena::Run& run : runs) arena.free_run(run);
    CHECK(arena.allocate(std::size_t{free_pages} * Arena::kPageBytes) != nullptr);   // all of it in one piece
  }
}

TEST_CASE("a part of a run can be given back, before and behind what is kept") {
  Arena arena(kMiB);
  const Arena::Run run = arena.allocate_run(16);
  REQUIRE(run.pages == 16);
  const std::uint64_t used = arena.used_bytes();
  arena.free_run({run.page, 3});
  arena.free_run({run.page + 12, 4});
  CHECK(arena.used_bytes() == used - 7 * Arena::kPageBytes);
  std::memset(arena.address(run.page + 3), 1, 9 * Arena::kPageBytes);
  arena.free_run({run.page + 3, 9});
  CHECK(arena.used_bytes() == used - 16 * Arena::kPageBytes);
}

TEST_CASE("runs that are asked for one after the other lie one behind the other") {
  Arena arena(kMiB);
  const Arena::Run first = arena.allocate_run(16), second = arena.allocate_run(16);
  CHECK(second.page == first.page + first.pages);
}

TEST_CASE("where pages do not lie together, a run is shorter and a slab smaller, but neither fails") {
  Arena arena(kMiB);
  std::vector<Arena::Run> pages;
  while (const Arena::Run page = arena.allocate_run(1)) pages.push_back(page);
  for (std::size_t i = 0; i < pages.size(); i += 2) arena.free_run(pages[i]);
  // The region's last pages, which the budget did not allow, join the last one freed: three lie together at most.
  CHECK(arena.allocate_run(16).pages <= 3);
  CHECK(arena.allocate_run(16).pages == 1);
  CHECK(arena.allocate(1376) != nullptr);           // would like five pages
  CHECK(arena.allocate(4 * Arena::kPageBytes) == nullptr);
}

TEST_CASE("a charge counts, is refused where it does not fit, and takes room from pages") {
  Arena arena(kMiB);
  const std::uint64_t before = arena.used_bytes();
  CHECK(arena.charge(kMiB / 2));
  CHECK(arena.used_bytes() == before + kMiB / 2);
  CHECK_FALSE(arena.charge(kMiB / 2));
  std::uint64_t pages = 0;
  while (const Arena::Run run = arena.allocate_run(16)) pages += run.pages;
  CHECK(arena.used_bytes() == arena.capacity_bytes());
  CHECK(pages * Arena::kPageBytes == kMiB / 2 - before);
  arena.uncharge(kMiB / 2);
  CHECK(arena.used_bytes() == arena.capacity_bytes() - kMiB / 2);
  CHECK(arena.allocate_run(16).pages == 16);
}

TEST_CASE("trimmed memory is given back once, and is zero when it is used again") {
  Arena arena(8 * kMiB);
  char* piece = static_cast<char*>(arena.allocate(4 * kMiB));
  std::memset(piece, 1, 4 * kMiB);
  arena.free(piece, 4 * kMiB);
  const std::uint64_t used = arena.used_bytes();
  CHECK(arena.trim() >= 4 * kMiB);
  CHECK(arena.trim() == 0);
  CHECK(arena.used_bytes() == used);
  CHECK(static_cast<const char*>(arena.allocate(4 * kMiB))[kMiB] == 0);
}

TEST_CASE("there is room for others while memory is given back") {
  Arena arena(64 * kMiB);
  int refused = 0;
  for (int turn = 0; turn < 20; ++turn) {
    char* piece = static_cast<char*>(arena.allocate(60 * kMiB));
    REQUIRE(piece != nullptr);
    std::memset(piece, 1, 60 * kMiB);
    arena.free(piece, 60 * kMiB);
    std::atomic<bool> ended{false};
    std::thread other([&] {
      arena.trim();
      ended = true;
    });
    while (!ended) {
      const Arena::Run run = arena.allocate_run(1);
      if (!run) ++refused;
      arena.free_run(run);
    }
    other.join();
  }
  CHECK(refused == 0);
}

TEST_CASE("a capacity too small to be one is raised to a few pages") {
  Arena arena(0);
  CHECK(arena.capacity_bytes() == 4 * Arena::kPageBytes);
  CHECK(arena.allocate(100) != nullptr);
  CHECK(arena.used_bytes() <= arena.capacity_bytes());
}

TEST_CASE("random work keeps every piece whole and ends where it began") {
  Arena arena(4 * kMiB);
  const std::uint64_t before = arena.used_bytes();
  std::mt19937 random(11);
  struct Piece { char* data; std::size_t bytes; char mark; };
  std::vector<Piece> pieces;
  for (int step = 0; step < 40'000; ++step) {
    if (pieces.empty() || random() % 5 < 3) {
      const std::size_t bytes = random() % 10 == 0 ? 1 + random() % 60'000 : 1 + random() % 3'000;
      char* data = static_cast<char*>(arena.allocate(bytes));
      if (data != nullptr) {
        const char mark = static_cast<char>(random());
        data[0] = data[bytes - 1] = mark;
        pieces.push_back({data, bytes, mark});
        continue;
      }
    }
    REQUIRE_FALSE(pieces.empty());
    std::swap(pieces[random() % pieces.size()], pieces.back());
    const Piece piece = pieces.back();
    pieces.pop_back();
    REQUIRE((piece.data[0] == piece.mark && piece.data[piece.bytes - 1] == piece.mark));
    arena.free(piece.data, piece.bytes);
  }
  for (const Piece& piece : pieces) arena.free(piece.data, piece.bytes);
  CHECK(arena.used_bytes() == before);
}

TEST_CASE("threads that allocate, write, free and trim at once do not meet in one piece, nor pass the bound") {
  Arena arena(8 * kMiB);
  REQUIRE(arena.charge(5 * kMiB));            // so that the region has more free pages than the budget
  const std::uint64_t before = arena.used_bytes();
  std::atomic<int> torn{0}, over{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      std::vector<std::pair<char*, std::size_t>> mine;
      for (int step = 0; step < 5'000; ++step) {
        const std::size_t bytes = 1 + random() % (step % 8 == 0 ? 50'000 : 2'000);
        if (char* data = static_cast<char*>(arena.allocate(bytes))) {
          std::memset(data, static_cast<int>(t + 1), bytes);
          mine.emplace_back(data, bytes);
        }
        if (mine.size() > 40 || step % 3 == 0) {
          if (mine.empty()) continue;
          const auto [data, size] = mine.front();
          if (data[0] != static_cast<char>(t + 1) || data[size - 1] != static_cast<char>(t + 1)) ++torn;
          arena.free(data, size);
          mine.erase(mine.begin());
        }
        if (t == 0 && step % 50 == 0) arena.trim(16);
        if (arena.used_bytes() > arena.capacity_bytes()) ++over;
      }
      for (const auto& [data, size] : mine) arena.free(data, size);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(torn == 0);
  CHECK(over == 0);
  CHECK(arena.used_bytes() == before);
}

}  // namespace
}  // namespace davenport::store
