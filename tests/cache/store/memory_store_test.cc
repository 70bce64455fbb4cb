#include "cache/store/memory_store.h"

#include <set>

#include "support.h"

namespace davenport::store::test {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

TEST_CASE("what was put is found under its key, with all of its parts") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  Put how;
  how.tags = {hash128("shop", 1), hash128("milk", 1)};
  how.facts.heuristic = true;
  const Key key("shop.example/milk?x=1", "cookie=a");
  REQUIRE(put(store, log, key, "white", how) == PutResult::stored);
  const StoredPtr hit = find(store, key).stored;
  REQUIRE(hit);
  CHECK(hit->key() == key.bytes);
  CHECK(hit->resource() == "shop.example/milk?x=1");
  CHECK(hit->hash() == key.parts().hash);
  CHECK(hit->resource_hash() == key.parts().resource_hash);
  CHECK(hit->selector().empty());
  CHECK(hit->head() == how.head);
  CHECK(std::vector<Hash128>(hit->tags().begin(), hit->tags().end()) == how.tags);
  CHECK(hit->facts().status == 200);
  CHECK(hit->facts().heuristic);
  CHECK(whole_body(*hit) == "white");
  CHECK_FALSE(hit->marker());
  CHECK_FALSE(hit->soft_purged());
  CHECK(hit->live());
  CHECK(hit->sole());
}

TEST_CASE("another key finds nothing, and says that there are no variants") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  REQUIRE(put(store, log, Key("h/a"), "a") == PutResult::stored);
  const Lookup lookup = find(store, Key("h/b"));
  CHECK_FALSE(lookup.stored);
  CHECK_FALSE(lookup.other_variants);
}

TEST_CASE("keys whose hash is the same are told apart by their bytes") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  const Key one("h/one"), two("h/two");
  policy::KeyParts forged = two.parts();
  forged.hash = one.parts().hash;
  REQUIRE(put(store, log, one, "1") == PutResult::stored);
  std::string scratch;
  CHECK_FALSE(store.find(forged, {}, {}, scratch).stored);
}

TEST_CASE("a marker is a response without head and body") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  Put how;
  how.marker = true;
  how.head.clear();
  REQUIRE(store.commit(nullptr, draft_of(Key("h/m"), how), log, 8) == PutResult::stored);
  const StoredPtr hit = find(store, Key("h/m")).stored;
  REQUIRE(hit);
  CHECK(hit->marker());
  CHECK(hit->head().empty());
  CHECK(hit->body_bytes() == 0);
}

TEST_CASE("a new response replaces the one of the same selector; who holds the old one keeps it") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/x");
  StoredPtr old;
  REQUIRE(put(store, log, key, "old", {}, &old) == PutResult::stored);
  REQUIRE(put(store, log, key, "new") == PutResult::stored);
  CHECK(whole_body(*find(store, key).stored) == "new");
  CHECK_FALSE(old->live());
  CHECK_FALSE(old->sole());
  CHECK(whole_body(*old) == "old");
  CHECK(store.stats().objects == 1);
  CHECK(store.stats().pinned_bytes > 0);
  old.reset();
  CHECK(store.stats().pinned_bytes == 0);
}

// ---- variants (RFC 9111 §4.1) ---------------------------------------------------------------------------------------

http::Fields accepting(std::string_view language) {
  http::Fields request;
  request.add_copy("Accept-Language", language);
  return request;
}

TEST_CASE("the variant that the request selects is found, and none where only others are stored (RFC 9111 §4.1)") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/x");
  for (const char* language : {"de", "fr"}) {
    Put how;
    how.selector = selector_for("Accept-Language", accepting(language));
    REQUIRE(put(store, log, key, language, how) == PutResult::stored);
  }
  CHECK(whole_body(*find(store, key, accepting("de")).stored) == "de");
  CHECK(whole_body(*find(store, key, accepting("fr")).stored) == "fr");
  const Lookup none = find(store, key, accepting("it"));
  CHECK_FALSE(none.stored);
  CHECK(none.other_variants);
  CHECK(store.variants(key.parts()).size() == 2);
}

TEST_CASE("where several match, the most recent Date wins, in whatever order they came (RFC 9111 §4)") {
  for (const bool newest_first : {true, false}) {
    MemoryStore store(settings(4 * kMiB));
    purge::EmbeddedLog log;
    const Key key("h/x");
    Put plain, varied;
    plain.facts = fresh_facts(newest_first ? 1'000 : 2'000);
    varied.facts = fresh_facts(newest_first ? 2'000 : 1'000);
    varied.selector = selector_for("Accept-Language", accepting("de"));
    REQUIRE(put(store, log, key, "varied", varied) == PutResult::stored);
    REQUIRE(put(store, log, key, "plain", plain) == PutResult::stored);
    CHECK(whole_body(*find(store, key, accepting("de")).stored) == (newest_first ? "varied" : "plain"));
    CHECK(whole_body(*find(store, key, accepting("fr")).stored) == "plain");
  }
}

TEST_CASE("sole is the only response of a key, and only where it matches every request") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/x");
  StoredPtr plain, varied;
  Put how;
  how.selector = selector_for("Accept-Language", accepting("de"));
  REQUIRE(put(store, log, key, "plain", {}, &plain) == PutResult::stored);
  CHECK(plain->sole());
  REQUIRE(put(store, log, key, "varied", how, &varied) == PutResult::stored);
  CHECK_FALSE(plain->sole());
  CHECK_FALSE(varied->sole());
  store.erase(*varied);
  CHECK(plain->sole());
  store.erase(*plain);
  CHECK_FALSE(plain->sole());
  CHECK_FALSE(plain->live());
  REQUIRE(put(store, log, key, "varied", how, &varied) == PutResult::stored);
  CHECK_FALSE(varied->sole());      // another request may not match it
}

TEST_CASE("above the number of variants a fresh one is not pushed out, and the oldest stale one is") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/x");
  Put how;
  how.max_variants = 3;
  for (const int i : {1, 2, 3}) {
    how.selector = selector_for("Accept-Language", accepting("l" + std::to_string(i)));
    how.facts = fresh_facts(1'000 + i, i == 3 ? 1'000 : 60);
    REQUIRE(put(store, log, key, "body", how) == PutResult::stored);
  }
  how.selector = selector_for("Accept-Language", accepting("l4"));
  how.facts = fresh_facts(1'010);
  CHECK(put(store, log, key, "body", how) == PutResult::too_many_variants);
  CHECK(store.variants(key.parts()).size() == 3);
  how.facts = fresh_facts(1'500);     // now 1 and 2 are stale
  CHECK(put(store, log, key, "body", how) == PutResult::stored);
  CHECK(store.variants(key.parts()).size() == 3);
  CHECK_FALSE(find(store, key, accepting("l1")).stored);
  for (const char* language : {"l2", "l3", "l4"}) CHECK(find(store, key, accepting(language)).stored);
  how.selector = selector_for("Accept-Language", accepting("l3"));
  CHECK(put(store, log, key, "again", how) == PutResult::stored);    // replaces its own
}

TEST_CASE("a key with many variants can lose them in any order") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/x");
  Put how;
  for (int i = 0; i < 40; ++i) {
    how.selector = selector_for("Accept-Language", accepting("l" + std::to_string(i)));
    how.facts = fresh_facts(1'000 + i * 7 % 40);
    REQUIRE(put(store, log, key, std::to_string(i), how) == PutResult::stored);
  }
  for (int n = 0; n < 40; ++n) {
    const int i = n * 17 % 40;
    const StoredPtr hit = find(store, key, accepting("l" + std::to_string(i))).stored;
    REQUIRE(hit);
    CHECK(whole_body(*hit) == std::to_string(i));
    store.erase(*hit);
    CHECK_FALSE(find(store, key, accepting("l" + std::to_string(i))).stored);
    CHECK(store.variants(key.parts()).size() == static_cast<std::size_t>(39 - n));
  }
  CHECK(store.stats().objects == 0);
}

// ---- a new head -----------------------------------------------------------------------------------------------------

TEST_CASE("a new head shares a large body with the old one, and only one of them is in the index") {
  for (const std::size_t size : {500, 300'000}) {
    MemoryStore store(settings(8 * kMiB));
    purge::EmbeddedLog log;
    const Key key("h/x");
    const std::string body = body_of("b", size);
    StoredPtr old, fresh;
    REQUIRE(put(store, log, key, body, {}, &old) == PutResult::stored);
    const std::uint64_t before = store.stats().bytes;
    Put how;
    how.head = "HTTP/1.1 200 OK\r\nETag: \"2\"\r\n";
    old->mark_soft_purged();
    REQUIRE(store.replace_head(old, draft_of(key, how), log, &fresh) == PutResult::stored);
    CHECK(store.stats().bytes <= before + 31 * Arena::kPageBytes);    // at most a slab for the new head; the body has 74 pages
    CHECK(find(store, key).stored == fresh);
    CHECK(fresh->head() == how.head);
    CHECK_FALSE(fresh->soft_purged());
    CHECK(whole_body(*fresh) == body);
    CHECK_FALSE(old->live());
    CHECK(store.stats().pinned_bytes < 4'096);     // the old head; not the body, which is live
    old.reset();
    CHECK(whole_body(*fresh) == body);
    CHECK(store.stats().pinned_bytes == 0);
    store.erase(*fresh);
    CHECK(store.stats().pinned_bytes >= size);
    fresh.reset();
    CHECK(store.stats().pinned_bytes == 0);
  }
}

TEST_CASE("a new head does not replace a response that came meanwhile, and is handed out all the same") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/x");
  StoredPtr old, late;
  REQUIRE(put(store, log, key, "first", {}, &old) == PutResult::stored);
  REQUIRE(put(store, log, key, "second") == PutResult::stored);
  CHECK(store.replace_head(old, draft_of(key, {}), log, &late) == PutResult::stored);
  CHECK(whole_body(*find(store, key).stored) == "second");
  REQUIRE(late);
  CHECK_FALSE(late->live());
  CHECK(whole_body(*late) == "first");
}

TEST_CASE("a new head of a response that was evicted meanwhile puts it back") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/x");
  const std::string body = body_of("b", 50'000);
  StoredPtr old;
  REQUIRE(put(store, log, key, body, {}, &old) == PutResult::stored);
  store.erase(*old);
  CHECK(store.stats().pinned_bytes >= 50'000);
  REQUIRE(store.replace_head(old, draft_of(key, {}), log) == PutResult::stored);
  CHECK(store.stats().pinned_bytes < 4'096);      // the body is live again
  old.reset();
  CHECK(whole_body(*find(store, key).stored) == body);
  CHECK(store.stats().pinned_bytes == 0);
}

// ---- small promises of an entry -------------------------------------------------------------------------------------

TEST_CASE("only one caller may start a revalidation at a time") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  StoredPtr entry;
  REQUIRE(put(store, log, Key("h/x"), "x", {}, &entry) == PutResult::stored);
  CHECK(entry->begin_refresh());
  CHECK_FALSE(entry->begin_refresh());
  entry->end_refresh();
  CHECK(entry->begin_refresh());
  CHECK(entry->live());
}

TEST_CASE("a pointer copies, moves, assigns to itself and resets") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  StoredPtr entry;
  REQUIRE(put(store, log, Key("h/x"), "x", {}, &entry) == PutResult::stored);
  StoredPtr copy = entry, moved = std::move(copy);
  CHECK(moved == entry);
  CHECK_FALSE(copy);
  StoredPtr& self = moved;
  moved = self;
  CHECK(whole_body(*moved) == "x");
  store.erase(*entry);
  entry.reset();
  entry.reset();
  CHECK(whole_body(*moved) == "x");
  moved = nullptr;
  CHECK(store.stats().pinned_bytes == 0);
}

// ---- purges ---------------------------------------------------------------------------------------------------------

TEST_CASE("what a purge since the fill began hits is refused, or stored as soft-purged") {
  struct Row { bool soft; PutResult result; };
  for (const Row& row : {Row{false, PutResult::purged}, Row{true, PutResult::stored}}) {
    for (const bool tag : {false, true}) {
      MemoryStore store(settings(4 * kMiB));
      purge::EmbeddedLog log;
      Put how;
      how.tags = {purge::tag_hash("shop")};
      how.position = log.position();
      REQUIRE(
          log.record(tag ? purge_of(purge::Kind::tag, "shop", row.soft) : purge_of(purge::Kind::url, "h/x", row.soft)));
      CHECK(put(store, log, Key("h/x"), "late", how) == row.result);
      const StoredPtr hit = find(store, Key("h/x")).stored;
      CHECK(static_cast<bool>(hit) == row.soft);
      if (hit) CHECK(hit->soft_purged());
      how.position = log.position();
      CHECK(put(store, log, Key("h/x"), "after", how) == PutResult::stored);
      const StoredPtr after = find(store, Key("h/x")).stored;
      CHECK_FALSE(after->soft_purged());
      CHECK(after->checked_at() == log.position());
      CHECK(put(store, log, Key("h/other"), "unhit", {}) == PutResult::stored);
    }
  }
}

TEST_CASE("what was asked for before a floor was raised is stored, and still to be validated") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  Put how;
  how.position = log.position();
  log.raise_floor();
  StoredPtr late;
  REQUIRE(put(store, log, Key("h/x"), "late", how, &late) == PutResult::stored);
  CHECK(log.check(late->names(), late->checked_at()) == policy::PurgeState::validate);
  how.position = log.position();
  StoredPtr after;
  REQUIRE(put(store, log, Key("h/x"), "after", how, &after) == PutResult::stored);
  CHECK(log.check(after->names(), after->checked_at()) == policy::PurgeState::valid);
}

TEST_CASE("a refresh that began before a purge is refused as well") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  StoredPtr old;
  REQUIRE(put(store, log, Key("h/x"), "x", {}, &old) == PutResult::stored);
  REQUIRE(log.record(purge_of(purge::Kind::all, "")));
  CHECK(store.replace_head(old, draft_of(Key("h/x"), {}), log) == PutResult::purged);
}

// ---- walks ----------------------------------------------------------------------------------------------------------

TEST_CASE("a sweep sees every response once and drops what it is told to") {
  MemoryStore store(settings(32 * kMiB));
  purge::EmbeddedLog log;
  for (int i = 0; i < 5'000; ++i) {
    REQUIRE(put(store, log, Key("h/" + std::to_string(i)), "x") == PutResult::stored);
  }
  std::multiset<std::string> seen;
  const std::uint64_t dropped = store.sweep([&](const StoredResponse& entry) {
    seen.emplace(entry.resource());
    return entry.resource().ends_with("7");
  });
  CHECK(dropped == 500);
  CHECK(seen.size() == 5'000);
  CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == 5'000);
  CHECK(store.stats().objects == 4'500);
  CHECK_FALSE(find(store, Key("h/17")).stored);
  CHECK(find(store, Key("h/18")).stored);
  CHECK(store.sweep([](const StoredResponse&) { return true; }) == 4'500);
  CHECK(store.stats().objects == 0);
}

TEST_CASE("what is past freshness, stale windows and keep is dropped by a walk and not before") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  Put how;
  how.facts = fresh_facts(1'000, 100);
  how.facts.stale_while_revalidate = 20;
  how.facts.stale_if_error = 50;
  how.facts.keep = 30;
  REQUIRE(put(store, log, Key("h/x"), "x", how) == PutResult::stored);
  CHECK(store.drop_expired(WallSeconds{Seconds{1'180}}) == 0);
  CHECK(find(store, Key("h/x")).stored);
  CHECK(store.drop_expired(WallSeconds{Seconds{1'181}}) == 1);
  CHECK_FALSE(find(store, Key("h/x")).stored);
}

TEST_CASE("a clock that was ahead and is set back does not leave what comes then expired") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  Put how;
  how.facts = fresh_facts(900'000'000, 100);
  REQUIRE(put(store, log, Key("h/ahead"), "x", how) == PutResult::stored);
  how.facts = fresh_facts(1'000, 100);
  REQUIRE(put(store, log, Key("h/x"), "x", how) == PutResult::stored);
  store.sweep([](const StoredResponse&) { return false; });
  CHECK(find(store, Key("h/x")).stored);
}

// ---- bounds ---------------------------------------------------------------------------------------------------------

TEST_CASE("names that cannot be counted are refused, and what lay under the same selector goes") {
  MemoryStore store(settings(8 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/x");
  REQUIRE(put(store, log, key, "x") == PutResult::stored);
  Put how;
  how.head = std::string(2 << 20, 'h');
  CHECK(put(store, log, key, "x", how) == PutResult::too_large);
  CHECK_FALSE(find(store, key).stored);
  CHECK(put(store, log, Key(std::string(70'000, 'k')), "x") == PutResult::too_large);
  how.head = "H";
  how.selector = std::string(70'000, 's');
  CHECK(put(store, log, Key("h/y"), "x", how) == PutResult::too_large);
}

TEST_CASE("a long head and many tags lie in pages of their own") {
  MemoryStore store(settings(8 * kMiB));
  purge::EmbeddedLog log;
  Put how;
  how.head = "HTTP/1.1 200 OK\r\nX: " + std::string(40'000, 'x') + "\r\n";
  for (int i = 0; i < 256; ++i) how.tags.push_back(hash128(std::to_string(i), 1));
  REQUIRE(put(store, log, Key("h/x"), "small", how) == PutResult::stored);
  const StoredPtr hit = find(store, Key("h/x")).stored;
  CHECK(hit->head() == how.head);
  CHECK(hit->tags().size() == 256);
  CHECK(whole_body(*hit) == "small");
}

}  // namespace
}  // namespace davenport::store::test
