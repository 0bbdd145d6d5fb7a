#include "operator/kube/api.h"

#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/scripted_transport.h"

namespace holdfast::kube {
namespace {

using fakes::ScriptedTransport;
using ::testing::HasSubstr;

struct Refusal {
  int status;
  const char* reason;
  Code code;
};

class RefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, BecomesACode) {
  ScriptedTransport server;
  server.Refuse(GetParam().status, GetParam().reason, "because");
  const Result<Json> got = Api(server).Get(kPods, {"shop", "p"}, {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, GetParam().code);
  EXPECT_EQ(got.error().message, "get pods shop/p: because");
}

INSTANTIATE_TEST_SUITE_P(All, RefusalTest,
                         ::testing::Values(Refusal{400, "BadRequest", Code::kInvalid},
                                           Refusal{401, "Unauthorized", Code::kDenied},
                                           Refusal{403, "Forbidden", Code::kDenied},
                                           Refusal{404, "NotFound", Code::kNotFound},
                                           Refusal{408, "Timeout", Code::kTimeout},
                                           Refusal{409, "AlreadyExists", Code::kAlreadyExists},
                                           Refusal{409, "Conflict", Code::kConflict},
                                           Refusal{410, "Expired", Code::kGone},
                                           Refusal{422, "Invalid", Code::kInvalid},
                                           Refusal{429, "TooManyRequests", Code::kUnavailable},
                                           Refusal{500, "InternalError", Code::kUnavailable},
                                           Refusal{503, "ServiceUnavailable", Code::kUnavailable},
                                           Refusal{504, "Timeout", Code::kTimeout}));

TEST(ApiTest, ANamespaceOnItsWayOutIsGoneRatherThanDenied) {
  ScriptedTransport server;
  server.Answer(403, Json::parse(R"({"kind": "Status", "reason": "Forbidden", "message": "because",
    "details": {"causes": [{"reason": "NamespaceTerminating"}]}})"));
  const Result<Json> made = Api(server).Create(kJobs, "shop", {{"metadata", {{"name", "j"}}}}, {});
  EXPECT_EQ(made.error(), (Error{Code::kGone, "create jobs shop/j: because"}));
}

TEST(ApiTest, APageOfAProxyIsAnErrorToo) {
  ScriptedTransport server;
  server.Answer({502, "<html>" + std::string(5000, 'x'), std::nullopt});
  const Result<Json> got = Api(server).Get(kPods, {"shop", "p"}, {});
  EXPECT_EQ(got.error().code, Code::kUnavailable);
  EXPECT_LT(got.error().message.size(), 400u);
}

TEST(ApiTest, AnAnswerThatIsNotJsonIsAnError) {
  ScriptedTransport server;
  server.Answer({200, "{\"kind\":", std::nullopt});
  EXPECT_EQ(Api(server).Get(kPods, {"shop", "p"}, {}).error().code, Code::kInvalid);
}

Response Busy(int status, int seconds) { return {status, "", std::chrono::seconds(seconds)}; }

TEST(ApiTest, ComesBackWhenTheServerAsks) {
  ScriptedTransport server;
  server.Answer(Busy(429, 0)).Answer(Busy(503, 0)).Answer(200, {{"kind", "Pod"}});
  EXPECT_TRUE(Api(server).Get(kPods, {"shop", "p"}, {}));
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST(ApiTest, DoesNotComeBackForEver) {
  ScriptedTransport server;
  for (int i = 0; i < 10; ++i) server.Answer(Busy(429, 0));
  EXPECT_EQ(Api(server).Get(kPods, {"shop", "p"}, {}).error().code, Code::kUnavailable);
  EXPECT_EQ(server.requests().size(), 4u);
}

TEST(ApiTest, AWaitLongerThanTheTimeoutIsLeftToTheCaller) {
  ScriptedTransport server;
  server.Answer(Busy(429, 3600));
  EXPECT_EQ(Api(server).Get(kPods, {"shop", "p"}, {}).error().code, Code::kUnavailable);
}

TEST(ApiTest, AStopEndsTheWait) {
  ScriptedTransport server;
  server.Answer(Busy(429, 25));
  std::stop_source stop;
  std::jthread stopper([&] {
    server.AwaitRequests(1);
    stop.request_stop();
  });
  EXPECT_EQ(Api(server).Get(kPods, {"shop", "p"}, stop.get_token()).error().code, Code::kCancelled);
}

Json Page(std::vector<std::string> names, const std::string& next, const std::string& version) {
  Json items = Json::array();
  for (const std::string& name : names)
    items.push_back({{"metadata", {{"name", name}, {"namespace", "shop"}}}});
  return {{"items", items}, {"metadata", {{"continue", next}, {"resourceVersion", version}}}};
}

TEST(ApiTest, TheVersionOfAGroupIsThatWhichTheServerPrefers) {
  ScriptedTransport server;
  server.Answer(200, Json::parse(R"({"kind": "APIGroup", "versions": [{"version": "v1beta1"}],
    "preferredVersion": {"groupVersion": "g.example/v1", "version": "v1"}})"));
  server.Refuse(404, "NotFound", "no such group");
  const Api api(server);
  EXPECT_EQ(api.PreferredVersion("g.example", {}), "v1");
  EXPECT_EQ(server.requests()[0].path, "/apis/g.example");
  EXPECT_EQ(api.PreferredVersion("g.example", {}).error(),
            (Error{Code::kNotFound, "look up API group g.example: no such group"}));
}

TEST(ApiTest, ListVisitsAllPagesWithTheirKind) {
  ScriptedTransport server;
  server.Answer(200, Page({"a", "b"}, "next", "7")).Answer(200, Page({"c"}, "", "7"));
  std::string names;
  const auto version = Api(server).List(kJobs, {},
                                        [&](const Json& job) -> Result<void> {
                                          EXPECT_EQ(job["kind"], "Job");
                                          EXPECT_EQ(job["apiVersion"], "batch/v1");
                                          names += job["metadata"]["name"];
                                          return {};
                                        },
                                        {});
  EXPECT_EQ(version, "7");
  EXPECT_EQ(names, "abc");
}

TEST(ApiTest, ListEndsWithTheVisitorsError) {
  ScriptedTransport server;
  server.Answer(200, Page({"a", "b"}, "next", "7"));
  const auto version = Api(server).List(
      kJobs, {}, [](const Json&) -> Result<void> { return Fail(Code::kNoSpace, "full"); }, {});
  EXPECT_EQ(version.error(), (Error{Code::kNoSpace, "full"}));
}

TEST(ApiTest, AnExpiredContinueTokenIsGone) {
  ScriptedTransport server;
  server.Answer(200, Page({"a"}, "next", "7")).Refuse(410, "Expired", "too old");
  const auto version =
      Api(server).List(kJobs, {}, [](const Json&) -> Result<void> { return {}; }, {});
  EXPECT_EQ(version.error().code, Code::kGone);
  EXPECT_THAT(version.error().message, HasSubstr("list jobs of all namespaces: too old"));
}

TEST(ApiTest, ALogThatHasNotStartedIsAbsent) {
  ScriptedTransport server;
  server.Refuse(400, "BadRequest", "container \"mover\" is waiting to start");
  const auto log = Api(server).PodLog({"shop", "p"}, {}, {});
  EXPECT_TRUE(IsAbsent(log.error()));
  server.Answer({200, "line\n", std::nullopt});
  EXPECT_EQ(Api(server).PodLog({"shop", "p"}, {}, {}), "line\n");
}

TEST(ApiTest, DeleteOfWhatIsNotThereSaysSo) {
  ScriptedTransport server;
  server.Refuse(404, "NotFound", "gone");
  EXPECT_TRUE(IsAbsent(Api(server).Delete(kPods, {"shop", "p"}, {}, {}).error()));
}

}  // namespace
}  // namespace holdfast::kube
