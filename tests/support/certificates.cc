#include "support/certificates.h"

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <cctype>
#include <cstdio>
#include <stdexcept>

namespace davenport::testing {
namespace {

struct KeyFree { void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); } };
struct CertificateFree { void operator()(X509* certificate) const { X509_free(certificate); } };
using Key = std::unique_ptr<EVP_PKEY, KeyFree>;
using Certificate = std::unique_ptr<X509, CertificateFree>;

void must(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("certificates: ") + what);
}

Key make_key(KeyKind kind) {
  Key key(kind == KeyKind::ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048));
  must(key != nullptr, "no key");
  return key;
}

void extend(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  must(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, "no extension");
  X509_EXTENSION_free(extension);
}

Certificate begin(const std::string& name, EVP_PKEY* key, long serial, int days) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), days < 0 ? -86'400L * 60 : -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86'400L * days);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

template <class Write>
void to_file(const std::string& path, Write write) {
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  must(file != nullptr && write(file) == 1, "no file");
  std::fclose(file);
}

}  // namespace

struct Authority::Impl {
  Key key;
  Certificate certificate;
  long serial = 1;
};

Authority::Authority(const std::string& directory, const std::string& name)
    : directory_(directory), file_(directory + "/" + name + ".pem"), impl_(new Impl) {
  impl_->key = make_key(KeyKind::ec);
  impl_->certificate = begin(name, impl_->key.get(), impl_->serial++, 365);
  X509* const own = impl_->certificate.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  extend(own, own, NID_basic_constraints, "critical,CA:TRUE");
  extend(own, own, NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature");
  must(X509_sign(own, impl_->key.get(), EVP_sha256()) > 0, "not signed");
  to_file(file_, [&](std::FILE* file) { return PEM_write_X509(file, own); });
}

Authority::~Authority() = default;

CertificateFiles Authority::issue(const std::string& stem, const std::vector<std::string>& names, KeyKind kind, int days) {
  const Key key = make_key(kind);
  const Certificate certificate = begin(stem, key.get(), impl_->serial++, days);
  X509* const issuer = impl_->certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer));
  std::string alternatives;
  for (const std::string& name : names) {
    const bool numeric = std::isdigit(static_cast<unsigned char>(name[0])) != 0 || name.find(':') != std::string::npos;
    alternatives += (alternatives.empty() ? "" : ",") + std::string(numeric ? "IP:" : "DNS:") + name;
  }
  if (!alternatives.empty()) extend(certificate.get(), issuer, NID_subject_alt_name, alternatives);
  extend(certificate.get(), issuer, NID_ext_key_usage, "serverAuth,clientAuth");
  must(X509_sign(certificate.get(), impl_->key.get(), EVP_sha256()) > 0, "not signed");
  const CertificateFiles files{directory_ + "/" + stem + ".pem", directory_ + "/" + stem + ".key"};
  to_file(files.certificate, [&](std::FILE* file) { return PEM_write_X509(file, certificate.get()); });
  to_file(files.key, [&](std::FILE* file) { return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  return files;
}

std::string Authority::staple(const CertificateFiles& of, const std::string& stem) {
  std::FILE* const file = std::fopen(of.certificate.c_str(), "rb");
  must(file != nullptr, "no certificate");
  const Certificate certificate(PEM_read_X509(file, nullptr, nullptr, nullptr));
  std::fclose(file);
  OCSP_BASICRESP* const basic = OCSP_BASICRESP_new();
  ASN1_TIME* const from = X509_gmtime_adj(nullptr, -60);
  ASN1_TIME* const to = X509_gmtime_adj(nullptr, 86'400);
  OCSP_CERTID* const id = OCSP_cert_to_id(nullptr, certificate.get(), impl_->certificate.get());
  must(OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, nullptr, from, to) != nullptr, "no status");
  must(OCSP_basic_sign(basic, impl_->certificate.get(), impl_->key.get(), EVP_sha256(), nullptr, 0) == 1, "not signed");
  OCSP_RESPONSE* const response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  const std::string path = directory_ + "/" + stem + ".ocsp";
  to_file(path, [&](std::FILE* out) { return ASN1_i2d_fp(reinterpret_cast<i2d_of_void*>(i2d_OCSP_RESPONSE), out, response); });
  OCSP_RESPONSE_free(response);
  OCSP_BASICRESP_free(basic);
  OCSP_CERTID_free(id);
  ASN1_TIME_free(from);
  ASN1_TIME_free(to);
  return path;
}

}  // namespace davenport::testing
