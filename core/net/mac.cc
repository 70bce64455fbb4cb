#include "core/net/mac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/sha.h>

#include <cstdlib>
#include <memory>

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

void hkdf_sha256(std::string_view secret, std::string_view salt, std::string_view info, std::span<unsigned char> out) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kind(EVP_KDF_fetch(nullptr, "HKDF", nullptr), EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(kind.get()), EVP_KDF_CTX_free);
  char digest[] = "SHA256";
  const auto part = [](const char* name, std::string_view bytes) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(bytes.data()), bytes.size());
  };
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0), part(OSSL_KDF_PARAM_KEY, secret),
                                   part(OSSL_KDF_PARAM_SALT, salt), part(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  // As above: nothing that could go on.
  if (context == nullptr || EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) != 1) std::abort();
}

std::array<unsigned char, 20> sha1(std::string_view bytes) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) std::abort();
  return digest;
}

}  // namespace davenport::net
