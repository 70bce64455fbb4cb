// Forms are made beside the loop, once, and say nothing that their source did not.
#include "proxy/transform/coder.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "cache/purge/embedded_log.h"
#include "core/net/task.h"
#include "proxy/transform/codec.h"

using namespace davenport;
using namespace davenport::transform;
using policy::Coding;

namespace {

constexpr Millis kPatience{20'000};

std::string css(std::size_t bytes) {
  std::string text;
  for (std::uint32_t x = 1; text.size() < bytes;) {
    x = x * 1664525 + 1013904223;
    text.append(".item-").append(std::to_string(x >> 20)).append(x & 1 ? "{color:#" : "{margin:").append(std::to_string(x % 997)).append("px}\n");
  }
  text.resize(bytes);
  return text;
}

std::string body_of(const store::StoredResponse& response) {
  std::string out;
  std::array<iovec, 64> pieces;
  std::uint64_t covered = 0;
  while (out.size() < response.body_bytes()) {
    const std::size_t count = response.body(out.size(), response.body_bytes() - out.size(), pieces, covered);
    for (std::size_t i = 0; i < count; ++i) out.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  return out;
}

std::string unpack(Coding coding, std::string_view bytes) {
  std::string out;
  const auto decoder = make_decoder(coding, {64 << 20, 100'000});
  CHECK(decoder->feed(bytes, [&](std::string_view piece) { out.append(piece); return true; }) == Decoder::State::going);
  CHECK(decoder->complete());
  return out;
}

std::string pack(Coding coding, std::string_view text) {
  std::string out;
  CHECK(make_encoder(coding, 6, 0)->feed(text, Flush::end, out));
  return out;
}

struct Bench {
  static config::Cache settings() {
    config::Cache cache;
    cache.memory_bytes = 32 << 20;
    return cache;
  }
  store::MemoryStore store{settings()};
  purge::EmbeddedLog log;
  net::Loop loop;
  config::Compression rules;

  store::StoredPtr put(std::string_view body, Coding coding = Coding::identity, const char* name = "h/a.css") {
    const store::FillPtr fill = store.begin_fill(body.size());
    REQUIRE(fill->append(body));
    const std::string key = name;
    store::Draft draft;
    draft.key = {key, key, hash128(key, process_seed()), hash128(key, process_seed())};
    std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nETag: \"v1\"\r\n";
    if (coding != Coding::identity) head.append("Content-Encoding: ").append(policy::name_of(coding)).append("\r\n");
    head.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
    draft.head = head;
    draft.facts.status = 200;
    draft.facts.lifetime = 60;
    draft.codable = true;
    draft.coding = coding;
    store::StoredPtr source;
    REQUIRE(store.commit(fill, draft, log, 64, &source) == store::PutResult::stored);
    return source;
  }

  static net::Task<void> wait_for(net::Loop& loop, FormWait& wait, net::Wake& wake) {
    wake = co_await wait.changed().wait(loop.now() + kPatience);
    loop.stop();
  }
  store::StoredPtr made(Coder& coder, const store::StoredPtr& source, Coding coding, bool strong = false, bool must = false) {
    Order order = make_order(source, coding, strong, rules, 16 << 20);
    order.must = must;
    FormWait wait(loop);
    REQUIRE(coder.make(order, &wait));
    net::Wake wake{};
    net::spawn(wait_for(loop, wait, wake));
    loop.run();
    CHECK(wake == net::Wake::notified);
    return wait.form();
  }
};

}  // namespace

TEST_CASE("a form of every coding unpacks to its source, byte for byte, and lies beside it") {
  Bench bench;
  Coder coder(bench.store, 1);
  for (const std::size_t size : {std::size_t{600}, std::size_t{64 << 10}, std::size_t{3 << 20}}) {
    const std::string text = css(size);
    const store::StoredPtr source = bench.put(text);
    for (const Coding coding : {Coding::gzip, Coding::brotli, Coding::zstd}) {
      CAPTURE(policy::name_of(coding));
      CAPTURE(size);
      const store::StoredPtr form = bench.made(coder, source, coding);
      REQUIRE(form);
      const std::string bytes = body_of(*form);
      CHECK(bytes.size() < text.size());
      CHECK(unpack(coding, bytes) == text);
      CHECK(bench.store.form(*source, coding) == form);
      const std::string name(policy::name_of(coding));
      CHECK(form->head() == "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nETag: W/\"v1~" + name + "\"\r\nContent-Encoding: " + name +
                                "\r\nContent-Length: " + std::to_string(bytes.size()) + "\r\n\r\n");
    }
  }
  CHECK(coder.stats().fast[static_cast<std::size_t>(Coding::brotli)] == 3);
  CHECK(coder.stats().bytes_in > coder.stats().bytes_out);
}

TEST_CASE("every coding of a source becomes every other, and identity") {
  Bench bench;
  Coder coder(bench.store, 2);
  const std::string text = css(50'000);
  for (const Coding from : {Coding::gzip, Coding::brotli, Coding::zstd}) {
    const store::StoredPtr source = bench.put(pack(from, text), from);
    CHECK(source->coding() == from);
    for (const Coding to : {Coding::identity, Coding::gzip, Coding::brotli, Coding::zstd}) {
      if (to == from) continue;
      CAPTURE(policy::name_of(from));
      CAPTURE(policy::name_of(to));
      const store::StoredPtr form = bench.made(coder, source, to);
      REQUIRE(form);
      CHECK((to == Coding::identity ? body_of(*form) : unpack(to, body_of(*form))) == text);
    }
  }
}

TEST_CASE("a strong form replaces a fast one that is larger, and no other") {
  Bench bench;
  Coder coder(bench.store, 1);
  const std::string text = css(100'000);
  const store::StoredPtr source = bench.put(text);
  const store::StoredPtr fast = bench.made(coder, source, Coding::brotli);
  const store::StoredPtr strong = bench.made(coder, source, Coding::brotli, true);
  REQUIRE(strong);
  CHECK(strong->strong());
  CHECK(strong->body_bytes() < fast->body_bytes());
  CHECK(unpack(Coding::brotli, body_of(*strong)) == text);
  CHECK(bench.store.form(*source, Coding::brotli) == strong);
  CHECK(bench.made(coder, source, Coding::brotli, true) == strong);
}

TEST_CASE("what gains nothing is not kept and not tried again, unless there is no other way") {
  Bench bench;
  Coder coder(bench.store, 1);
  std::string noise;
  for (unsigned i = 0, x = 1; i < 20'000; ++i) noise.push_back(static_cast<char>((x = x * 1664525 + 1013904223) >> 24));
  const store::StoredPtr source = bench.put(noise);
  CHECK_FALSE(source->gains_nothing());
  CHECK_FALSE(bench.made(coder, source, Coding::gzip));
  CHECK(source->gains_nothing());
  CHECK(coder.stats().without_gain == 1);
  const store::StoredPtr form = bench.made(coder, source, Coding::gzip, false, true);
  REQUIRE(form);
  CHECK(unpack(Coding::gzip, body_of(*form)) == noise);
}

TEST_CASE("a bomb and a broken source are not unpacked, and it is remembered") {
  Bench bench;
  Coder coder(bench.store, 1);
  const store::StoredPtr bomb = bench.put(pack(Coding::gzip, std::string(8 << 20, '0')), Coding::gzip);
  CHECK_FALSE(bench.made(coder, bomb, Coding::identity));
  CHECK(bomb->undecodable());
  std::string broken = pack(Coding::zstd, css(5000));
  broken.resize(broken.size() / 2);
  const store::StoredPtr half = bench.put(broken, Coding::zstd, "h/half");
  CHECK_FALSE(bench.made(coder, half, Coding::identity));
  CHECK(half->undecodable());
  CHECK(coder.stats().failed == 2);
  CHECK(bench.store.forms(*half).empty());
}

TEST_CASE("who leaves before the form is made leaves nothing behind, and the pool ends with work in it") {
  Bench bench;
  const store::StoredPtr source = bench.put(css(4 << 20));
  {
    Coder coder(bench.store, 1);
    for (const Coding coding : {Coding::gzip, Coding::brotli, Coding::zstd}) {
      FormWait wait(bench.loop);
      CHECK(coder.make(make_order(source, coding, false, bench.rules, 16 << 20), &wait));
      CHECK(coder.make(make_order(source, coding, true, bench.rules, 16 << 20), nullptr));
    }
  }
  bench.loop.post([&] { bench.loop.stop(); });
  bench.loop.run();                         // what was told to those who left is told to nobody
}

TEST_CASE("more orders than the bound are refused") {
  Bench bench;
  Coder coder(bench.store, 1);
  std::vector<store::StoredPtr> sources;
  for (std::size_t i = 0; i < Coder::kMostQueued + 20; ++i) sources.push_back(bench.put(css(700), Coding::identity, ("h/" + std::to_string(i)).c_str()));
  const store::StoredPtr large = bench.put(css(8 << 20), Coding::identity, "h/large");
  REQUIRE(coder.make(make_order(large, Coding::brotli, true, bench.rules, 16 << 20), nullptr));
  std::size_t taken = 0;
  while (coder.stats().running == 0) std::this_thread::yield();
  for (const store::StoredPtr& source : sources) taken += coder.make(make_order(source, Coding::gzip, true, bench.rules, 16 << 20), nullptr);
  CHECK(taken == Coder::kMostQueued);
  CHECK(coder.stats().refused == 20);
}

TEST_CASE("levels that take much memory are lowered for large texts") {
  CHECK(bounded_level(Coding::brotli, 11, 1 << 20) == 11);
  CHECK(bounded_level(Coding::brotli, 11, 5 << 20) == 9);
  CHECK(bounded_level(Coding::zstd, 19, 5 << 20) == 12);
  CHECK(bounded_level(Coding::gzip, 9, 5 << 20) == 9);
}
