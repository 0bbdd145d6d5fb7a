#include "tests/integration/faults/authority.h"

#include <memory>
#include <random>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/integration/faults/control_plane.h"

namespace holdfast::faults {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;

void Check(bool good, const char* step) {
  if (!good) throw std::runtime_error(std::string("making a certificate: ") + step);
}

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string PemOf(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  Check(PEM_write_bio_X509(bio.get(), certificate) == 1, "write the certificate");
  return TextOf(bio.get());
}

std::string PemOf(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  Check(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
        "write the key");
  return TextOf(bio.get());
}

Cert ReadCert(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Cert(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

Key ReadKey(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

void AddExtension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  Check(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void SetName(X509_NAME* name, const char* field, const std::string& value) {
  if (value.empty()) return;
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(value.data()),
                             static_cast<int>(value.size()), -1, 0);
}

Cert Begin(const CertificateRequest& request, EVP_PKEY* key) {
  Cert cert(X509_new());
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(cert.get()),
                         static_cast<std::int64_t>(std::random_device()()) + 1);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), request.begins.count());
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), request.ends.count());
  X509_set_pubkey(cert.get(), key);
  SetName(X509_get_subject_name(cert.get()), "O", request.organization);
  SetName(X509_get_subject_name(cert.get()), "CN", request.common_name);
  return cert;
}

}  // namespace

Authority::Authority(const std::filesystem::path& pki)
    : own_{ReadFile(pki / "ca.crt"), ReadFile(pki / "ca.key")} {}

Authority::Authority() {
  const Key key(EVP_EC_gen("P-256"));
  CertificateRequest request;
  request.common_name = "another authority";
  const Cert cert = Begin(request, key.get());
  X509_set_issuer_name(cert.get(), X509_get_subject_name(cert.get()));
  AddExtension(cert.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(cert.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  Check(X509_sign(cert.get(), key.get(), EVP_sha256()) > 0, "sign");
  own_ = {PemOf(cert.get()), PemOf(key.get())};
}

Certificate Authority::Issue(const CertificateRequest& request) const {
  const Cert issuer = ReadCert(own_.cert_pem);
  const Key issuer_key = ReadKey(own_.key_pem);
  Check(issuer && issuer_key, "read the authority");
  const Key key(EVP_EC_gen("P-256"));
  const Cert cert = Begin(request, key.get());
  X509_set_issuer_name(cert.get(), X509_get_subject_name(issuer.get()));
  AddExtension(cert.get(), NID_key_usage, "critical,digitalSignature");
  AddExtension(cert.get(), NID_ext_key_usage, "clientAuth,serverAuth");
  std::string names;
  for (const std::string& address : request.addresses)
    names += (names.empty() ? "IP:" : ",IP:") + address;
  if (!names.empty()) AddExtension(cert.get(), NID_subject_alt_name, names);
  Check(X509_sign(cert.get(), issuer_key.get(), EVP_sha256()) > 0, "sign");
  return {PemOf(cert.get()), PemOf(key.get())};
}

}  // namespace holdfast::faults
