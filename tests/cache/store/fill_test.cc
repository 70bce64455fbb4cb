#include "cache/store/fill.h"

#include <cstring>
#include <random>

#include "support.h"

namespace davenport::store::test {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

TEST_CASE("a body arrives in any pieces and reads back the same, from any offset, before commit and after") {
  std::mt19937 random(5);
  for (const std::size_t size : {0, 1, 63, 900, 4095, 4096, 4097, 8000, 8192, 65'536, 70'001, 300'000}) {
    for (const bool announced : {true, false}) {
      CAPTURE(size);
      CAPTURE(announced);
      MemoryStore store(settings(4 * kMiB));
      purge::EmbeddedLog log;
      const std::string body = body_of("abcdefg", size);
      const FillPtr fill = store.begin_fill(announced ? size : 0);
      REQUIRE(fill != nullptr);
      for (std::size_t at = 0; at < size;) {
        const std::size_t part = std::min<std::size_t>(size - at, 1 + random() % 9'000);
        REQUIRE(fill->append(std::string_view(body).substr(at, part)));
        at += part;
      }
      CHECK(fill->size() == size);
      CHECK(read_body(*fill, 0, size) == body);

      StoredPtr stored;
      REQUIRE(store.commit(fill, draft_of(Key("h/x"), {}), log, 8, &stored) == PutResult::stored);
      CHECK(stored->body_bytes() == size);
      CHECK(whole_body(*stored) == body);
      CHECK(read_body(*fill, 0, size) == body);       // another holder reads on
      for (int i = 0; i < 20; ++i) {
        const std::uint64_t offset = random() % (size + 1), length = random() % (size + 10);
        const std::string expected = body.substr(offset, length);
        CHECK(read_body(*stored, offset, length, 1 + random() % 3) == expected);
        CHECK(read_body(*fill, offset, length, 1 + random() % 3) == expected);
      }
    }
  }
}

TEST_CASE("read(2) can be given the fill's own room") {
  MemoryStore store(settings(4 * kMiB));
  for (const std::uint64_t expected : {0, 100'000}) {
    const FillPtr fill = store.begin_fill(expected);
    const std::string body = body_of("xyz", 100'000);
    while (fill->size() < body.size()) {
      const std::span<char> room = fill->reserve(16'384);
      REQUIRE_FALSE(room.empty());
      const std::size_t part = std::min(room.size(), body.size() - static_cast<std::size_t>(fill->size()));
      std::memcpy(room.data(), body.data() + fill->size(), part);
      fill->commit_reserved(part);
    }
    CHECK(read_body(*fill, 0, body.size()) == body);
    if (expected != 0) CHECK(fill->reserve(1).empty());      // no byte more than was announced
  }
}

TEST_CASE("a known length takes runs that lie together and a tail of its size: a large body leaves in few pieces") {
  MemoryStore store(settings(16 * kMiB));
  purge::EmbeddedLog log;
  StoredPtr stored;
  REQUIRE(put(store, log, Key("h/large"), body_of("q", kMiB + 100), {}, &stored) == PutResult::stored);
  std::uint64_t covered = 0;
  iovec pieces[8];
  CHECK(stored->body(0, kMiB + 100, pieces, covered) == 2);
  CHECK(covered == kMiB + 100);
  CHECK(stored->bytes_held() <= kMiB + 1'000);
}

TEST_CASE("an unknown length gives back what it took too much, once it is stored and the fill has gone") {
  MemoryStore store(settings(32 * kMiB));
  purge::EmbeddedLog log;
  const std::uint64_t before = store.stats().bytes;
  Put how;
  how.announce_length = false;
  for (int i = 0; i < 50; ++i) {
    REQUIRE(put(store, log, Key("h/" + std::to_string(i)), body_of("q", 200'100), how) == PutResult::stored);
  }
  CHECK(store.stats().bytes - before <= 50 * 204'000);
  CHECK(store.stats().fill_bytes == 0);
}

TEST_CASE("a fill that is dropped gives everything back") {
  MemoryStore store(settings(16 * kMiB));
  const std::uint64_t before = store.stats().bytes;
  FillPtr fill = store.begin_fill(0);
  REQUIRE(fill->append(body_of("q", 500'000)));
  CHECK(store.stats().fill_bytes >= 500'000);
  CHECK(store.stats().bytes >= before + 500'000);
  fill.reset();
  CHECK(store.stats().bytes == before);
  CHECK(store.stats().fill_bytes == 0);
}

TEST_CASE("what is larger than may be stored, or than was announced, is refused whole") {
  config::Cache limits = settings(16 * kMiB);
  limits.max_object_bytes = 10'000;
  MemoryStore store(limits);
  const FillPtr fill = store.begin_fill(0);
  CHECK(fill->append(body_of("q", 9'999)));
  CHECK_FALSE(fill->append("ab"));
  CHECK(fill->size() == 9'999);
  CHECK(fill->append("a"));
  CHECK(fill->reserve(1).empty());
  const FillPtr known = store.begin_fill(100);
  CHECK_FALSE(known->append(body_of("q", 101)));
  CHECK(known->append(body_of("q", 100)));
}

TEST_CASE("a window streams a body of any size in bounded memory, and cannot be stored afterwards") {
  config::Cache limits = settings(4 * kMiB);
  limits.max_object_bytes = 100'000;
  for (const std::uint64_t size : {3'000'000ull, 3'000'001ull}) {
    for (const bool announced : {true, false}) {
      MemoryStore store(limits);
      purge::EmbeddedLog log;
      const std::uint64_t before = store.stats().bytes;
      const FillPtr fill = store.begin_fill(announced ? size : 0);
      const std::string piece = body_of("0123456789", 10'000);
      std::uint64_t most = 0;
      while (fill->size() < size) {
        const std::uint64_t at = fill->size();
        const std::string_view part = std::string_view(piece).substr(0, size - at);
        if (!fill->append(part)) {
          fill->drop_front(at);            // too large to be stored: from here on it is a window
          REQUIRE(fill->append(part));
        }
        CHECK(read_body(*fill, at, part.size()) == part);
        if (at > 200'000) fill->drop_front(fill->size());
        most = std::max(most, store.stats().fill_bytes);
      }
      CHECK(most <= 400'000);
      CHECK(read_body(*fill, 0, 10).empty());       // dropped
      CHECK(store.commit(fill, draft_of(Key("h/x"), {}), log, 8) == PutResult::too_large);
      CHECK_FALSE(find(store, Key("h/x")).stored);
      CHECK(store.stats().bytes <= before + most + 4 * Arena::kPageBytes);
    }
  }
}

TEST_CASE("a fill that was committed takes nothing more and cannot be committed again") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  const FillPtr fill = store.begin_fill(0);
  REQUIRE(fill->append(body_of("q", 20'000)));
  REQUIRE(store.commit(fill, draft_of(Key("h/x"), {}), log, 8) == PutResult::stored);
  CHECK_FALSE(fill->append("more"));
  CHECK(fill->reserve(10).empty());
  fill->drop_front(20'000);
  CHECK(read_body(*fill, 0, 20'000).size() == 20'000);
  CHECK(store.commit(fill, draft_of(Key("h/y"), {}), log, 8) == PutResult::too_large);
}

TEST_CASE("pieces that a reader was given stay good through commit and eviction, while it holds the fill") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  const std::string body = body_of("reader", 9'000);
  FillPtr fill = store.begin_fill(0);
  REQUIRE(fill->append(body));
  iovec pieces[8];
  std::uint64_t covered = 0;
  const std::size_t used = fill->body(0, body.size(), pieces, covered);
  REQUIRE(covered == body.size());
  REQUIRE(store.commit(fill, draft_of(Key("h/x"), {}), log, 8) == PutResult::stored);
  for (int i = 0; i < 600; ++i) {
    const PutResult result = put(store, log, Key("h/" + std::to_string(i)), body_of("other", 9'000));
    REQUIRE(result == PutResult::stored);
  }
  CHECK_FALSE(find(store, Key("h/x")).stored);
  std::string seen;
  for (std::size_t i = 0; i < used; ++i) seen.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  CHECK(seen == body);
}

}  // namespace
}  // namespace davenport::store::test
