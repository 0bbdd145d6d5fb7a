#include "operator/kube/tls.h"

#include <memory>

#include <boost/asio/ssl/context.hpp>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace holdfast::kube {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeStore {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
};

// A store that holds the PEM's certificates and nothing else.
Result<std::unique_ptr<X509_STORE, FreeStore>> TrustOnly(const std::string& pem) {
  std::unique_ptr<X509_STORE, FreeStore> store(X509_STORE_new());
  const std::unique_ptr<BIO, FreeBio> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  int count = 0;
  while (std::unique_ptr<X509, FreeCertificate> certificate{
      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_cert(store.get(), certificate.get());
    ++count;
  }
  ERR_clear_error();  // the end of the text is reported as an error
  if (count == 0) return Fail(Code::kInvalid, "the CA bundle holds no certificate");
  return store;
}

}  // namespace

Result<void> SetUpTls(const ClientConfig& config, boost::asio::ssl::context& context) {
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  if (!config.ca_pem.empty()) {
    TRY(auto store, TrustOnly(config.ca_pem));
    SSL_CTX_set_cert_store(context.native_handle(), store.release());
  }
  if (config.client_cert_pem.empty()) return {};
  boost::system::error_code error;
  context.use_certificate_chain(boost::asio::buffer(config.client_cert_pem), error);
  if (error) return Fail(Code::kInvalid, "the client certificate is not PEM: " + error.message());
  context.use_private_key(boost::asio::buffer(config.client_key_pem),
                          boost::asio::ssl::context::pem, error);
  if (error) return Fail(Code::kInvalid, "the client key is not PEM: " + error.message());
  if (SSL_CTX_check_private_key(context.native_handle()) != 1)
    return Fail(Code::kInvalid, "the client key does not belong to the client certificate");
  return {};
}

Result<void> CheckTls(const ClientConfig& config) {
  boost::asio::ssl::context context(boost::asio::ssl::context::tls_client);
  return SetUpTls(config, context);
}

}  // namespace holdfast::kube
