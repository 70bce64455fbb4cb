// A value of Redis that anybody may have written: decoded without harm, and what is taken comes out the same when it is encoded again.
#include "cache/redis/record.h"

#include "core/net/mac.h"
#include "fuzz/fuzz.h"

using namespace davenport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const bool reseal = (input.choice() & 1) != 0;
  std::string value(input.rest());
  const std::string_view key("\x01key", 4);
  if (reseal && value.size() > 8) {                    // past the seal, to the shape behind it
    const std::string_view mac_key = "fuzz";
    value[5] = 1;
    const net::Mac mac = net::hmac_sha256(mac_key, value);
    value.append(reinterpret_cast<const char*>(mac.data()), mac.size());
    const auto record = redis::decode(value, key, mac_key);
    if (record) {
      fuzz::require(record->key == key, "a record is of the key that was asked for");
      const std::string again = redis::encode(*record, {record->body}, mac_key);
      fuzz::require_equal(again, value, "a record is encoded as it was");
    }
    return 0;
  }
  static_cast<void>(redis::decode(value, key, ""));
  return 0;
}
