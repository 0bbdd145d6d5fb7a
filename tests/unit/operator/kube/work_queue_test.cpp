#include "operator/kube/work_queue.h"

#include <array>
#include <atomic>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace holdfast::kube {
namespace {

using std::chrono::milliseconds;
using Timer = WorkQueue::Timer;

const ObjectKey kA{"n", "a"};
const ObjectKey kB{"n", "b"};

TEST(WorkQueueTest, AKeyIsQueuedOnce) {
  WorkQueue queue({});
  queue.Add(kA);
  queue.Add(kA);
  queue.Add(kB);
  EXPECT_EQ(queue.Depth(), 2u);
  EXPECT_EQ(queue.Take(), kA);
  EXPECT_EQ(queue.Take(), kB);
}

TEST(WorkQueueTest, AKeyAddedInWorkComesAgainAfterwardsOnce) {
  WorkQueue queue({});
  queue.Add(kA);
  ASSERT_EQ(queue.Take(), kA);
  queue.Add(kA);
  queue.Add(kA);
  EXPECT_EQ(queue.Depth(), 0u) << "never twice at once";
  queue.Done(kA);
  EXPECT_EQ(queue.Depth(), 1u);
  ASSERT_EQ(queue.Take(), kA);
  queue.Done(kA);
  EXPECT_EQ(queue.Depth(), 0u);
}

TEST(WorkQueueTest, LaterIsNotSoonerAndTheEarlierTimeWins) {
  WorkQueue queue({});
  const auto begin = Timer::now();
  queue.AddAfter(kA, std::chrono::hours(1));
  queue.AddAfter(kA, milliseconds(30));
  queue.AddAfter(kA, std::chrono::hours(2));
  EXPECT_EQ(queue.Take(), kA);
  EXPECT_GE(Timer::now() - begin, milliseconds(30));
  queue.Done(kA);
  EXPECT_EQ(queue.Depth(), 0u);
}

// One that is gone may have been asked for in a day's time, with many others.
TEST(WorkQueueTest, WhatIsForgottenDoesNotComeAgain) {
  WorkQueue queue({});
  queue.AddAfter(kA, milliseconds(10));
  queue.AddAfter(kB, milliseconds(30));
  queue.Forget(kA);
  EXPECT_EQ(queue.Take(), kB);
  queue.Done(kB);
  EXPECT_EQ(queue.Depth(), 0u);
}

TEST(WorkQueueTest, ATakerAsleepNoticesAnEarlierTime) {
  WorkQueue queue({});
  queue.AddAfter(kA, std::chrono::hours(1));
  std::jthread taker([&] { EXPECT_EQ(queue.Take(), kB); });
  queue.AddAfter(kB, milliseconds(10));
}

TEST(WorkQueueTest, NoDelayMeansNow) {
  WorkQueue queue({});
  queue.AddAfter(kA, milliseconds(-5));
  EXPECT_EQ(queue.Depth(), 1u);
}

Timer::duration TimeToTake(WorkQueue& queue) {
  const auto begin = Timer::now();
  EXPECT_EQ(queue.Take(), kA);
  queue.Done(kA);
  return Timer::now() - begin;
}

TEST(WorkQueueTest, FailuresBackOffUntilForgotten) {
  WorkQueue queue({milliseconds(5), milliseconds(20)});
  for (const int expected : {5, 10, 20, 20}) {
    queue.AddFailed(kA);
    EXPECT_GE(TimeToTake(queue), milliseconds(expected - 1));
  }
  queue.Forget(kA);
  WorkQueue slow({std::chrono::hours(1), std::chrono::hours(2)});
  slow.AddFailed(kA);
  slow.Add(kA);  // a change does not wait for the backoff
  EXPECT_LT(TimeToTake(slow), std::chrono::minutes(1));
}

TEST(WorkQueueTest, ShutDownWakesEverybody) {
  WorkQueue queue({});
  std::vector<std::jthread> takers;
  for (int i = 0; i < 4; ++i) takers.emplace_back([&] { EXPECT_EQ(queue.Take(), std::nullopt); });
  queue.ShutDown();
  takers.clear();
  queue.Add(kA);
  EXPECT_EQ(queue.Take(), std::nullopt);
}

// What the workers of the test below know of one key.
struct KeyLife {
  std::atomic<int> in_work{0};
  std::atomic<int> added{0};
  std::atomic<int> seen{0};  // `added` as of the last time it was taken
};

TEST(WorkQueueTest, ManyThreadsNeverShareAKeyAndLoseNoChange) {
  constexpr int kKeys = 20;
  constexpr int kRounds = 200;
  WorkQueue queue({milliseconds(1), milliseconds(2)});
  std::array<KeyLife, kKeys> lives;
  std::latch all_seen(kKeys);
  std::atomic<int> taken{0};
  std::vector<std::jthread> workers;
  for (int i = 0; i < 4; ++i)
    workers.emplace_back([&] {
      while (const auto key = queue.Take()) {
        KeyLife& life = lives.at(std::stoul(key->name));
        EXPECT_EQ(life.in_work++, 0);
        const int added = life.added;
        if (life.seen.exchange(added) != added && added == 2 * kRounds) all_seen.count_down();
        if (taken++ % 7 == 0) queue.AddFailed(*key);
        life.in_work--;
        queue.Done(*key);
      }
    });
  std::vector<std::jthread> adders;
  for (int t = 0; t < 2; ++t)
    adders.emplace_back([&] {
      for (std::size_t i = 0; i < kKeys * kRounds; ++i) {
        ++lives[i % kKeys].added;
        queue.Add({"", std::to_string(i % kKeys)});
      }
    });
  all_seen.wait();  // the test's own time limit ends it when a change was lost
  queue.ShutDown();
}

// Writes down what it is told, in order.
class Notes final : public QueueObserver {
 public:
  void Added() override { text += 'A'; }
  void Retried() override { text += 'R'; }
  void Waited(Seconds time) override {
    text += 'W';
    waited = time;
  }
  void Worked(Seconds time) override {
    text += 'D';
    worked = time;
  }

  std::string text;
  Seconds waited{};
  Seconds worked{};
};

TEST(WorkQueueTest, TellsWhatPassesThrough) {
  Notes notes;
  WorkQueue queue({milliseconds(0), milliseconds(0)}, &notes);
  queue.Add(kA);
  queue.Add(kA);
  EXPECT_EQ(notes.text, "A") << "a key that waits already is not added";
  const auto before_take = Timer::now();
  ASSERT_EQ(queue.Take(), kA);
  EXPECT_EQ(notes.text, "AW");
  queue.AddFailed(kA);
  EXPECT_EQ(notes.text, "AWRA") << "added while in work, to come again";
  const WorkQueue::Work work = queue.InWork();
  EXPECT_EQ(work.key, kA);
  EXPECT_GT(work.longest, Timer::duration::zero());
  EXPECT_EQ(work.longest, work.total);
  queue.Done(kA);
  EXPECT_LE(notes.worked, Timer::now() - before_take);
  EXPECT_EQ(notes.text, "AWRAD");
  EXPECT_EQ(queue.InWork().key, ObjectKey{});
}

TEST(WorkQueueTest, WorkIsSummedAndTheLongestNamed) {
  WorkQueue queue({});
  queue.Add(kA);
  queue.Add(kB);
  ASSERT_EQ(queue.Take(), kA);
  ASSERT_EQ(queue.Take(), kB);
  const WorkQueue::Work work = queue.InWork();
  EXPECT_EQ(work.key, kA);
  EXPECT_GE(work.total, work.longest);
}

}  // namespace
}  // namespace holdfast::kube
