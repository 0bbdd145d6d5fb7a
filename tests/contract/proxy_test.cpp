// The environment's proxies, for plain HTTP and for TLS.
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/contract/gateway.h"
#include "tests/contract/s3_scene.h"

namespace holdfast::storage {
namespace {

using testing::HasSubstr;
using testing::Not;

// Sets a variable for the length of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(ProxyTest, PlainRequestsGoThroughIt) {
  ScriptedServer proxy({Reply(200, {}, "a")});
  const Variable variable("http_proxy", proxy.endpoint());
  S3 s3(OptionsFor("http://store.example"), kClock);
  EXPECT_EQ(AsText(s3.Load(kConfig, 0, 0, {}).value()), "a");
  EXPECT_EQ(proxy.requests().at(0).target, "http://store.example/bucket/config");
}

TEST(ProxyTest, NoProxyIsObeyed) {
  ScriptedServer proxy({});
  ScriptedServer store({Reply(200, {}, "a")});
  const Variable variable("http_proxy", proxy.endpoint());
  const Variable except("no_proxy", "127.0.0.1");
  EXPECT_TRUE(S3(OptionsFor(store.endpoint()), kClock).Load(kConfig, 0, 0, {}));
  EXPECT_EQ(proxy.connections(), 0);
}

TEST(ProxyTest, TlsGoesThroughATunnel) {
  const auto gateway = Gateway::Shared(Gateway::Transport::kTls);
  ASSERT_TRUE(gateway) << gateway.error().message;
  S3Options options = (*gateway)->FreshOptions();
  const int port =
      std::stoi(options.address.endpoint.substr(options.address.endpoint.rfind(':') + 1));
  ScriptedServer proxy(
      {{"HTTP/1.1 200 Connection established\r\n\r\n", Answer::Then::kTunnel, port}});
  const Variable variable("https_proxy", proxy.endpoint());
  const SystemClock clock;
  S3 s3(options, clock);
  const Handle pack{FileType::kPack, NameOf(AsBytes("through"))};
  ASSERT_TRUE(s3.Save(pack, AsBytes("through"), {}));
  EXPECT_EQ(AsText(s3.Load(pack, 0, 0, {}).value()), "through");
  ASSERT_EQ(proxy.requests().size(), 1u);
  EXPECT_EQ(proxy.requests()[0].method, "CONNECT");
  EXPECT_THAT(proxy.requests()[0].head, Not(HasSubstr("uthorization"))) << "keys stay inside";
}

TEST(ProxyTest, RefusedTunnelIsUnavailable) {
  ScriptedServer proxy({Reply(403)});
  const Variable variable("https_proxy", proxy.endpoint());
  EXPECT_EQ(S3(OptionsFor("https://store.example"), kClock).Load(kConfig, 0, 0, {}).error().code,
            Code::kUnavailable);
}

TEST(ProxyTest, ProxyThatDoesNotResolveIsNamed) {
  const Variable variable("http_proxy", "http://proxy.invalid:3128");
  const Error error =
      S3(OptionsFor("http://store.example"), kClock).Load(kConfig, 0, 0, {}).error();
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("http_proxy"));
}

}  // namespace
}  // namespace holdfast::storage
