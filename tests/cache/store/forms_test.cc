// Coded forms beside their source: found through it, gone with it, never instead of it.
#include "cache/store/memory_store.h"

#include <atomic>
#include <thread>

#include "support.h"

namespace davenport::store::test {
namespace {

using policy::Coding;

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::string_view kFormHead = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n";

StoredPtr put_source(MemoryStore& store, const purge::Log& log, const Key& key, std::string_view body, const Put& how = {}) {
  const FillPtr fill = store.begin_fill(body.size());
  REQUIRE(fill->append(body));
  Draft draft = draft_of(key, how);
  draft.codable = true;
  StoredPtr source;
  REQUIRE(store.commit(fill, draft, log, 64, &source) == PutResult::stored);
  return source;
}

StoredPtr put_form(MemoryStore& store, const StoredResponse& source, Coding coding, std::string_view body, bool strong = false) {
  const FillPtr fill = store.begin_fill(0);
  REQUIRE(fill->append(body));
  StoredPtr form;
  store.add_form(source, coding, strong, fill, kFormHead, &form);
  return form;
}

}  // namespace

TEST_CASE("a form is found through its source, and a look-up gives the source alone") {
  MemoryStore store(settings(8 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/a.css");
  for (const std::size_t size : {std::size_t{700}, std::size_t{200'000}}) {
    const StoredPtr source = put_source(store, log, key, body_of("plain", size));
    CHECK(source->codable());
    CHECK_FALSE(source->form());
    CHECK(source->coding() == Coding::identity);
    CHECK_FALSE(store.form(*source, Coding::gzip));
    const StoredPtr form = put_form(store, *source, Coding::gzip, body_of("packed", size / 2));
    CHECK(form->form());
    CHECK_FALSE(form->codable());
    CHECK(form->live());
    CHECK(form->head() == kFormHead);
    CHECK(whole_body(*form) == body_of("packed", size / 2));
    CHECK(form->facts().lifetime == source->facts().lifetime);
    CHECK(store.form(*source, Coding::gzip) == form);
    CHECK_FALSE(store.form(*source, Coding::brotli));
    CHECK(find(store, key).stored == source);
    CHECK(source->sole());
    CHECK(store.forms(*source).size() == 1);
  }
}

TEST_CASE("a strong form takes the fast one's place, and only one caller is told to make it") {
  MemoryStore store(settings(8 * kMiB));
  purge::EmbeddedLog log;
  const StoredPtr source = put_source(store, log, Key("h/a.css"), "plain");
  const StoredPtr fast = put_form(store, *source, Coding::brotli, "fast");
  CHECK_FALSE(fast->strong());
  CHECK(fast->ask_strong());
  CHECK_FALSE(fast->ask_strong());
  const StoredPtr strong = put_form(store, *source, Coding::brotli, "s", true);
  CHECK(strong->strong());
  CHECK_FALSE(fast->live());
  CHECK(store.form(*source, Coding::brotli) == strong);
  CHECK(store.stats().objects == 2);
  CHECK(whole_body(*fast) == "fast");       // who sends it goes on
}

TEST_CASE("whatever ends a source ends its forms") {
  MemoryStore store(settings(8 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/a.css");
  Put later;
  later.facts = fresh_facts(1'000'010);
  SUBCASE("erased") {
    const StoredPtr source = put_source(store, log, key, "plain");
    const StoredPtr form = put_form(store, *source, Coding::gzip, "g");
    store.erase(*source);
    CHECK_FALSE(form->live());
    CHECK(store.stats().objects == 0);
  }
  SUBCASE("replaced by another answer") {
    const StoredPtr source = put_source(store, log, key, "plain");
    const StoredPtr form = put_form(store, *source, Coding::gzip, "g");
    const StoredPtr fresh = put_source(store, log, key, "other", later);
    CHECK_FALSE(form->live());
    CHECK_FALSE(store.form(*fresh, Coding::gzip));
    CHECK(store.stats().objects == 1);
  }
  SUBCASE("purged and swept; a form is no object of its own in the count") {
    const StoredPtr source = put_source(store, log, key, "plain");
    const StoredPtr form = put_form(store, *source, Coding::gzip, "g");
    CHECK(store.sweep([](const StoredResponse&) { return true; }) == 1);
    CHECK_FALSE(form->live());
    CHECK(store.stats().objects == 0);
  }
  SUBCASE("replaced by a marker") {
    const StoredPtr source = put_source(store, log, key, "plain");
    const StoredPtr form = put_form(store, *source, Coding::gzip, "g");
    Put marker;
    marker.marker = true;
    REQUIRE(store.commit(nullptr, draft_of(key, marker), log, 64) == PutResult::stored);
    CHECK_FALSE(form->live());
  }
  SUBCASE("past its retention") {
    const StoredPtr source = put_source(store, log, key, "plain");
    const StoredPtr form = put_form(store, *source, Coding::gzip, "g");
    CHECK(store.drop_expired(WallSeconds{Seconds{3'000'000}}) == 1);
    CHECK_FALSE(form->live());
  }
}

TEST_CASE("a form whose source has gone is handed out, and not put") {
  MemoryStore store(settings(8 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/a.css");
  const StoredPtr source = put_source(store, log, key, body_of("plain", 50'000));
  store.erase(*source);
  const std::uint64_t before = store.stats().bytes;
  {
    const StoredPtr form = put_form(store, *source, Coding::gzip, body_of("g", 20'000));
    REQUIRE(form);
    CHECK_FALSE(form->live());
    CHECK(whole_body(*form) == body_of("g", 20'000));
    CHECK(store.stats().objects == 0);
    // Nor does another answer under the same key get it.
    const StoredPtr fresh = put_source(store, log, key, "other");
    CHECK_FALSE(store.form(*fresh, Coding::gzip));
    store.erase(*fresh);
  }
  CHECK(store.stats().bytes == before);
}

TEST_CASE("a refreshed source takes its forms along under new heads") {
  MemoryStore store(settings(8 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/a.css");
  for (const std::size_t size : {std::size_t{300}, std::size_t{90'000}}) {
    const StoredPtr old = put_source(store, log, key, body_of("plain", size * 2));
    const StoredPtr form = put_form(store, *old, Coding::zstd, body_of("z", size), true);
    Put newer;
    newer.facts = fresh_facts(1'000'500, 120);
    Draft draft = draft_of(key, newer);
    draft.codable = true;
    StoredPtr fresh;
    REQUIRE(store.replace_head(old, draft, log, &fresh) == PutResult::stored);
    CHECK_FALSE(form->live());
    REQUIRE(store.carry_form(*fresh, *form, "HTTP/1.1 200 OK\r\nX: new\r\n") == PutResult::stored);
    const StoredPtr carried = store.form(*fresh, Coding::zstd);
    REQUIRE(carried);
    CHECK(carried->strong());
    CHECK(carried->facts().lifetime == 120);
    CHECK(carried->head() == "HTTP/1.1 200 OK\r\nX: new\r\n");
    CHECK(whole_body(*carried) == body_of("z", size));
    store.erase(*fresh);
  }
  CHECK(store.stats().objects == 0);
}

TEST_CASE("variants by Vary keep their forms apart, and forms are no variants") {
  MemoryStore store(settings(8 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/page");
  http::Fields german, french;
  german.add_copy("Accept-Language", "de");
  french.add_copy("Accept-Language", "fr");
  Put how;
  how.selector = selector_for("Accept-Language", german);
  const StoredPtr de = put_source(store, log, key, "Milch", how);
  how.selector = selector_for("Accept-Language", french);
  const StoredPtr fr = put_source(store, log, key, "lait", how);
  const StoredPtr de_gzip = put_form(store, *de, Coding::gzip, "M"), fr_gzip = put_form(store, *fr, Coding::gzip, "l");
  CHECK(store.form(*de, Coding::gzip) == de_gzip);
  CHECK(store.form(*fr, Coding::gzip) == fr_gzip);
  CHECK_FALSE(de->sole());
  CHECK(find(store, key, german).stored == de);
  // Two variants may be kept: the forms do not count.
  how.max_variants = 2;
  how.selector = selector_for("Accept-Language", german);
  CHECK(put(store, log, key, "Milch!", how) == PutResult::stored);
  CHECK_FALSE(de_gzip->live());
  CHECK(fr_gzip->live());
}

TEST_CASE("under pressure forms and sources are evicted within the bound, and no form outlives its source") {
  MemoryStore store(settings(2 * kMiB));
  purge::EmbeddedLog log;
  std::vector<std::pair<StoredPtr, StoredPtr>> last;
  for (int i = 0; i < 400; ++i) {
    const Key key("h/" + std::to_string(i) + ".css");
    StoredPtr source = put_source(store, log, key, body_of("plain", 20'000));
    StoredPtr form = put_form(store, *source, Coding::gzip, body_of("packed", 9'000));
    CHECK(store.stats().bytes <= store.stats().capacity_bytes);
    last.emplace_back(std::move(source), std::move(form));
    if (last.size() > 8) last.erase(last.begin());
    for (const auto& [of, its] : last) {
      if (!of->live()) CHECK_FALSE(its->live());
    }
  }
  last.clear();
  CHECK(store.stats().evictions > 100);
}

TEST_CASE("forms are made, looked up and ended by several threads at once") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/a.css");
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int worker = 0; worker < 2; ++worker) {
    threads.emplace_back([&, worker] {
      while (!stop.load()) {
        const StoredPtr source = find(store, key).stored;
        if (!source) continue;
        const std::string name = whole_body(*source);
        if (worker == 0) {
          const FillPtr fill = store.begin_fill(0);
          if (fill != nullptr && fill->append("z" + name)) store.add_form(*source, Coding::zstd, false, fill, kFormHead);
        }
        const StoredPtr form = store.form(*source, Coding::zstd);
        if (form && whole_body(*form) != "z" + name) stop.store(true);
      }
    });
  }
  for (int i = 0; i < 2000 && !stop.load(); ++i) {
    put_source(store, log, key, std::string(1 + i % 7, static_cast<char>('a' + i % 26)));
    if (i % 5 == 0) store.erase(*find(store, key).stored);
  }
  CHECK_FALSE(stop.exchange(true));          // true: a form of other bytes than its source's was seen
  for (std::thread& thread : threads) thread.join();
}

}  // namespace davenport::store::test
