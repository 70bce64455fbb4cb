#include "cache/redis/record.h"

#include <doctest/doctest.h>

#include "core/net/mac.h"

namespace davenport::redis {
namespace {

constexpr std::string_view kKey("\x01\x00key with \x00 bytes", 17);
constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"1\"\r\nContent-Length: 9\r\n\r\n";

Record sample() {
  Record record;
  record.pid = {7, 0xfeed'beef'0000'0001};
  record.key = kKey;
  record.head = kHead;
  record.facts.date = WallSeconds{Seconds{1'700'000'000}};
  record.facts.response_time = WallSeconds{Seconds{1'700'000'003}};
  record.facts.initial_age = 3;
  record.facts.lifetime = 60;
  record.facts.stale_while_revalidate = 5;
  record.facts.stale_if_error = 6;
  record.facts.keep = 7;
  record.facts.status = 200;
  record.facts.immutable = true;
  record.facts.has_validator = true;
  record.tags = {purge::tag_hash("dairy"), purge::tag_hash("shop")};
  return record;
}

std::string sealed(const Record& record, std::string_view mac_key = "") { return encode(record, {"milk", " milk"}, mac_key); }

TEST_CASE("a record comes back as it was") {
  for (const std::string_view mac_key : {std::string_view{}, std::string_view{"a key of the fleet"}}) {
    Record record = sample();
    record.selector = "selector bytes";
    record.codable = true;
    const std::string value = sealed(record, mac_key);
    const Result<Record, Damage> read = decode(value, kKey, mac_key);
    REQUIRE(read);
    CHECK(read->kind == Record::Kind::response);
    CHECK(read->pid == record.pid);
    CHECK(read->selector == record.selector);
    CHECK(read->head == record.head);
    CHECK(read->body == "milk milk");
    CHECK(read->tags == record.tags);
    CHECK(read->facts.date == record.facts.date);
    CHECK(read->facts.response_time == record.facts.response_time);
    CHECK(read->facts.initial_age == 3);
    CHECK(read->facts.lifetime == 60);
    CHECK(read->facts.stale_while_revalidate == 5);
    CHECK(read->facts.stale_if_error == 6);
    CHECK(read->facts.keep == 7);
    CHECK(read->facts.status == 200);
    CHECK(read->codable);
    CHECK(read->facts.immutable);
    CHECK(read->facts.has_validator);
    CHECK_FALSE(read->facts.no_cache);
  }
}

TEST_CASE("each flag of the facts comes back alone") {
  using Facts = policy::StoredFacts;
  using Set = void (*)(Facts&);
  const auto flags_of = [](const Facts& facts) {
    return std::vector<bool>{facts.must_revalidate, facts.no_cache, facts.immutable, facts.heuristic, facts.forced, facts.has_validator,
                             facts.shared_with_authorization, facts.sie_stated, facts.targeted};
  };
  const std::vector<Set> setters{[](Facts& facts) { facts.must_revalidate = true; }, [](Facts& facts) { facts.no_cache = true; },
                                 [](Facts& facts) { facts.immutable = true; },       [](Facts& facts) { facts.heuristic = true; },
                                 [](Facts& facts) { facts.forced = true; },          [](Facts& facts) { facts.has_validator = true; },
                                 [](Facts& facts) { facts.shared_with_authorization = true; },
                                 [](Facts& facts) { facts.sie_stated = true; },      [](Facts& facts) { facts.targeted = true; }};
  for (std::size_t i = 0; i < setters.size(); ++i) {
    Record record = sample();
    record.facts.immutable = record.facts.has_validator = false;
    setters[i](record.facts);
    const std::string value = sealed(record);
    const Result<Record, Damage> read = decode(value, kKey, "");
    REQUIRE(read);
    const std::vector<bool> flags = flags_of(read->facts);
    for (std::size_t each = 0; each < flags.size(); ++each) CHECK(flags[each] == (each == i));
  }
}

TEST_CASE("the names that a key varies by come back") {
  Record names;
  names.kind = Record::Kind::varies;
  names.pid = {1, 2};
  names.key = kKey;
  names.vary = "accept-encoding, x-color";
  const std::string value = encode(names, {}, "");
  const Result<Record, Damage> read = decode(value, kKey, "");
  REQUIRE(read);
  CHECK(read->kind == Record::Kind::varies);
  CHECK(read->vary == names.vary);
}

TEST_CASE("a record that was cut or changed anywhere is none") {
  for (const std::string_view mac_key : {std::string_view{}, std::string_view{"a key of the fleet"}}) {
    const std::string value = sealed(sample(), mac_key);
    for (std::size_t size = 0; size < value.size(); ++size) CHECK_FALSE(decode(value.substr(0, size), kKey, mac_key));
    for (std::size_t at = 0; at < value.size(); ++at) {
      std::string changed = value;
      changed[at] = static_cast<char>(changed[at] ^ 0x20);
      CHECK_FALSE(decode(changed, kKey, mac_key));
    }
    CHECK_FALSE(decode(value + "x", kKey, mac_key));
  }
}

TEST_CASE("a record of another key, without the HMAC or with another one is none") {
  const std::string plain = sealed(sample()), with_mac = sealed(sample(), "a key of the fleet");
  struct Row { const std::string& value; std::string_view key, mac_key; Damage damage; };
  const std::string_view other("\x01\x00key with \x01 bytes", 17);
  for (const Row& row : {Row{plain, other, "", Damage::key}, Row{plain, kKey, "a key of the fleet", Damage::seal},
                         Row{with_mac, kKey, "", Damage::seal}, Row{with_mac, kKey, "another key", Damage::seal},
                         Row{with_mac, other, "a key of the fleet", Damage::key}}) {
    const Result<Record, Damage> read = decode(row.value, row.key, row.mac_key);
    REQUIRE_FALSE(read);
    CHECK(read.error() == row.damage);
  }
}

TEST_CASE("a time that facts cannot hold makes no record, since it would come back as another") {
  const std::string_view mac_key = "a key of the fleet";
  std::string value = sealed(sample(), mac_key);
  constexpr std::size_t kMacBytes = sizeof(net::Mac);
  const std::int64_t date = 1'700'000'000;
  const std::size_t at = value.find(std::string_view(reinterpret_cast<const char*>(&date), sizeof date));
  REQUIRE(at != std::string::npos);
  const auto with_fifth_byte = [&](char byte) {
    std::string changed = value.substr(0, value.size() - kMacBytes);
    changed[at + 4] = byte;
    const net::Mac mac = net::hmac_sha256(mac_key, changed);
    return changed.append(reinterpret_cast<const char*>(mac.data()), mac.size());
  };
  CHECK(decode(with_fifth_byte(0), kKey, mac_key));
  CHECK_FALSE(decode(with_fifth_byte(1), kKey, mac_key));      // 2^32 seconds and more: after 2106
}

TEST_CASE("a head may leave its status line to its status, and nothing else") {
  Record record = sample();
  record.head = "ETag: \"1\"\r\nContent-Length: 9\r\n\r\n";
  const std::string value = sealed(record);
  const Result<Record, Damage> read = decode(value, kKey, "");
  REQUIRE(read);
  CHECK(read->head == record.head);
  record.facts.status = 99;
  CHECK_FALSE(decode(sealed(record), kKey, ""));
}

TEST_CASE("a head that may not be sent as it stands makes no record, whoever sealed it") {
  for (const char* head : {"Content-Length: 8\r\n\r\n", "Content-Length: 9\r\n", "", "\r\n", "HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n",
                           "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 9\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nmore",
                           "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nno colon\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nA b: c\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nA: b\nC: d\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nA: b", "HTTP/1.1 200\r\nContent-Length: 9\r\n\r\n"}) {
    CAPTURE(head);
    Record record = sample();
    record.head = head;
    const std::string value = sealed(record);
    const Result<Record, Damage> read = decode(value, kKey, "");
    REQUIRE_FALSE(read);
    CHECK(read.error() == Damage::shape);
  }
}

TEST_CASE("keys of one resource's key share a slot, and are told apart by key and selector") {
  const std::string key = record_key("shop:", "a"), variant = variant_key(key, "red");
  CHECK(key.starts_with("shop:{"));
  CHECK(key.size() == 5 + 34);
  CHECK(variant.starts_with(key + ":"));
  CHECK(record_key("shop:", "b") != key);
  CHECK(variant_key(key, "blue") != variant);
}

}  // namespace
}  // namespace davenport::redis
