#include "operator/kube/events.h"

#include <atomic>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/scripted_transport.h"

namespace holdfast::kube {
namespace {

using fakes::ScriptedTransport;

// The time that the test says.
class TestClock final : public Clock {
 public:
  TimePoint Now() const override { return TimePoint(std::chrono::nanoseconds(now_)); }
  void Advance(std::chrono::nanoseconds by) { now_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_{1'785'585'600'000'000'000};
};

const ObjectReference kObject{kJobs, {"shop", "backup-1"}, "uid-1"};

class EventsTest : public ::testing::Test {
 protected:
  void ServeAll() {
    server_.AnswerAll([](const Request&) { return Response{201, "{}", std::nullopt}; });
  }
  std::unique_ptr<EventRecorder> Recorder() {
    return MakeEventRecorder(api_, clock_, {"holdfast", "holdfast-7d_1"});
  }
  Json BodyOf(std::size_t request) {
    return ParseJson(server_.requests().at(request).body).value();
  }

  ScriptedTransport server_;
  Api api_{server_};
  TestClock clock_;
};

TEST_F(EventsTest, TellsTheWholeStory) {
  ServeAll();
  const auto recorder = Recorder();
  recorder->Record(kObject, EventType::kWarning, "JobFailed", "it broke");
  ASSERT_TRUE(server_.AwaitRequests(1));
  const Json event = BodyOf(0);
  EXPECT_EQ(server_.requests()[0].path, "/apis/events.k8s.io/v1/namespaces/shop/events");
  EXPECT_EQ(event["regarding"], Json::parse(R"({"apiVersion": "batch/v1", "kind": "Job",
      "namespace": "shop", "name": "backup-1", "uid": "uid-1"})"));
  EXPECT_EQ(event["type"], "Warning");
  EXPECT_EQ(event["reason"], "JobFailed");
  EXPECT_EQ(event["note"], "it broke");
  EXPECT_EQ(event["eventTime"], "2026-08-01T12:00:00.000000Z");
  EXPECT_FALSE(event.contains("series"));
  EXPECT_EQ(event["reportingController"], "holdfast");
  EXPECT_EQ(event["reportingInstance"], "holdfast-7d_1");
}

TEST_F(EventsTest, RepetitionsAreCountedOnTheFirst) {
  ServeAll();
  const auto recorder = Recorder();
  recorder->Record(kObject, EventType::kNormal, "Waiting", "for a slot");
  ASSERT_TRUE(server_.AwaitRequests(1));
  clock_.Advance(std::chrono::minutes(5));
  recorder->Record(kObject, EventType::kNormal, "Waiting", "for a slot");
  ASSERT_TRUE(server_.AwaitRequests(2));
  EXPECT_EQ(server_.requests()[1].method, Method::kPatch);
  EXPECT_EQ(BodyOf(1), Json::parse(R"({"series": {"count": 2,
      "lastObservedTime": "2026-08-01T12:05:00.000000Z"}})"));
  EXPECT_TRUE(server_.requests()[1].path.ends_with(FindString(BodyOf(0), {"metadata", "name"})));
}

TEST_F(EventsTest, AnotherMessageOrALaterTimeIsANewStory) {
  ServeAll();
  const auto recorder = Recorder();
  recorder->Record(kObject, EventType::kNormal, "Waiting", "for a slot");
  recorder->Record(kObject, EventType::kNormal, "Waiting", "for a node");
  ASSERT_TRUE(server_.AwaitRequests(2));
  clock_.Advance(std::chrono::minutes(11));
  recorder->Record(kObject, EventType::kNormal, "Waiting", "for a slot");
  ASSERT_TRUE(server_.AwaitRequests(3));
  std::set<std::string> names;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(server_.requests()[i].method, Method::kPost);
    names.insert(BodyOf(i)["metadata"]["name"]);
  }
  EXPECT_EQ(names.size(), 3u);
}

TEST_F(EventsTest, AnExpiredEventIsWrittenAnew) {
  server_.Answer(201, Json::object()).Refuse(404, "NotFound", "").Answer(201, Json::object());
  const auto recorder = Recorder();
  recorder->Record(kObject, EventType::kNormal, "Waiting", "for a slot");
  ASSERT_TRUE(server_.AwaitRequests(1));
  recorder->Record(kObject, EventType::kNormal, "Waiting", "for a slot");
  ASSERT_TRUE(server_.AwaitRequests(3));
  EXPECT_EQ(server_.requests()[2].method, Method::kPost);
}

TEST_F(EventsTest, AServerThatIsAwayHoldsNobodyAndTheQueueIsBounded) {
  server_.Silence();
  const auto recorder = Recorder();
  for (int i = 0; i < 2000; ++i)
    recorder->Record(kObject, EventType::kNormal, "Waiting", std::to_string(i));
  ASSERT_TRUE(server_.AwaitRequests(1));
}

TEST_F(EventsTest, LongTextsAndNamesAreCutWhereTheServerAllows) {
  ServeAll();
  const auto recorder = Recorder();
  std::string message(1023, 'x');
  message += "\xc3\xa4";  // one character in two bytes, across the limit
  const ObjectReference object{kPersistentVolumes, {"", std::string(253, 'n')}, "uid"};
  recorder->Record(object, EventType::kNormal, "Long", message);
  ASSERT_TRUE(server_.AwaitRequests(1));
  EXPECT_EQ(BodyOf(0)["note"], std::string(1023, 'x'));
  EXPECT_LE(BodyOf(0)["metadata"]["name"].get<std::string>().size(), 253u);
  EXPECT_EQ(server_.requests()[0].path, "/apis/events.k8s.io/v1/namespaces/default/events");
}

TEST_F(EventsTest, ManyAlikeAreOne) {
  ServeAll();
  const auto recorder = Recorder();
  for (int i = 1; i <= 10; ++i) {
    recorder->Record(kObject, EventType::kWarning, "Failed", std::to_string(i));
    ASSERT_TRUE(server_.AwaitRequests(static_cast<std::size_t>(i)));
  }
  recorder->Record(kObject, EventType::kWarning, "Failed", "11");
  ASSERT_TRUE(server_.AwaitRequests(11));
  EXPECT_EQ(BodyOf(10)["note"], "(combined from similar events) 11");
  recorder->Record(kObject, EventType::kWarning, "Failed", "12");
  ASSERT_TRUE(server_.AwaitRequests(12));
  EXPECT_EQ(server_.requests()[11].method, Method::kPatch);
  EXPECT_EQ(BodyOf(11)["series"]["count"], 2);
  recorder->Record(kObject, EventType::kWarning, "Failed", "3");
  ASSERT_TRUE(server_.AwaitRequests(13));
  EXPECT_TRUE(
      server_.requests()[12].path.ends_with(BodyOf(2)["metadata"]["name"].get<std::string>()))
      << "one that was told already goes on as its own";
  recorder->Record(kObject, EventType::kNormal, "Started", "1");
  ASSERT_TRUE(server_.AwaitRequests(14));
  EXPECT_EQ(BodyOf(13)["note"], "1") << "another reason is another story";
}

}  // namespace
}  // namespace holdfast::kube
