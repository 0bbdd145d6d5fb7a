#include "jobs/engine/news.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/jobs/engine/repositories.h"
#include "tests/unit/jobs/storage/manual_sleeper.h"

namespace holdfast::engine {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using storage::FileType;

// Something happens at each sleep.
class Scene final : public storage::Sleeper {
 public:
  explicit Scene(std::vector<std::function<void()>> acts) : acts_(std::move(acts)) {}
  Time Now() const override { return time_.Now(); }
  Result<void> Sleep(Duration duration, const std::stop_token& stop) override {
    if (naps_ < acts_.size()) acts_[naps_]();
    ++naps_;
    return time_.Sleep(duration, stop);
  }
  std::size_t naps() const { return naps_; }

 private:
  storage::ManualSleeper time_;
  std::vector<std::function<void()>> acts_;
  std::size_t naps_ = 0;
};

class NewsTest : public ::testing::Test {
 protected:
  NewsTest() {
    request_.filter = {"prod", "shop"};
    request_.complete = true;
    request_.every = seconds(10);
    request_.patience = hours(1);
    Save("first");
    NoteSeen();
  }

  repo::Id Save(const std::string& backup, const std::string& ns = "shop", int volumes = 1) {
    repo::Snapshot snapshot;
    snapshot.time = time_ += seconds(60);
    snapshot.hostname = "prod";
    snapshot.paths = {"/" + ns + "/data-db-0"};
    snapshot.tags = {"backup=" + ns + "/" + backup, "policy=" + ns + "/nightly",
                     "volumes=" + std::to_string(volumes)};
    return writer_->SaveSnapshot(snapshot, {}).value();
  }
  void NoteSeen() {
    request_.unlike =
        protocol::DigestOf(ListRecords(writer_->ListSnapshots({}).value(), request_).records);
  }
  Result<bool> Await(Scene& scene, std::stop_token stop = {}) {
    const auto reader = OpenRepository(storage_);
    return AwaitNews(*reader, storage_, request_, scene, stop);
  }

  storage::Memory storage_;
  std::unique_ptr<repo::Repository> writer_ = InitRepository(storage_);
  TimePoint time_ = ParseTime("2026-08-01T00:00:00Z").value();
  BackupsRequest request_;
};

TEST_F(NewsTest, ANewBackupEndsTheWait) {
  Scene scene({[] {}, [] {}, [&] { Save("second"); }});
  EXPECT_TRUE(Await(scene).value());
  EXPECT_EQ(scene.naps(), 3u);
}

TEST_F(NewsTest, WhatCameBeforeTheWaitEndsItAtOnce) {
  Save("second");
  Scene scene({});
  EXPECT_TRUE(Await(scene).value());
  EXPECT_EQ(scene.naps(), 0u);
}

TEST_F(NewsTest, OneThatIsGoneIsNews) {
  const repo::Id second = Save("second");
  NoteSeen();
  Scene scene({[&] { ASSERT_TRUE(storage_.Remove({FileType::kSnapshot, second.Hex()}, {})); }});
  EXPECT_TRUE(Await(scene).value());
}

TEST_F(NewsTest, PatienceEnds) {
  Scene scene({});
  EXPECT_FALSE(Await(scene).value());
  EXPECT_EQ(scene.naps(), 360u);
}

TEST_F(NewsTest, WhatIsOfOthersOrUnderWayIsNone) {
  Scene scene({[&] { Save("theirs", "elsewhere"); }, [&] { Save("half", "shop", 2); },
               [&] {
                 ASSERT_TRUE(storage_.Save({FileType::kSnapshot, std::string(64, 'a')},
                                           AsBytes("damaged"), {}));
               }});
  EXPECT_FALSE(Await(scene).value());
}

TEST_F(NewsTest, AStopEndsIt) {
  std::stop_source stop;
  Scene stopped({[&] { stop.request_stop(); }});
  EXPECT_EQ(Await(stopped, stop.get_token()).error().code, Code::kCancelled);
}

}  // namespace
}  // namespace holdfast::engine
