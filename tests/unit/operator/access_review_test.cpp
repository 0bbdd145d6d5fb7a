#include "operator/access_review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/scripted_transport.h"

namespace holdfast::op {
namespace {

using fakes::ScriptedTransport;
using ::testing::HasSubstr;

class TestClock final : public Clock {
 public:
  TimePoint Now() const override { return now_; }
  void Advance(std::chrono::seconds by) { now_ += by; }

 private:
  TimePoint now_{std::chrono::hours(1)};
};

class AccessReviewTest : public ::testing::Test {
 protected:
  // 200 for none.
  int Ask(const std::string& authorization) {
    const auto refusal = review_.Refusal({"/metrics", authorization}, {});
    return refusal ? refusal->status : 200;
  }
  void KnowsToken(bool known) {
    server_.Answer(201, {{"status",
                          {{"authenticated", known},
                           {"user",
                            {{"username", "system:serviceaccount:monitoring:prometheus"},
                             {"uid", "u-1"},
                             {"groups", {"system:authenticated"}},
                             {"extra", {{"pod", {"p-1"}}}}}}}}});
  }
  void Allows(bool allowed) { server_.Answer(201, {{"status", {{"allowed", allowed}}}}); }

  ScriptedTransport server_;
  kube::Api api_{server_};
  TestClock clock_;
  AccessReview review_{api_, clock_};
};

TEST_F(AccessReviewTest, AUserWithTheRightIsLetIn) {
  KnowsToken(true);
  Allows(true);
  EXPECT_EQ(Ask("Bearer abc"), 200);
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].path, "/apis/authentication.k8s.io/v1/tokenreviews");
  EXPECT_EQ(FindString(Json::parse(requests[0].body), {"spec", "token"}), "abc");
  EXPECT_EQ(requests[1].path, "/apis/authorization.k8s.io/v1/subjectaccessreviews");
  EXPECT_EQ(Json::parse(requests[1].body)["spec"], Json::parse(R"({
      "nonResourceAttributes": {"path": "/metrics", "verb": "get"},
      "user": "system:serviceaccount:monitoring:prometheus", "uid": "u-1",
      "groups": ["system:authenticated"], "extra": {"pod": ["p-1"]}})"));
}

TEST_F(AccessReviewTest, WithoutAGoodTokenItIs401) {
  EXPECT_EQ(Ask(""), 401);
  EXPECT_EQ(Ask("Basic YWJj"), 401);
  EXPECT_EQ(Ask("Bearer "), 401);
  EXPECT_TRUE(server_.requests().empty()) << "nothing to review";
  KnowsToken(false);
  EXPECT_EQ(Ask("Bearer forged"), 401);
  EXPECT_EQ(server_.requests().size(), 1u) << "nobody, so no right to ask for";
}

TEST_F(AccessReviewTest, WithoutTheRightItIs403) {
  KnowsToken(true);
  Allows(false);
  const auto refusal = review_.Refusal({"/metrics", "Bearer abc"}, {});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 403);
  EXPECT_THAT(refusal->body, HasSubstr("system:serviceaccount:monitoring:prometheus"));
}

TEST_F(AccessReviewTest, AnswersAreRememberedForAWhile) {
  KnowsToken(true);
  Allows(true);
  EXPECT_EQ(Ask("Bearer abc"), 200);
  clock_.Advance(std::chrono::seconds(59));
  EXPECT_EQ(Ask("Bearer abc"), 200);
  EXPECT_EQ(server_.requests().size(), 2u);
  KnowsToken(false);
  EXPECT_EQ(Ask("Bearer other"), 401) << "another token is another question";
  clock_.Advance(std::chrono::seconds(2));
  KnowsToken(false);
  EXPECT_EQ(Ask("Bearer abc"), 401) << "revoked meanwhile";
}

TEST_F(AccessReviewTest, AnApiServerThatDoesNotSayLetsNobodyInAndIsAskedAgain) {
  server_.Fail({Code::kUnavailable, "away"});
  EXPECT_EQ(Ask("Bearer abc"), 503);
  server_.Refuse(403, "Forbidden", "may not review tokens");
  EXPECT_EQ(Ask("Bearer abc"), 503);
  KnowsToken(true);
  Allows(true);
  EXPECT_EQ(Ask("Bearer abc"), 200);
}

}  // namespace
}  // namespace holdfast::op
