#include "jobs/repo/lock.h"

#include <thread>

#include <gtest/gtest.h>

#include "jobs/storage/memory.h"

namespace holdfast::repo {
namespace {

using namespace std::chrono_literals;
using storage::FileType;
using storage::Handle;

class FixedClock final : public Clock {
 public:
  TimePoint Now() const override { return now; }
  TimePoint now = ParseTime("2026-08-01T12:00:00Z").value();
};

class LockTest : public testing::Test {
 protected:
  LockTest()
      : repository_(Repository::Init(storage_, "pw", {kNewestVersion, KdfParams{16, 1, 1}, {}}, {})
                        .value()) {}

  LockRequest Shared(std::string holder = "prod/shop/me") {
    return Request(false, std::move(holder));
  }
  LockRequest Exclusive(std::string holder = "prod/shop/me") {
    return Request(true, std::move(holder));
  }
  LockRequest Request(bool exclusive, std::string holder) {
    LockRequest request;
    request.exclusive = exclusive;
    request.holder = std::move(holder);
    request.clock = &clock_;
    request.settle = 1ms;
    return request;
  }

  Result<std::unique_ptr<Lock>> Acquire(const LockRequest& request) {
    return Lock::Acquire(*repository_, request, {});
  }
  // A lock file as another process leaves it.
  Id Leave(std::string hostname, bool exclusive, std::chrono::minutes age = 0min) {
    LockInfo info;
    info.time = clock_.now - age;
    info.exclusive = exclusive;
    info.hostname = std::move(hostname);
    return repository_->SaveUnpacked(FileType::kLock, AsBytes(EncodeLock(info)), {}).value();
  }
  std::size_t Count() { return ListLocks(*repository_, {}).value().size(); }

  storage::Memory storage_;
  FixedClock clock_;
  std::unique_ptr<Repository> repository_;
};

TEST_F(LockTest, IsSpelledAsRestic) {
  LockInfo info;
  info.time = clock_.now;
  info.hostname = "prod/shop/pod-1";
  info.username = "u";
  info.pid = 7;
  EXPECT_EQ(EncodeLock(info),
            R"({"time":"2026-08-01T12:00:00Z","exclusive":false,"hostname":"prod/shop/pod-1",)"
            R"("username":"u","pid":7})");
  info.exclusive = true;
  info.uid = 1;
  info.gid = 2;
  const LockInfo read = DecodeLock(AsBytes(EncodeLock(info))).value();
  EXPECT_TRUE(read.exclusive);
  EXPECT_EQ(read.gid, 2U);
  EXPECT_EQ(DecodeLock(AsBytes("{}")).error().code, Code::kCorrupt);
}

TEST_F(LockTest, SharedLocksStandTogetherAndGoWithTheirOwners) {
  {
    const auto one = Acquire(Shared("prod/shop/a")).value();
    const auto two = Acquire(Shared("prod/shop/b")).value();
    EXPECT_EQ(Count(), 2U);
  }
  EXPECT_EQ(Count(), 0U);
}

TEST_F(LockTest, AnExclusiveLockWaitsItsTurn) {
  auto other = Acquire(Shared("prod/shop/a")).value();
  LockRequest request = Exclusive("prod/shop/b");
  request.wait = 1min;
  request.poll = 1ms;
  std::jthread release([&] { other.reset(); });
  const auto lock = Acquire(request);
  ASSERT_TRUE(lock) << lock.error().message;
}

TEST_F(LockTest, WaitingEndsInTimeAndWhenStopped) {
  const auto other = Acquire(Shared("prod/shop/a")).value();
  LockRequest request = Exclusive("prod/shop/b");
  request.wait = 20ms;
  request.poll = 1ms;
  EXPECT_EQ(Acquire(request).error().code, Code::kConflict);
  request.wait = 1h;
  request.poll = 1h;
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(Lock::Acquire(*repository_, request, stop.get_token()).error().code, Code::kCancelled);
  EXPECT_EQ(Count(), 1U) << "who waits has no lock";
}

TEST_F(LockTest, AnExclusiveLockStandsAlone) {
  {
    const auto shared = Acquire(Shared("prod/shop/a")).value();
    const auto refused = Acquire(Exclusive("prod/shop/b"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kConflict);
    EXPECT_NE(refused.error().message.find("prod/shop/a"), std::string::npos);
    EXPECT_EQ(Count(), 1U) << "a refused lock leaves nothing";
  }
  const auto exclusive = Acquire(Exclusive("prod/shop/b")).value();
  EXPECT_EQ(Acquire(Shared()).error().code, Code::kConflict);
  EXPECT_EQ(Acquire(Exclusive()).error().code, Code::kConflict);
  EXPECT_EQ(Count(), 1U);
}

TEST_F(LockTest, TheDeadDoNotStandInTheWay) {
  Leave("prod/shop/gone", true);
  LockRequest request = Exclusive();
  EXPECT_EQ(Acquire(request).error().code, Code::kConflict) << "nobody is known to be dead";
  request.dead_holders = {"prod/shop/other"};
  EXPECT_EQ(Acquire(request).error().code, Code::kConflict) << "somebody else is dead";
  request.dead_holders = {"prod/shop/other", "prod/shop/gone"};
  EXPECT_TRUE(Acquire(request));
  EXPECT_EQ(Count(), 0U);
}

TEST_F(LockTest, LocksOfOthersStandHoweverOld) {
  Leave("laptop", true, 10h);
  LockRequest request = Shared();
  request.dead_holders = {"prod/shop/gone"};
  EXPECT_EQ(Acquire(request).error().code, Code::kConflict);
  EXPECT_EQ(Count(), 1U);
}

// As every verb does on opening, whatever lock it takes or does not take.
TEST_F(LockTest, OnlyLocksOfTheDeadAreRemoved) {
  Leave("prod/shop/gone", true);
  Leave("prod/shop/gone", false, 10h);
  const Id old = Leave("prod/shop/slow", false, 10h);
  const Id rubbish = Id::Of(Bytes(100, 7));
  ASSERT_TRUE(storage_.Save({FileType::kLock, rubbish.Hex()}, Bytes(100, 7), {}));
  LockRequest request = Shared();
  ASSERT_TRUE(RemoveLocksOfTheDead(*repository_, request, {}));
  EXPECT_EQ(repository_->ListFiles(FileType::kLock, {}).value().size(), 4U);
  request.dead_holders = {"prod/shop/gone"};
  ASSERT_TRUE(RemoveLocksOfTheDead(*repository_, request, {}));
  const auto left = repository_->ListFiles(FileType::kLock, {}).value();
  ASSERT_EQ(left.size(), 2U);
  for (const FileEntry& file : left) EXPECT_TRUE(file.id == old || file.id == rubbish);
}

TEST_F(LockTest, UnlockRemovesTheStale) {
  Leave("laptop", true, 31min);
  const Id young = Leave("laptop", false, 29min);
  Leave("prod/shop/gone", true);
  Leave("prod/shop/ours-but-old", false, 10h);
  const Id working = Leave("prod/shop/working", false);
  LockRequest request = Shared();
  request.dead_holders = {"prod/shop/gone"};
  EXPECT_EQ(RemoveStaleLocks(*repository_, request, false, {}).value().size(), 3U);
  const auto left = ListLocks(*repository_, {}).value();
  ASSERT_EQ(left.size(), 2U);
  for (const LockInfo& lock : left) EXPECT_TRUE(lock.id == young || lock.id == working);
  EXPECT_EQ(RemoveStaleLocks(*repository_, request, true, {}).value().size(), 2U);
  EXPECT_EQ(Count(), 0U);
}

TEST_F(LockTest, ALockThatCannotBeReadStandsUntilAllAreRemoved) {
  const Bytes rubbish(100, 7);
  ASSERT_TRUE(storage_.Save({FileType::kLock, Id::Of(rubbish).Hex()}, rubbish, {}));
  EXPECT_EQ(Acquire(Shared()).error().code, Code::kCorrupt);
  EXPECT_FALSE(RemoveStaleLocks(*repository_, Shared(), false, {}));
  EXPECT_EQ(RemoveStaleLocks(*repository_, Shared(), true, {}).value().size(), 1U);
  EXPECT_TRUE(Acquire(Shared()));
}

TEST_F(LockTest, AnEmptyLockFileIsATornUpload) {
  ASSERT_TRUE(storage_.Save({FileType::kLock, Id::Random().Hex()}, {}, {}));
  EXPECT_TRUE(Acquire(Exclusive()));
}

TEST_F(LockTest, RefreshingReplacesTheFile) {
  const auto lock = Acquire(Shared()).value();
  const Id before = ListLocks(*repository_, {}).value().at(0).id;
  clock_.now += 5min;
  ASSERT_TRUE(lock->Refresh());
  const auto locks = ListLocks(*repository_, {}).value();
  ASSERT_EQ(locks.size(), 1U);
  EXPECT_NE(locks[0].id, before);
  EXPECT_EQ(locks[0].time, clock_.now);
  ASSERT_TRUE(lock->Release());
  EXPECT_EQ(Count(), 0U);
  EXPECT_TRUE(lock->Release());
}

TEST_F(LockTest, ALockThatSomebodyRemovedIsLost) {
  const auto lock = Acquire(Shared()).value();
  ASSERT_TRUE(RemoveStaleLocks(*repository_, Shared(), true, {}));
  EXPECT_FALSE(lock->lost().stop_requested());
  EXPECT_EQ(lock->Refresh().error().code, Code::kNotFound);
  EXPECT_TRUE(lock->lost().stop_requested());
  EXPECT_EQ(Count(), 0U);
}

TEST_F(LockTest, AStopWhileLockingLeavesNothing) {
  std::stop_source stop;
  LockRequest request = Exclusive();
  request.settle = 10s;
  std::jthread stopper([&] {
    while (Count() == 0) std::this_thread::sleep_for(1ms);
    stop.request_stop();
  });
  EXPECT_EQ(Lock::Acquire(*repository_, request, stop.get_token()).error().code, Code::kCancelled);
  EXPECT_EQ(Count(), 0U);
}

// Two that create their locks at the same time see each other at the second look: never both win.
TEST_F(LockTest, OfTwoAtOnceAtMostOneWins) {
  for (int round = 0; round < 20; ++round) {
    Result<std::unique_ptr<Lock>> one = Fail(Code::kInternal, "");
    Result<std::unique_ptr<Lock>> two = Fail(Code::kInternal, "");
    {
      const std::jthread a([&] { one = Acquire(Exclusive("prod/shop/a")); });
      const std::jthread b([&] { two = Acquire(Exclusive("prod/shop/b")); });
    }
    EXPECT_FALSE(one && two);
  }
}

TEST_F(LockTest, WhoeverIsNotNamedDeadIsJudgedByAge) {
  EXPECT_EQ(Acquire(Shared("")).error().code, Code::kInvalid);
  const auto by_hand = Acquire(Shared("laptop")).value();
  LockRequest request = Exclusive();
  request.dead_holders = {"prod/shop/gone"};
  EXPECT_EQ(Acquire(request).error().code, Code::kConflict);
  clock_.now += 31min;
  EXPECT_EQ(RemoveStaleLocks(*repository_, request, false, {}).value().size(), 1U);
}

}  // namespace
}  // namespace holdfast::repo
