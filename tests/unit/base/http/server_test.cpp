#include "base/http/server.h"

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

namespace holdfast::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Handler Says(Answer answer) {
  return [answer](const Request&, std::stop_token) { return answer; };
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

TEST(ServerTest, ServesItsPathsAndNoOthers) {
  const auto server =
      Server::Start({{"127.0.0.1:0",
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

TEST(ServerTest, NonsenseEndsTheConnectionAndNothingElse) {
  const auto server = Server::Start({{"127.0.0.1:0", {}, {{"/", Says({200, "ok\n"})}}}});
  ASSERT_TRUE(server);
  const int port = (*server)->ports()[0];
  EXPECT_EQ(Exchange(port, "\x16\x03\x01 this is no HTTP\r\n\r\n"), "");
  EXPECT_EQ(Exchange(port, "GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n"), "");
  EXPECT_THAT(Get(port, "/"), StartsWith("HTTP/1.1 200"));
}

TEST(ServerTest, LongAnswersComeInPieces) {
  const auto server = Server::Start(
      {{"127.0.0.1:0", {}, {{"/metrics", [](const Request&, std::stop_token) {
                               Answer answer{200, "head\n"};
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

TEST(ServerTest, HandlersSeeTheHeaderOfAuthorization) {
  const auto server = Server::Start(
      {{"127.0.0.1:0",
        {},
        {{"/", [](const Request& request, std::stop_token) {
            return Answer{request.authorization == "Bearer abc" ? 200 : 401, request.path};
          }}}}});
  ASSERT_TRUE(server);
  const int port = (*server)->ports()[0];
  EXPECT_THAT(Exchange(port, "GET / HTTP/1.1\r\nauthorization: Bearer abc\r\n\r\n"),
              StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get(port, "/"), HasSubstr("WWW-Authenticate: Bearer"));
}

TEST(ServerTest, EndpointsOfOneAddressAreOne) {
  const std::string taken = [] {
    const auto first = Server::Start({{"127.0.0.1:0", {}, {}}});
    return "127.0.0.1:" + std::to_string((*first)->ports()[0]);
  }();
  const auto server = Server::Start(
      {{taken, {}, {{"/a", Says({200, "a"})}}}, {taken, {}, {{"/b", Says({200, "b"})}}}});
  ASSERT_TRUE(server) << server.error().message;
  ASSERT_EQ((*server)->ports().size(), 1u);
  EXPECT_THAT(Get((*server)->ports()[0], "/a"), EndsWith("a"));
  EXPECT_THAT(Get((*server)->ports()[0], "/b"), EndsWith("b"));
  EXPECT_EQ(Server::Start({{taken, {}, {}}}).error().code, Code::kInvalid) << "in use";
}

TEST(ServerTest, WithoutAddressesServesNothing) {
  const auto server = Server::Start({{"", {}, {}}});
  ASSERT_TRUE(server);
  EXPECT_TRUE((*server)->ports().empty());
}

TEST(ServerTest, BadAddressesAreInvalid) {
  for (const char* bad : {"8080", "localhost:", "localhost:http", "not-an-ip:80", "1.2.3.4:99999"})
    EXPECT_EQ(Server::Start({{bad, {}, {}}}).error().code, Code::kInvalid) << bad;
}

TEST(ServerTest, AStopReachesARunningHandler) {
  std::atomic<bool> running{false};
  auto server =
      Server::Start({{"127.0.0.1:0", {}, {{"/", [&running](const Request&, std::stop_token stop) {
                                             running = true;
                                             running.notify_all();
                                             while (!stop.stop_requested())
                                               std::this_thread::yield();
                                             return Answer{};
                                           }}}}});
  ASSERT_TRUE(server);
  const int fd = Connect((*server)->ports()[0]);
  const std::string request = "GET / HTTP/1.1\r\n\r\n";
  ASSERT_GT(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), 0);
  running.wait(false);
  server->reset();  // returns
  ::close(fd);
}

// A service that says what it was asked.
Endpoint Echo() {
  Endpoint endpoint{"127.0.0.1:0", {}, {}};
  Service& service = endpoint.service.emplace();
  service.handle = [](const Request& request, std::stop_token) {
    return Answer{200, request.method + " " + request.path + " " + request.body};
  };
  service.refusal = [](const Request& request, std::stop_token) -> std::optional<Answer> {
    if (request.authorization == "Bearer abc") return std::nullopt;
    return Answer{401, "not you\n"};
  };
  service.max_body = 100'000;
  service.memory = 100'000;
  service.piece = 1000;
  service.max_connections = 8;
  return endpoint;
}

std::string Post(const std::string& body, const std::string& more = "") {
  return "POST /a?b HTTP/1.1\r\nAuthorization: Bearer abc\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
}

constexpr const char* kLast = "Connection: close\r\n";

TEST(ServiceTest, KeepsAConnectionForTheNextRequest) {
  const auto server = Server::Start({Echo()});
  ASSERT_TRUE(server) << server.error().message;
  const std::string big(70'000, 'x');
  const std::string said =
      Exchange((*server)->ports()[0],
               Post("one") + Post(big) + Post("", "Range: bytes=1-\r\n") + Post("three", kLast));
  EXPECT_THAT(said, HasSubstr("\r\n\r\nPOST /a one"));
  EXPECT_THAT(said, HasSubstr("POST /a " + big));
  EXPECT_THAT(said, EndsWith("POST /a three"));
}

TEST(ServiceTest, RefusesBeforeTheBodyIsRead) {
  const auto server = Server::Start({Echo()});
  ASSERT_TRUE(server);
  const int port = (*server)->ports()[0];
  const std::string said = Exchange(
      port, "POST /a HTTP/1.1\r\nContent-Length: 90000\r\n\r\n" + std::string(90'000, 'x'));
  EXPECT_THAT(said, StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(said, EndsWith("not you\n"));
  EXPECT_THAT(Exchange(port, Post(std::string(100'001, 'x'))), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(
      Exchange(port, "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
      StartsWith("HTTP/1.1 411"));
  EXPECT_THAT(Exchange(port, "GET /a HTTP/1.1\r\n\r\n" + Post("one", kLast)),
              EndsWith("POST /a one"))
      << "a refusal of nothing but a head keeps the connection";
}

TEST(ServiceTest, TellsALengthAndBreaksOffWhatIsShorter) {
  Endpoint endpoint = Echo();
  endpoint.service->handle = [](const Request& request, std::stop_token) {
    Answer answer{206, "head", "application/octet-stream"};
    answer.length = 10;
    answer.headers["Content-Range"] = "bytes 0-9/*";
    answer.next_piece = [left = request.path == "/whole" ? 2 : 1]() mutable -> std::string {
      return left-- > 0 ? "123" : "";
    };
    if (request.method == "HEAD") answer = {200, "", "text/plain", {}, 443};
    return answer;
  };
  const auto server = Server::Start({std::move(endpoint)});
  ASSERT_TRUE(server);
  const auto ask = [&](const std::string& line) {
    return Exchange((*server)->ports()[0],
                    line + " HTTP/1.1\r\nAuthorization: Bearer abc\r\nConnection: close\r\n\r\n");
  };
  const std::string whole = ask("GET /whole");
  EXPECT_THAT(whole, StartsWith("HTTP/1.1 206"));
  EXPECT_THAT(whole, HasSubstr("Content-Range: bytes 0-9/*\r\n"));
  EXPECT_THAT(whole, HasSubstr("Content-Length: 10\r\n"));
  EXPECT_THAT(whole, EndsWith("\r\n\r\nhead123123"));
  EXPECT_THAT(ask("GET /cut"), EndsWith("\r\n\r\nhead123"));
  EXPECT_THAT(ask("HEAD /whole"), HasSubstr("Content-Length: 443\r\n"));
  EXPECT_THAT(ask("HEAD /whole"), EndsWith("\r\n\r\n"));
}

// Of 100,000 bytes each takes 60,000: the second waits for the first.
TEST(ServiceTest, RequestsWaitForMemory) {
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<bool> go{false};
  Endpoint endpoint = Echo();
  endpoint.service->handle = [&](const Request& request, std::stop_token) {
    most = std::max(most.load(), ++inside);
    inside.notify_all();
    go.wait(false);
    --inside;
    return Answer{200, request.body.substr(0, 1)};
  };
  const auto server = Server::Start({std::move(endpoint)}, 4);
  ASSERT_TRUE(server);
  std::vector<std::jthread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([&] {
      const std::string said =
          Exchange((*server)->ports()[0], Post(std::string(60'000, 'y'), kLast));
      if (said.ends_with("\r\n\r\ny")) ++good;
    });
  inside.wait(0);
  go = true;
  go.notify_all();
  clients.clear();
  EXPECT_EQ(good, 4);
  EXPECT_EQ(most, 1);
}

TEST(ServiceTest, AnAddressIsItsOwn) {
  auto first = Server::Start({Echo()});
  ASSERT_TRUE(first);
  const std::string free = "127.0.0.1:" + std::to_string((*first)->ports()[0]);
  first->reset();
  Endpoint service = Echo();
  service.address = free;
  const auto both = Server::Start({std::move(service), {free, {}, {}}});
  ASSERT_FALSE(both);
  EXPECT_THAT(both.error().message, HasSubstr("taken by a service"));
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
      Server::Start({{"127.0.0.1:0", Files(), {{"/metrics", Says({200, "up 1\n"})}}}});
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
  EXPECT_EQ(Server::Start({{"127.0.0.1:0", Files(), {}}}).error().code, Code::kInvalid);
  Renew(7);
  std::ofstream(Files().key) << "no key";
  EXPECT_EQ(Server::Start({{"127.0.0.1:0", Files(), {}}}).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace holdfast::http
