// cache/redis/record.h: a stored response as one value of Redis, and back. Pure.
//     std::string value = encode(record, mac_key);      Result<Record, Damage> record = decode(value, key, mac_key);
// Keys     PREFIX{h}       the response of a key, or, where it varies, the names that it varies by;
//          PREFIX{h}:v     the variant whose plain selector (policy/selector.h) hashes to v. h, v: 32 hex digits of a hash that is the same everywhere.
//          All keys of one resource's key share a slot. Each value says all about itself, so that nothing has to be written
//          together with anything else: a variant under names that have changed is not found, and each is judged by its own pid.
// Bytes    "DVR3", u8 kind, u8 sealed (0 checksum, 1 HMAC), u16 0; integers little-endian; sizes before bytes; then the seal over
//          all that stands before it: XXH3-64, or HMAC-SHA256 with a key.
// Trust    nothing of a value is believed before its seal, its full key and its shape were checked, and the head's lines too: it
//          is sent as it stands. Without a key the seal guards against accidents alone.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cache/policy/facts.h"
#include "cache/purge/log.h"
#include "core/base/hash.h"
#include "core/base/result.h"

namespace davenport::redis {

struct Record {
  enum class Kind : std::uint8_t { response = 1, varies = 2 };
  Kind kind = Kind::response;
  purge::Pid pid;                    // applied before the origin was asked
  std::string_view key;              // policy/key.h
  // response
  std::string_view selector;         // policy/vary.h
  std::string_view head;             // as StoredResponse::head()
  policy::StoredFacts facts;
  std::vector<Hash128> tags;         // purge::tag_hash()
  bool codable = false;              // forms are made of it (store/stored_response.h): its selector does not speak of codings
  std::string_view body;             // of decode()
  // varies
  std::string_view vary;             // "accept-encoding, x-color"
};

enum class Damage : std::uint8_t { truncated, version, seal, key, shape };
std::string_view name_of(Damage damage);

// `body`: pieces of the response's body in order.
std::string encode(const Record& record, const std::vector<std::string_view>& body, std::string_view mac_key);
// The record's views lie in `value`.
Result<Record, Damage> decode(std::string_view value, std::string_view key, std::string_view mac_key);

std::string record_key(std::string_view prefix, std::string_view key);
std::string variant_key(std::string_view record_key, std::string_view selector);

}  // namespace davenport::redis
