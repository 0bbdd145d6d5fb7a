#include "operator/http_server.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

namespace holdfast::op {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

HttpHandler Says(HttpAnswer answer) {
  return [answer](const HttpRequest&, std::stop_token) { return answer; };
}

int Connect(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
    ADD_FAILURE() << "cannot connect to port " << port;
  return fd;
}

// Everything that comes back for these bytes until the server hangs up.
std::string Exchange(int port, const std::string& request) {
  const int fd = Connect(port);
  EXPECT_GT(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), 0);
  std::string answer;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::recv(fd, buffer, sizeof(buffer), 0)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(got));
  ::close(fd);
  return answer;
}

std::string Get(int port, const std::string& path, const std::string& version = "1.1") {
  return Exchange(port, "GET " + path + " HTTP/" + version + "\r\nHost: x\r\n\r\n");
}

TEST(HttpServerTest, ServesItsPathsAndNoOthers) {
  const auto server = HttpServer::Start(
      {{"127.0.0.1:0",
        {},
        {{"/readyz", Says({503, "not yet\n"})}, {"/healthz", Says({200, "ok\n"})}}},
       {"", {}, {{"/nowhere", Says({})}}}});
  ASSERT_TRUE(server) << server.error().message;
  ASSERT_EQ((*server)->ports().size(), 1u);
  const int port = (*server)->ports()[0];
  EXPECT_THAT(Get(port, "/readyz"), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(Get(port, "/readyz"), EndsWith("\r\n\r\nnot yet\n"));
  EXPECT_THAT(Get(port, "/healthz?verbose"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get(port, "/etc/passwd"), HasSubstr(" 404 "));
  EXPECT_THAT(Exchange(port, "POST /healthz HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
              HasSubstr(" 405 "));
}

TEST(HttpServerTest, NonsenseEndsTheConnectionAndNothingElse) {
  const auto server = HttpServer::Start({{"127.0.0.1:0", {}, {{"/", Says({200, "ok\n"})}}}});
  ASSERT_TRUE(server);
  const int port = (*server)->ports()[0];
  EXPECT_EQ(Exchange(port, "\x16\x03\x01 this is no HTTP\r\n\r\n"), "");
  EXPECT_EQ(Exchange(port, "GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n"), "");
  EXPECT_THAT(Get(port, "/"), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServerTest, LongAnswersComeInPieces) {
  const auto server = HttpServer::Start(
      {{"127.0.0.1:0", {}, {{"/metrics", [](const HttpRequest&, std::stop_token) {
                               HttpAnswer answer{200, "head\n"};
                               answer.next_piece = [left = 2]() mutable -> std::string {
                                 return left-- > 0 ? "piece\n" : "";
                               };
                               return answer;
                             }}}}});
  ASSERT_TRUE(server) << server.error().message;
  const int port = (*server)->ports()[0];
  EXPECT_THAT(Get(port, "/metrics"),
              EndsWith("\r\n\r\n5\r\nhead\n\r\n6\r\npiece\n\r\n6\r\npiece\n\r\n0\r\n\r\n"));
  EXPECT_THAT(Get(port, "/metrics", "1.0"), EndsWith("\r\n\r\nhead\npiece\npiece\n"));
}

TEST(HttpServerTest, HandlersSeeTheHeaderOfAuthorization) {
  const auto server = HttpServer::Start(
      {{"127.0.0.1:0",
        {},
        {{"/", [](const HttpRequest& request, std::stop_token) {
            return HttpAnswer{request.authorization == "Bearer abc" ? 200 : 401, request.path};
          }}}}});
  ASSERT_TRUE(server);
  const int port = (*server)->ports()[0];
  EXPECT_THAT(Exchange(port, "GET / HTTP/1.1\r\nauthorization: Bearer abc\r\n\r\n"),
              StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get(port, "/"), HasSubstr("WWW-Authenticate: Bearer"));
}

TEST(HttpServerTest, EndpointsOfOneAddressAreOne) {
  const std::string taken = [] {
    const auto first = HttpServer::Start({{"127.0.0.1:0", {}, {}}});
    return "127.0.0.1:" + std::to_string((*first)->ports()[0]);
  }();
  const auto server = HttpServer::Start(
      {{taken, {}, {{"/a", Says({200, "a"})}}}, {taken, {}, {{"/b", Says({200, "b"})}}}});
  ASSERT_TRUE(server) << server.error().message;
  ASSERT_EQ((*server)->ports().size(), 1u);
  EXPECT_THAT(Get((*server)->ports()[0], "/a"), EndsWith("a"));
  EXPECT_THAT(Get((*server)->ports()[0], "/b"), EndsWith("b"));
  EXPECT_EQ(HttpServer::Start({{taken, {}, {}}}).error().code, Code::kInvalid) << "in use";
}

TEST(HttpServerTest, WithoutAddressesServesNothing) {
  const auto server = HttpServer::Start({{"", {}, {}}});
  ASSERT_TRUE(server);
  EXPECT_TRUE((*server)->ports().empty());
}

TEST(HttpServerTest, BadAddressesAreInvalid) {
  for (const char* bad : {"8080", "localhost:", "localhost:http", "not-an-ip:80", "1.2.3.4:99999"})
    EXPECT_EQ(HttpServer::Start({{bad, {}, {}}}).error().code, Code::kInvalid) << bad;
}

TEST(HttpServerTest, AStopReachesARunningHandler) {
  std::atomic<bool> running{false};
  auto server = HttpServer::Start(
      {{"127.0.0.1:0", {}, {{"/", [&running](const HttpRequest&, std::stop_token stop) {
                               running = true;
                               running.notify_all();
                               while (!stop.stop_requested()) std::this_thread::yield();
                               return HttpAnswer{};
                             }}}}});
  ASSERT_TRUE(server);
  const int fd = Connect((*server)->ports()[0]);
  const std::string request = "GET / HTTP/1.1\r\n\r\n";
  ASSERT_GT(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), 0);
  running.wait(false);
  server->reset();  // returns
  ::close(fd);
}

// A certificate for "metrics" that signs itself, with its key, and a client that trusts it alone.
class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("http-server-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  TlsFiles Files() const { return {folder_ / "tls.crt", folder_ / "tls.key"}; }

  // Written as a new file that takes the old one's place.
  void Renew(long serial) const {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("metrics"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_sign(certificate, key, EVP_sha256());
    Write(Files().key, [key](FILE* file) {
      PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
    Write(Files().certificate, [certificate](FILE* file) { PEM_write_X509(file, certificate); });
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  // The serial number of the certificate that the server shows, and the whole answer.
  std::pair<long, std::string> GetByTls(int port) const {
    const int fd = Connect(port);
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL* ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    std::pair<long, std::string> got{-1, ""};
    if (SSL_connect(ssl) == 1) {
      X509* peer = SSL_get1_peer_certificate(ssl);
      got.first = ASN1_INTEGER_get(X509_get0_serialNumber(peer));
      X509_free(peer);
      const std::string request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
      SSL_write(ssl, request.data(), static_cast<int>(request.size()));
      char buffer[4096];
      for (int count = 0; (count = SSL_read(ssl, buffer, sizeof(buffer))) > 0;)
        got.second.append(buffer, static_cast<std::size_t>(count));
      SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    ::close(fd);
    return got;
  }

  template <typename Fill>
  static void Write(const std::string& path, Fill fill) {
    FILE* file = std::fopen((path + ".new").c_str(), "w");
    ASSERT_NE(file, nullptr);
    fill(file);
    std::fclose(file);
    std::filesystem::rename(path + ".new", path);
  }

  std::filesystem::path folder_;
};

TEST_F(TlsTest, ServesAndRenewsItsCertificate) {
  Renew(7);
  const auto server =
      HttpServer::Start({{"127.0.0.1:0", Files(), {{"/metrics", Says({200, "up 1\n"})}}}});
  ASSERT_TRUE(server) << server.error().message;
  const int port = (*server)->ports()[0];
  const auto [serial, answer] = GetByTls(port);
  EXPECT_EQ(serial, 7);
  EXPECT_THAT(answer, EndsWith("\r\n\r\nup 1\n"));
  EXPECT_EQ(Get(port, "/metrics").find("up 1"), std::string::npos) << "plain text, on a TLS port";
  Renew(8);
  EXPECT_EQ(GetByTls(port).first, 8) << "renewed on disk, without a restart";
  std::ofstream(Files().certificate) << "half written";
  EXPECT_EQ(GetByTls(port).first, 8) << "the last good one serves on";
}

TEST_F(TlsTest, FilesThatAreNoCertificateAreInvalid) {
  EXPECT_EQ(HttpServer::Start({{"127.0.0.1:0", Files(), {}}}).error().code, Code::kInvalid);
  Renew(7);
  std::ofstream(Files().key) << "no key";
  EXPECT_EQ(HttpServer::Start({{"127.0.0.1:0", Files(), {}}}).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace holdfast::op
