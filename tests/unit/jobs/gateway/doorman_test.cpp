#include "jobs/gateway/doorman.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/storage/encoding.h"
#include "tests/fakes/fake_cluster.h"

namespace holdfast::gateway {
namespace {

using fakes::FakeCluster;
using testing::HasSubstr;

class TestClock final : public Clock {
 public:
  TimePoint Now() const override { return now_; }
  void Advance(std::chrono::seconds by) { now_ += by; }

 private:
  TimePoint now_{std::chrono::hours(1)};
};

class DoormanTest : public testing::Test {
 protected:
  DoormanTest() { cluster_.Share({"red", "blue"}); }

  // 200 when it is let in.
  int Ask(const std::string& authorization, const std::string& ns) {
    const auto pass = doorman_.Admit(authorization, ns, {});
    said_ = pass ? "" : pass.error().sentence;
    return pass ? 200 : pass.error().status;
  }
  static std::string Bearer(const std::string& ns) { return "Bearer " + FakeCluster::TokenOf(ns); }

  FakeCluster cluster_;
  TestClock clock_;
  Doorman doorman_{cluster_, clock_, {"admin/offsite", FakeCluster::TokenOf("admin", "operator")}};
  std::string said_;
};

TEST_F(DoormanTest, ANamespaceHasItsOwnPathAlone) {
  EXPECT_EQ(Ask(Bearer("red"), "red"), 200);
  EXPECT_EQ(Ask(Bearer("blue"), "blue"), 200);
  EXPECT_EQ(Ask(Bearer("red"), "blue"), 403);
  EXPECT_THAT(said_, HasSubstr("system:serviceaccount:red:default may not use"));
  EXPECT_EQ(Ask("Bearer system:node:red", "red"), 403) << "no service account";
  EXPECT_EQ(Ask("Bearer system:serviceaccount:re", "red"), 403);
}

TEST_F(DoormanTest, OnlyWhatItIsSharedWithComesIn) {
  EXPECT_EQ(Ask(Bearer("green"), "green"), 403);
  EXPECT_THAT(said_, HasSubstr("admin/offsite is not shared with namespace green"));
  EXPECT_THAT(said_, HasSubstr("spec.shareWith.namespaces"));
  cluster_.SetExists(false);
  EXPECT_EQ(Ask(Bearer("yellow"), "yellow"), 403);
  EXPECT_THAT(said_, HasSubstr("does not exist"));
}

TEST_F(DoormanTest, TokensThatNobodyKnowsAreNotLetIn) {
  EXPECT_EQ(Ask("", "red"), 401);
  EXPECT_THAT(said_, HasSubstr("holdfast-gateway"));
  EXPECT_EQ(Ask("Bearer ", "red"), 401);
  EXPECT_EQ(Ask("Bearer guess", "red"), 401);
  EXPECT_EQ(Ask("Digest abc", "red"), 401);
  EXPECT_EQ(Ask("Basic !", "red"), 401);
  EXPECT_EQ(Ask("Basic " + storage::Base64(AsBytes("no colon")), "red"), 401);
}

TEST_F(DoormanTest, ATokenMayBeAPassword) {
  const auto basic = [](const std::string& pair) {
    return "Basic " + storage::Base64(AsBytes(pair));
  };
  EXPECT_EQ(Ask(basic("anybody:" + FakeCluster::TokenOf("red")), "red"), 200);
  EXPECT_EQ(Ask(basic("anybody:" + FakeCluster::TokenOf("red")), "blue"), 403);
  EXPECT_EQ(Ask(basic("anybody:guess"), "red"), 401);
}

TEST_F(DoormanTest, TheRemoverMayComeInWhereItIsShared) {
  const std::string remover = "Bearer " + FakeCluster::TokenOf("admin", "operator");
  EXPECT_TRUE(doorman_.Admit(remover, "red", {})->may_remove);
  EXPECT_FALSE(doorman_.Admit(Bearer("red"), "red", {})->may_remove);
  EXPECT_EQ(Ask(remover, "green"), 403);
  EXPECT_EQ(Ask("Bearer " + FakeCluster::TokenOf("admin", "other"), "red"), 403);
  EXPECT_EQ(Ask("Bearer " + FakeCluster::TokenOf("red", "operator"), "blue"), 403);
}

TEST_F(DoormanTest, AReviewIsGoodForAMinute) {
  EXPECT_EQ(Ask(Bearer("red"), "red"), 200);
  cluster_.Share({"blue"});
  clock_.Advance(std::chrono::seconds(59));
  EXPECT_EQ(Ask(Bearer("red"), "red"), 200);
  EXPECT_EQ(cluster_.reviews(), 1);
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(Ask(Bearer("red"), "red"), 403) << "not shared with any more";
  EXPECT_EQ(cluster_.reviews(), 2);
}

TEST_F(DoormanTest, AnOutageIsNoVerdict) {
  cluster_.SetDown(true);
  EXPECT_EQ(Ask(Bearer("red"), "red"), 503);
  cluster_.SetDown(false);
  EXPECT_EQ(Ask(Bearer("red"), "red"), 200) << "at once";
}

TEST_F(DoormanTest, GuessesAreForgotten) {
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(Ask("Bearer guess-" + std::to_string(i), "red"), 401);
  EXPECT_EQ(Ask(Bearer("red"), "red"), 200);
}

}  // namespace
}  // namespace holdfast::gateway
