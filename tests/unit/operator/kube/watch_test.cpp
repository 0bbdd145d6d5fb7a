#include "operator/kube/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Event(const std::string& type, const std::string& name, const std::string& version) {
  return DumpJson(
      {{"type", type},
       {"object",
        {{"metadata", {{"name", name}, {"namespace", "shop"}, {"resourceVersion", version}}}}}});
}

std::string ErrorEvent(int code, const std::string& reason) {
  return DumpJson(
      {{"type", "ERROR"}, {"object", {{"kind", "Status"}, {"code", code}, {"reason", reason}}}});
}

WatchMachine Watching() {
  WatchMachine machine;
  machine.StartList({});
  machine.Listed("10");
  return machine;
}

TEST(WatchTest, AListLeadsToAWatchFromItsVersion) {
  WatchMachine machine;
  EXPECT_EQ(machine.state(), WatchState::kEmpty);
  machine.StartList({{"shop", "a"}});
  EXPECT_EQ(machine.state(), WatchState::kListing);
  machine.Seen({"shop", "a"});
  EXPECT_THAT(machine.Listed("10"), IsEmpty());
  EXPECT_EQ(machine.state(), WatchState::kWatching);
  EXPECT_EQ(machine.resource_version(), "10");
}

TEST(WatchTest, AFreshListFindsWhatWentMissing) {
  WatchMachine machine = Watching();
  machine.Failed({Code::kGone, ""});
  machine.StartList({{"shop", "a"}, {"shop", "b"}});
  machine.Seen({"shop", "b"});
  EXPECT_THAT(machine.Listed("20"), ElementsAre(ObjectKey{"shop", "a"}));
}

TEST(WatchTest, ABrokenListDoesNotCountAsSeen) {
  WatchMachine machine;
  machine.StartList({{"shop", "a"}});
  machine.Seen({"shop", "a"});
  machine.Failed({Code::kGone, "continue expired"});
  EXPECT_EQ(machine.state(), WatchState::kEmpty);
  machine.StartList({{"shop", "a"}});
  EXPECT_THAT(machine.Listed("20"), ElementsAre(ObjectKey{"shop", "a"}));
}

TEST(WatchTest, EventsMoveTheVersionOn) {
  WatchMachine machine = Watching();
  const auto added = machine.Line(Event("ADDED", "a", "11"));
  ASSERT_TRUE(added);
  EXPECT_EQ(added->type, WatchEvent::Type::kStore);
  EXPECT_EQ(added->key, (ObjectKey{"shop", "a"}));
  EXPECT_EQ(machine.resource_version(), "11");
  EXPECT_EQ(machine.Line(Event("MODIFIED", "a", "12"))->type, WatchEvent::Type::kStore);
  EXPECT_EQ(machine.Line(Event("DELETED", "a", "13"))->type, WatchEvent::Type::kDrop);
  EXPECT_EQ(machine.Line(Event("BOOKMARK", "", "99"))->type, WatchEvent::Type::kBookmark);
  EXPECT_EQ(machine.resource_version(), "99");
}

struct Failure {
  Code code;
  WatchState next;
};

class WatchFailureTest : public ::testing::TestWithParam<Failure> {};

TEST_P(WatchFailureTest, InWatching) {
  WatchMachine machine = Watching();
  (void)machine.Line(Event("ADDED", "a", "11"));
  machine.Failed({GetParam().code, "because"});
  EXPECT_EQ(machine.state(), GetParam().next);
  if (machine.state() == WatchState::kWatching) {
    EXPECT_EQ(machine.resource_version(), "11");
  }
  EXPECT_GT(machine.Pause().count(), 0);
}

TEST_P(WatchFailureTest, InListing) {
  WatchMachine machine;
  machine.StartList({});
  machine.Failed({GetParam().code, "because"});
  EXPECT_EQ(machine.state(), WatchState::kEmpty);
  EXPECT_GT(machine.Pause().count(), 0);
}

INSTANTIATE_TEST_SUITE_P(All, WatchFailureTest,
                         ::testing::Values(Failure{Code::kGone, WatchState::kEmpty},
                                           Failure{Code::kNotFound, WatchState::kEmpty},
                                           Failure{Code::kInvalid, WatchState::kEmpty},
                                           Failure{Code::kDenied, WatchState::kWatching},
                                           Failure{Code::kUnavailable, WatchState::kWatching},
                                           Failure{Code::kTimeout, WatchState::kWatching}));

TEST(WatchTest, ErrorEventsCarryTheirStatus) {
  WatchMachine machine = Watching();
  EXPECT_EQ(machine.Line(ErrorEvent(410, "Expired")).error().code, Code::kGone);
  EXPECT_EQ(machine.Line(ErrorEvent(500, "InternalError")).error().code, Code::kUnavailable);
}

TEST(WatchTest, NonsenseIsInvalid) {
  for (const char* line :
       {"", "{", "[]", "{}", R"({"type":"ADDED"})", R"({"type":"ADDED","object":7})",
        R"({"type":"ADDED","object":{}})", R"({"type":"LATER","object":{"metadata":{}}})"}) {
    WatchMachine machine = Watching();
    const auto event = machine.Line(line);
    ASSERT_FALSE(event) << line;
    EXPECT_EQ(event.error().code, Code::kInvalid) << line;
    EXPECT_EQ(machine.resource_version(), "10") << line;
  }
}

TEST(WatchTest, AnEndedWatchResumesAtOnceUnlessItSaidNothing) {
  WatchMachine machine = Watching();
  (void)machine.Line(Event("BOOKMARK", "", "11"));
  machine.Ended();
  EXPECT_EQ(machine.state(), WatchState::kWatching);
  EXPECT_EQ(machine.Pause().count(), 0);
  machine.Ended();
  EXPECT_GT(machine.Pause().count(), 0) << "a server that ends every watch at once";
  EXPECT_EQ(machine.Pause().count(), 0) << "one pause for one failure";
}

TEST(WatchTest, PausesGrowAndAreForgottenAfterSuccess) {
  WatchMachine machine = Watching();
  std::chrono::milliseconds last{0};
  for (int i = 0; i < 20; ++i) {
    machine.Failed({Code::kUnavailable, ""});
    last = machine.Pause();
  }
  EXPECT_GE(last, std::chrono::seconds(24)) << "30 s less a fifth";
  EXPECT_LE(last, std::chrono::seconds(36));
  (void)machine.Line(Event("ADDED", "a", "11"));
  machine.Failed({Code::kUnavailable, ""});
  EXPECT_LT(machine.Pause(), std::chrono::seconds(1));
}

}  // namespace
}  // namespace holdfast::kube
