// tests/support/certificates.h: an authority and the certificates that it signs, made when a test runs: no key is kept anywhere.
//     Authority authority(dir.path());
//     const CertificateFiles shop = authority.issue("shop", {"shop.test", "*.shop.test"});
// Thread  one. Errors  std::runtime_error.
#pragma once
#include <memory>
#include <string>
#include <vector>

namespace davenport::testing {

struct CertificateFiles {
  std::string certificate, key;        // PEM
};

enum class KeyKind { ec, rsa };

class Authority {
 public:
  explicit Authority(const std::string& directory, const std::string& name = "authority");
  ~Authority();
  // A numeric address among `names` becomes an iPAddress. `days`: until it ends; negative: it has ended. The common name is `stem`.
  CertificateFiles issue(const std::string& stem, const std::vector<std::string>& names, KeyKind kind = KeyKind::ec, int days = 30);
  std::string file() const { return file_; }
  std::string staple(const CertificateFiles& of, const std::string& stem);   // "good" for a day, as an OCSP answer in DER

 private:
  struct Impl;
  const std::string directory_;
  std::string file_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace davenport::testing
