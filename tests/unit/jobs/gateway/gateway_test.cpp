#include "jobs/gateway/gateway.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/hex.h"
#include "base/json.h"
#include "jobs/storage/memory.h"
#include "tests/fakes/fake_cluster.h"

namespace holdfast::gateway {
namespace {

using fakes::FakeCluster;
using storage::FileType;
using testing::HasSubstr;

std::string NameOf(std::string_view content) { return ToHex(Sha256(AsBytes(content))); }

class GatewayTest : public testing::Test {
 protected:
  GatewayTest() { cluster_.Share({"red", "blue"}); }

  http::Answer Ask(const std::string& method, const std::string& path, const std::string& body = "",
                   const std::string& range = "", const std::string& token = "") {
    http::Request request{path, "Bearer " + (token.empty() ? FakeCluster::TokenOf("red") : token),
                          method, range, body};
    return gateway_.Handle(request, {});
  }
  // All of an answer's body.
  static std::string Whole(http::Answer answer) {
    std::string whole = answer.body;
    for (std::string piece; answer.next_piece && !(piece = answer.next_piece()).empty();)
      whole += piece;
    return whole;
  }
  void Put(const std::string& content, const std::string& folder = "data") {
    EXPECT_EQ(Ask("POST", "/red/" + folder + "/" + NameOf(content), content).status, 200);
  }

  FakeCluster cluster_;
  SystemClock clock_;
  Doorman doorman_{cluster_, clock_, {"admin/offsite", FakeCluster::TokenOf("admin", "operator")}};
  std::map<std::string, std::shared_ptr<storage::Memory>> stores_;
  Gateway gateway_{doorman_,
                   {"admin/offsite", "a master secret of tests"},
                   [this](const Definition& definition,
                          const std::string& ns) -> Result<std::shared_ptr<storage::Backend>> {
                     auto& store = stores_[LocationFor(definition, ns)];
                     if (!store) store = std::make_shared<storage::Memory>();
                     return store;
                   }};
};

TEST_F(GatewayTest, KeepsWhatItIsGivenInThePlaceOfTheNamespace) {
  EXPECT_EQ(Ask("POST", "/red/").status, 200);
  EXPECT_EQ(Ask("POST", "/red/config", "config").status, 200);
  Put("a pack");
  EXPECT_EQ(Ask("HEAD", "/red/config").length, 6u);
  const http::Answer config = Ask("GET", "/red/config");
  EXPECT_EQ(config.status, 200);
  EXPECT_EQ(config.length, 6u);
  EXPECT_EQ(config.body, "config");
  const http::Answer listing = Ask("GET", "/red/data/");
  EXPECT_EQ(listing.content_type, "application/vnd.x.restic.rest.v2");
  EXPECT_EQ(Json::parse(listing.body), (Json{{{"name", NameOf("a pack")}, {"size", 6}}}));
  EXPECT_EQ(Json::parse(Ask("GET", "/red/keys/").body), Json::array());
  ASSERT_EQ(stores_.size(), 1u);
  EXPECT_EQ(stores_.begin()->first, "memory:/namespaces/red");
  EXPECT_TRUE(stores_.begin()->second->Stat({FileType::kPack, NameOf("a pack")}, {}));
}

TEST_F(GatewayTest, RangesAreThoseOfTheObject) {
  const std::string content = "0123456789";
  Put(content);
  const std::string path = "/red/data/" + NameOf(content);
  const http::Answer part = Ask("GET", path, "", "bytes=2-4");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "234");
  EXPECT_EQ(part.headers.at("Content-Range"), "bytes 2-4/*");
  EXPECT_EQ(Ask("GET", path, "", "bytes=7-").body, "789");
  EXPECT_EQ(Ask("GET", path, "", "bytes=10-").status, 416);
  EXPECT_EQ(Ask("GET", path, "", "bytes=8-10").status, 416);
  EXPECT_EQ(Ask("GET", path, "", "bytes=0-99999999999").status, 416);
  EXPECT_EQ(Ask("GET", path, "", "bytes=99999999999-").status, 416);
  EXPECT_EQ(Ask("GET", "/red/data/" + NameOf("another"), "", "bytes=0-1").status, 404);
}

TEST_F(GatewayTest, LargeObjectsComeInPieces) {
  std::string content(2 * kPiece + 5, 'x');
  for (std::size_t i = 0; i < content.size(); i += 1000)
    content[i] = static_cast<char>('a' + i % 7);
  Put(content);
  const std::string path = "/red/data/" + NameOf(content);
  http::Answer answer = Ask("GET", path);
  EXPECT_EQ(answer.length, content.size());
  EXPECT_EQ(answer.body.size(), kPiece) << "no more in memory";
  EXPECT_TRUE(Whole(std::move(answer)) == content);
  EXPECT_TRUE(Whole(Ask("GET", path, "", "bytes=3-")) == content.substr(3));
  http::Answer cut = Ask("GET", path);
  ASSERT_TRUE(stores_.begin()->second->Remove({FileType::kPack, NameOf(content)}, {}));
  EXPECT_LT(Whole(std::move(cut)).size(), content.size()) << "by which the server breaks off";
}

TEST_F(GatewayTest, NothingIsReplaced) {
  EXPECT_EQ(Ask("POST", "/red/config", "config").status, 200);
  EXPECT_EQ(Ask("POST", "/red/config", "another").status, 403);
  EXPECT_EQ(Ask("GET", "/red/config").body, "config");
  Put("a pack");
  EXPECT_EQ(Ask("POST", "/red/data/" + NameOf("a pack"), "a pack").status, 403);
  EXPECT_EQ(Ask("POST", "/red/data/" + NameOf("a pack"), "damaged").status, 400)
      << "not what its name says";
  EXPECT_EQ(Ask("POST", "/red/data/" + NameOf("new"), "damaged").status, 400);
  EXPECT_EQ(Ask("GET", "/red/data/" + NameOf("new")).status, 404);
}

TEST_F(GatewayTest, LocksMayGoAndNothingElse) {
  Put("lock", "locks");
  EXPECT_EQ(Ask("DELETE", "/red/locks/" + NameOf("lock")).status, 200);
  EXPECT_EQ(Ask("GET", "/red/locks/" + NameOf("lock")).status, 404);
  EXPECT_EQ(Ask("POST", "/red/config", "config").status, 200);
  EXPECT_EQ(Ask("DELETE", "/red/config").status, 403);
  EXPECT_EQ(Ask("DELETE", "/red/").status, 403) << "the whole";
  EXPECT_EQ(Ask("DELETE", "/red/keys/").status, 403);
  for (const char* folder : {"keys", "snapshots", "index", "data"}) {
    Put(folder, folder);
    const std::string path = std::string("/red/") + folder + "/" + NameOf(folder);
    const http::Answer refused = Ask("DELETE", path);
    EXPECT_EQ(refused.status, 403) << folder;
    EXPECT_THAT(refused.body, HasSubstr("append-only"));
    EXPECT_EQ(Ask("HEAD", path).status, 200) << folder;
  }
}

TEST_F(GatewayTest, TheRemoverMayRemove) {
  const std::string remover = FakeCluster::TokenOf("admin", "operator");
  Put("snapshot", "snapshots");
  const std::string path = "/red/snapshots/" + NameOf("snapshot");
  EXPECT_EQ(Ask("DELETE", path, "", "", remover).status, 200);
  EXPECT_EQ(Ask("HEAD", path).status, 404);
  EXPECT_EQ(Ask("DELETE", path, "", "", remover).status, 200) << "gone already";
  EXPECT_EQ(Ask("DELETE", "/red/", "", "", remover).status, 403) << "never the whole";
}

TEST_F(GatewayTest, AnotherNamespaceIsOutOfReach) {
  Put("red's");
  const std::string blue = FakeCluster::TokenOf("blue");
  for (const char* method : {"GET", "HEAD", "POST", "DELETE"})
    for (const std::string& path : {std::string("/red/"), std::string("/red/config"),
                                    std::string("/red/data/"), "/red/data/" + NameOf("red's"),
                                    std::string("/red/password"), "/red/locks/" + NameOf("red's")})
      EXPECT_EQ(Ask(method, path, "", "", blue).status, 403) << method << " " << path;
  EXPECT_EQ(Ask("GET", "/blue/data/" + NameOf("red's"), "", "", blue).status, 404);
  EXPECT_EQ(Ask("GET", "/blue/../red/data/", "", "", blue).status, 404);
}

TEST_F(GatewayTest, WhatTheProtocolDoesNotHaveIsRefused) {
  EXPECT_EQ(Ask("PUT", "/red/config", "x").status, 405);
  EXPECT_EQ(Ask("POST", "/red/keys/", "x").status, 405);
  EXPECT_EQ(Ask("GET", "/red/").status, 405);
  EXPECT_EQ(Ask("POST", "/red/password", "x").status, 405);
  EXPECT_EQ(Ask("GET", "/").status, 404);
}

TEST_F(GatewayTest, APlaceThatIsNotKnownYetIsWaitedFor) {
  cluster_.SetLocation("");
  EXPECT_EQ(Ask("GET", "/red/config").status, 503);
}

TEST_F(GatewayTest, APasswordIsOneNamespacesOwn) {
  const http::Answer red = Ask("GET", "/red/password");
  EXPECT_EQ(red.status, 200);
  EXPECT_EQ(red.body.size(), 65u);
  EXPECT_EQ(red.body, DerivePassword("a master secret of tests", "admin/offsite", "red") + "\n");
  EXPECT_NE(red.body, Ask("GET", "/blue/password", "", "", FakeCluster::TokenOf("blue")).body);
  EXPECT_NE(DerivePassword("s", "a/b", "c"), DerivePassword("s", "a/b", "d"));
  EXPECT_NE(DerivePassword("s", "a/b", "c"), DerivePassword("s", "a/x", "c"));
  EXPECT_NE(DerivePassword("s", "a/b", "c"), DerivePassword("t", "a/b", "c"));
}

// Repositories depend on it for ever.
TEST(PasswordTest, StaysTheSame) {
  EXPECT_EQ(DerivePassword("0123456789abcdef0123456789abcdef", "holdfast-system/offsite", "red"),
            "d4ef1e0ec2d68095379f8077ed381dfbcd634cf9c8073b11a1468439e5773a7d");
}

TEST(LocationTest, NamespacesLieBelowThePlace) {
  const auto at = [](const char* place) { return LocationFor({place, "", false, {}}, "red"); };
  EXPECT_EQ(at("s3:https://host/bucket/prefix"), "s3:https://host/bucket/prefix/namespaces/red");
  EXPECT_EQ(at("azure:container:/"), "azure:container:/namespaces/red");
  EXPECT_EQ(at("rest:https://host/"), "rest:https://host/namespaces/red");
}

}  // namespace
}  // namespace holdfast::gateway
