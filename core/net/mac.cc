#include "core/net/mac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

namespace davenport::net {

Mac hmac_sha256(std::string_view key, std::string_view bytes) {
  Mac mac{};
  unsigned int size = 0;
  const unsigned char* made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), mac.data(), &size);
  if (made == nullptr || size != mac.size()) std::abort();   // no memory, or no SHA-256: nothing that could go on
  return mac;
}

bool same_mac(const Mac& mac, std::string_view bytes) {
  return bytes.size() == mac.size() && CRYPTO_memcmp(mac.data(), bytes.data(), mac.size()) == 0;
}

}  // namespace davenport::net
