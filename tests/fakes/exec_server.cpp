#include "tests/fakes/exec_server.h"

#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace holdfast::kube {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::system::error_code;
using net::ip::tcp;
using Secure = beast::ssl_stream<beast::tcp_stream>;

std::string Written(const std::function<void(BIO*)>& write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

struct Identity {
  std::string certificate;
  std::string key;
};

// For 127.0.0.1, signed by itself.
Identity MakeIdentity() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("exec"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(certificate, key, EVP_sha256());
  Identity identity;
  identity.certificate = Written([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); });
  identity.key = Written(
      [&](BIO* bio) { PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
  X509_free(certificate);
  EVP_PKEY_free(key);
  return identity;
}

class Peer final : public ExecPeer {
 public:
  explicit Peer(websocket::stream<Secure>& socket) : socket_(socket) { socket_.binary(true); }

  void Send(unsigned char channel, std::string_view bytes) override {
    socket_.write(net::buffer(Message(channel, bytes)), ignored_);
  }
  void SendInPieces(unsigned char channel, std::string_view bytes) override {
    const std::string message = Message(channel, bytes);
    for (std::size_t i = 0; i < message.size(); ++i)
      socket_.write_some(i + 1 == message.size(), net::buffer(&message[i], 1), ignored_);
  }
  void SendEmpty() override { socket_.write(net::const_buffer(), ignored_); }
  void Close() override { socket_.close(websocket::close_code::normal, ignored_); }
  void HangUp() override { beast::get_lowest_layer(socket_).close(); }
  void AwaitHangUp() override {
    beast::flat_buffer buffer;
    socket_.read(buffer, ignored_);
  }

 private:
  static std::string Message(unsigned char channel, std::string_view bytes) {
    return std::string(1, static_cast<char>(channel)).append(bytes);
  }

  websocket::stream<Secure>& socket_;
  error_code ignored_;
};

}  // namespace

struct ExecServer::State {
  State() {
    tls.use_certificate_chain(net::buffer(identity.certificate));
    tls.use_private_key(net::buffer(identity.key), net::ssl::context::pem);
  }

  void Serve() {
    for (;;) {
      error_code error;
      tcp::socket socket = acceptor.accept(error);
      if (error) return;
      Secure secure(beast::tcp_stream(std::move(socket)), tls);
      secure.handshake(net::ssl::stream_base::server, error);
      if (!error) Converse(std::move(secure));
    }
  }

  void Converse(Secure secure) {
    beast::flat_buffer buffer;
    http::request<http::string_body> request;
    error_code error;
    http::read(secure, buffer, request, error);
    if (error) return;
    Note(request);
    if (!script) return Refuse(secure);
    websocket::stream<Secure> upgraded(std::move(secure));
    upgraded.set_option(websocket::stream_base::decorator([this](websocket::response_type& head) {
      head.set(http::field::sec_websocket_protocol, protocol);
    }));
    upgraded.accept(request, error);
    if (error) return;
    Peer peer(upgraded);
    script(peer);
  }

  void Note(const http::request<http::string_body>& request) {
    const auto text = [](beast::string_view view) { return std::string(view.data(), view.size()); };
    const std::lock_guard lock(mutex);
    seen.push_back({text(request.target()), text(request[http::field::authorization]),
                    text(request[http::field::sec_websocket_protocol])});
  }

  void Refuse(Secure& secure) const {
    http::response<http::string_body> answer(static_cast<http::status>(refusal.status), 11);
    answer.set(http::field::content_type, "application/json");
    answer.body() = refusal.body;
    answer.prepare_payload();
    error_code ignored;
    http::write(secure, answer, ignored);
    secure.shutdown(ignored);
  }

  const Identity identity = MakeIdentity();
  Script script;
  std::string protocol;
  Refusal refusal;
  net::io_context io;
  net::ssl::context tls{net::ssl::context::tls_server};
  tcp::acceptor acceptor{io, {net::ip::make_address("127.0.0.1"), 0}};
  mutable std::mutex mutex;
  std::vector<Seen> seen;  // guarded by mutex
  std::jthread thread;
};

ExecServer::ExecServer(Script script, std::string protocol) : state_(std::make_unique<State>()) {
  state_->script = std::move(script);
  state_->protocol = std::move(protocol);
  state_->thread = std::jthread([state = state_.get()] { state->Serve(); });
}

ExecServer::ExecServer(Refusal refusal) : state_(std::make_unique<State>()) {
  state_->refusal = std::move(refusal);
  state_->thread = std::jthread([state = state_.get()] { state->Serve(); });
}

// A listening socket that is shut down wakes the accept() that waits on it.
ExecServer::~ExecServer() {
  ::shutdown(state_->acceptor.native_handle(), SHUT_RDWR);
  state_->thread.join();
}

ClientConfig ExecServer::config() const {
  ClientConfig config;
  config.server = "https://127.0.0.1:" + std::to_string(state_->acceptor.local_endpoint().port());
  config.ca_pem = state_->identity.certificate;
  config.token = "secret";
  return config;
}

std::vector<ExecServer::Seen> ExecServer::seen() const {
  const std::lock_guard lock(state_->mutex);
  return state_->seen;
}

}  // namespace holdfast::kube
