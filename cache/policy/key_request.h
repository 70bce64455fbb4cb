// cache/policy/key_request.h: the request that a key was made of, as far as the key tells: for who fetches what no client asks for.
// Thread  any; pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace davenport::policy {

struct KeyRequest {
  std::string url;                                             // "https://shop.test:8443/a?b", as the key spells it
  std::vector<std::pair<std::string, std::string>> fields;     // the key's added fields, and its cookies as one Cookie
  std::string forwarded_host;                                  // as make_key() had it
};
// Nullopt: no key of this layout (key.h). A key may come from elsewhere: nothing of it is believed before it was checked.
std::optional<KeyRequest> request_of_key(std::string_view key);

}  // namespace davenport::policy
