#include <gtest/gtest.h>

#include "controllers/policy/check.h"
#include "controllers/policy/overdue.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers::policy {
namespace {

using builders::At;
using builders::PolicyNamed;

const TimePoint kNow = At("2026-07-01T12:00:00Z");

crds::BackupPolicy Hourly() {
  return PolicyNamed("db").Scheduled("hourly", "0 * * * *").Build();  // made 2026-06-01T00:00:00Z
}

crds::BackupPolicy WithSuccess(crds::BackupPolicy policy, const std::string& time) {
  policy.status.last_success = crds::PolicyRun{"b", At(time), "", ""};
  return policy;
}

TEST(OverdueTest, CountsFromTheFirstDueTimeAfterTheLastSuccess) {
  EXPECT_EQ(UnansweredSince(WithSuccess(Hourly(), "2026-07-01T11:20:00Z"), kNow), kNow);
  EXPECT_EQ(UnansweredSince(WithSuccess(Hourly(), "2026-07-01T07:20:00Z"), kNow),
            At("2026-07-01T08:00:00Z"))
      << "however many were due since";
}

TEST(OverdueTest, APolicyWithoutSuccessCountsFromItsCreation) {
  EXPECT_EQ(UnansweredSince(Hourly(), kNow), At("2026-06-01T01:00:00Z"));
}

TEST(OverdueTest, TheEarliestScheduleCounts) {
  const crds::BackupPolicy policy =
      PolicyNamed("db").Scheduled("weekly", "0 3 * * 0").Scheduled("daily", "0 4 * * *").Build();
  EXPECT_EQ(UnansweredSince(WithSuccess(policy, "2026-06-29T05:00:00Z"), kNow),
            At("2026-06-30T04:00:00Z"));
}

TEST(OverdueTest, JitterIsPartOfTheDueTime) {
  crds::BackupPolicy policy = WithSuccess(Hourly(), "2026-07-01T11:20:00Z");
  policy.spec.jitter = "10m";
  const auto jitter =
      StableJitter(SeedOf(policy, policy.spec.schedules[0]), std::chrono::minutes(10));
  EXPECT_EQ(UnansweredSince(policy, kNow), kNow + jitter);
}

// What the status knows and what the expression says are the same.
TEST(OverdueTest, TheStatusIsBelievedOnlyWhileItIsFresh) {
  crds::BackupPolicy policy = WithSuccess(Hourly(), "2026-07-01T12:05:00Z");
  crds::ScheduleStatus status;
  status.name = "hourly";
  status.last_schedule = kNow;
  status.next_run = At("2026-07-01T13:00:00Z");
  policy.status.schedules = {status};
  EXPECT_EQ(UnansweredSince(policy, At("2026-07-01T12:10:00Z")), At("2026-07-01T13:00:00Z"));
  // The operator was away: the next run has passed and nothing came of it.
  EXPECT_EQ(UnansweredSince(policy, At("2026-07-01T16:00:00Z")), At("2026-07-01T13:00:00Z"));
  // The run of 12:00 failed, and the next is yet to come.
  policy.status.last_success->time = At("2026-07-01T11:05:00Z");
  EXPECT_EQ(UnansweredSince(policy, At("2026-07-01T12:10:00Z")), At("2026-07-01T12:00:00Z"));
}

TEST(OverdueTest, NothingIsExpectedOfSuspendedUnscheduledAndUnreadableOnes) {
  crds::BackupPolicy suspended = Hourly();
  suspended.spec.suspend = true;
  EXPECT_EQ(UnansweredSince(suspended, kNow), std::nullopt);
  EXPECT_EQ(UnansweredSince(PolicyNamed("db").Build(), kNow), std::nullopt);
  EXPECT_EQ(UnansweredSince(PolicyNamed("db").Scheduled("x", "every day").Build(), kNow),
            std::nullopt);
}

}  // namespace
}  // namespace holdfast::controllers::policy
