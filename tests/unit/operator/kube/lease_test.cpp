#include "operator/kube/lease.h"

#include <atomic>
#include <latch>
#include <mutex>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "operator/kube/lease_record.h"
#include "tests/fakes/scripted_transport.h"

namespace holdfast::kube {
namespace {

using fakes::ScriptedTransport;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Timer = LeaseObserver::Timer;

LeaseRecord HeldBy(const std::string& holder, const std::string& version) {
  LeaseRecord record;
  record.holder = holder;
  record.resource_version = version;
  return record;
}

TEST(LeaseRecordTest, RoundTrip) {
  LeaseRecord record = HeldBy("a", "5");
  record.acquired = ParseTime("2026-08-01T12:00:00.000001Z").value();
  record.renewed = ParseTime("2026-08-01T12:00:05Z").value();
  record.transitions = 3;
  const Json lease = {{"metadata", {{"resourceVersion", "5"}}}, {"spec", LeaseSpec(record)}};
  EXPECT_EQ(DecodeLease(lease), record);
  EXPECT_EQ(lease["spec"]["renewTime"], "2026-08-01T12:00:05.000000Z");
}

TEST(LeaseRecordTest, NonsenseIsAnEmptyLease) {
  EXPECT_EQ(DecodeLease({{"spec", {{"holderIdentity", 7}, {"renewTime", "soon"}}}}).holder, "");
  EXPECT_EQ(DecodeLease(Json::object()).holder, "");
}

TEST(LeaseObserverTest, AHeldLeaseMayBeTakenAfterItsDurationWithoutChange) {
  LeaseObserver observer;
  const Timer::time_point begin{};
  observer.Observe(HeldBy("other", "1"), begin);
  EXPECT_FALSE(observer.MayTake("me", begin + seconds(14)));
  observer.Observe(HeldBy("other", "1"), begin + seconds(14));  // seen again, unchanged
  EXPECT_TRUE(observer.MayTake("me", begin + seconds(15)));
  observer.Observe(HeldBy("other", "2"), begin + seconds(15));  // renewed
  EXPECT_FALSE(observer.MayTake("me", begin + seconds(29)));
}

TEST(LeaseObserverTest, OwnAndReleasedLeasesAreFree) {
  LeaseObserver observer;
  observer.Observe(HeldBy("me", "1"), {});
  EXPECT_TRUE(observer.MayTake("me", {}));
  observer.Observe(HeldBy("", "2"), {});
  EXPECT_TRUE(observer.MayTake("me", {}));
}

TEST(LeaseObserverTest, TheWallClocksInTheRecordDoNotMatter) {
  LeaseObserver observer;
  LeaseRecord record = HeldBy("other", "1");
  for (const char* renewed : {"2001-01-01T00:00:00Z", "2101-01-01T00:00:00Z"}) {
    record.renewed = ParseTime(renewed).value();
    record.resource_version += "1";
    observer.Observe(record, Timer::time_point(seconds(100)));
    EXPECT_FALSE(observer.MayTake("me", Timer::time_point(seconds(114))));
    EXPECT_TRUE(observer.MayTake("me", Timer::time_point(seconds(115))));
  }
}

// Serves one Lease with optimistic concurrency, as the API server does.
class LeaseServer {
 public:
  LeaseServer() {
    transport_.AnswerAll([this](const Request& request) { return Serve(request); });
  }

  ScriptedTransport& transport() { return transport_; }
  void BreakDown(bool broken) { broken_ = broken; }

  void Put(const LeaseRecord& record) {
    const std::lock_guard lock(mutex_);
    spec_ = LeaseSpec(record);
    ++version_;
  }
  LeaseRecord Get() const {
    const std::lock_guard lock(mutex_);
    return DecodeLease(Object());
  }

 private:
  Json Object() const {
    return {{"metadata", {{"resourceVersion", std::to_string(version_)}}},
            {"spec", spec_.value_or(Json::object())}};
  }

  Result<Response> Serve(const Request& request) {
    const std::lock_guard lock(mutex_);
    if (broken_) return Fail(Code::kUnavailable, "no route");
    if (request.method == Method::kGet)
      return spec_ ? Response{200, DumpJson(Object()), {}} : Refusal(404, "NotFound");
    const Json body = ParseJson(request.body).value();
    if (request.method == Method::kPost && spec_) return Refusal(409, "AlreadyExists");
    if (request.method == Method::kPatch &&
        FindString(body, {"metadata", "resourceVersion"}) != std::to_string(version_))
      return Refusal(409, "Conflict");
    spec_ = body["spec"];
    ++version_;
    return Response{200, DumpJson(Object()), {}};
  }

  static Response Refusal(int status, const std::string& reason) {
    return {status, DumpJson({{"kind", "Status"}, {"reason", reason}}), {}};
  }

  ScriptedTransport transport_;
  mutable std::mutex mutex_;
  std::optional<Json> spec_;
  int version_ = 1;
  std::atomic<bool> broken_{false};
};

class LeaseTest : public ::testing::Test {
 protected:
  static LeaseOptions Quick(const std::string& identity) {
    LeaseOptions options;
    options.key = {"holdfast", "operator"};
    options.identity = identity;
    options.duration = seconds(1);
    options.renew_deadline = milliseconds(100);
    options.retry_period = milliseconds(5);
    return options;
  }

  LeaseServer server_;
  Api api_{server_.transport()};
  WriteFence fence_{server_.transport()};
  SystemClock clock_;
};

TEST_F(LeaseTest, WritesPassOnlyWhileTheLeaseIsTrusted) {
  const Api fenced(fence_);
  const ObjectKey other{"holdfast", "other"};
  const auto write = [&] { return fenced.MergePatch(kLeases, other, Json::object(), {}); };
  EXPECT_EQ(write().error().code, Code::kCancelled) << "before the lease was taken";
  EXPECT_EQ(fenced.Get(kLeases, other, {}).error().code, Code::kNotFound) << "reads pass";
  const auto result =
      RunAsLeader(api_, clock_, Quick("me"), fence_,
                  [&](std::stop_token) { EXPECT_NE(write().error().code, Code::kCancelled); }, {});
  EXPECT_TRUE(result);
  EXPECT_EQ(write().error().code, Code::kCancelled) << "after it was given back";
  fence_.OpenUntil(Timer::now() - milliseconds(1));
  EXPECT_EQ(write().error().code, Code::kCancelled) << "when its time has passed unrenewed";
}

TEST_F(LeaseTest, AWriteTakesNoLongerThanTheLeaseIsTrusted) {
  ScriptedTransport transport;
  WriteFence fence(transport);
  fence.OpenUntil(Timer::now() + seconds(5));
  (void)Api(fence).MergePatch(kLeases, {"a", "b"}, Json::object(), {});
  EXPECT_LE(transport.requests().back().timeout, seconds(5));
}

TEST_F(LeaseTest, WhoMayNotWriteRunsNoCommandEither) {
  class Counting final : public Executor {
   public:
    Result<int> Run(const ExecRequest&, const ExecSink&, const ExecSink&,
                    std::stop_token) override {
      ++runs;
      return 0;
    }
    int runs = 0;
  } counting;
  FencedExecutor fenced(counting, fence_);
  EXPECT_EQ(fenced.Run({}, {}, {}, {}).error().code, Code::kCancelled);
  EXPECT_EQ(counting.runs, 0);
  fence_.OpenUntil(Timer::now() + seconds(60));
  EXPECT_EQ(fenced.Run({}, {}, {}, {}), 0);
}

TEST_F(LeaseTest, LeadsAndReleasesOnStop) {
  std::stop_source stop;
  const auto result = RunAsLeader(
      api_, clock_, Quick("me"), fence_,
      [&](std::stop_token leading) {
        EXPECT_EQ(server_.Get().holder, "me");
        stop.request_stop();
        EXPECT_TRUE(leading.stop_requested());
      },
      stop.get_token());
  EXPECT_TRUE(result);
  EXPECT_EQ(server_.Get().holder, "");
}

TEST_F(LeaseTest, ReleasesALeaseWhoseVersionMovedUnseen) {
  const auto result = RunAsLeader(api_, clock_, Quick("me"), fence_,
                                  [&](std::stop_token) {
                                    server_.Put(HeldBy("me", ""));
                                  },  // as a renewal whose answer was lost
                                  {});
  EXPECT_TRUE(result);
  EXPECT_EQ(server_.Get().holder, "");
}

TEST_F(LeaseTest, TakesOverWhenTheHolderIsSilentForTheDuration) {
  LeaseRecord held = HeldBy("dead", "");
  held.duration = seconds(1);
  server_.Put(held);
  const auto begin = Timer::now();
  const auto result = RunAsLeader(api_, clock_, Quick("me"), fence_,
                                  [&](std::stop_token) {
                                    EXPECT_GE(Timer::now() - begin, seconds(1));
                                    EXPECT_EQ(server_.Get().transitions, 1);
                                  },
                                  {});
  EXPECT_TRUE(result);
}

TEST_F(LeaseTest, StopsLeadingWhenItCannotRenew) {
  bool stopped = false;
  const auto result =
      RunAsLeader(api_, clock_, Quick("me"), fence_,
                  [&](std::stop_token leading) {
                    server_.BreakDown(true);
                    std::latch lost(1);
                    const std::stop_callback on_stop(leading, [&] { lost.count_down(); });
                    lost.wait();
                    stopped = true;
                  },
                  {});
  EXPECT_TRUE(stopped);
  EXPECT_EQ(result.error().code, Code::kUnavailable);
}

TEST_F(LeaseTest, StopsLeadingAtOnceWhenAnotherHoldsTheLease) {
  LeaseOptions options = Quick("me");
  options.renew_deadline = std::chrono::hours(1);
  options.duration = std::chrono::hours(2);
  const auto result =
      RunAsLeader(api_, clock_, options, fence_,
                  [&](std::stop_token leading) {
                    server_.Put(HeldBy("thief", ""));
                    std::latch lost(1);
                    const std::stop_callback on_stop(leading, [&] { lost.count_down(); });
                    lost.wait();
                  },
                  {});
  EXPECT_EQ(result.error().code, Code::kUnavailable);
  EXPECT_EQ(server_.Get().holder, "thief") << "the lease of another is never released";
}

TEST_F(LeaseTest, AStopEndsTheWaitForTheLease) {
  server_.Put(HeldBy("other", ""));
  std::stop_source stop;
  std::jthread stopper([&] {
    server_.transport().AwaitRequests(2);
    stop.request_stop();
  });
  const auto result = RunAsLeader(
      api_, clock_, Quick("me"), fence_, [](std::stop_token) { FAIL() << "another one leads"; },
      stop.get_token());
  EXPECT_TRUE(result);
}

TEST_F(LeaseTest, NeverTwoLeaders) {
  std::atomic<int> leaders{0};
  std::vector<std::jthread> electors;
  for (int i = 0; i < 4; ++i)
    electors.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        const auto result = RunAsLeader(api_, clock_, Quick(std::to_string(i)), fence_,
                                        [&](std::stop_token) {
                                          EXPECT_EQ(leaders++, 0);
                                          std::this_thread::yield();
                                          leaders--;
                                        },
                                        {});
        EXPECT_TRUE(result);
      }
    });
}

}  // namespace
}  // namespace holdfast::kube
