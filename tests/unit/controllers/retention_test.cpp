#include "controllers/policy/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/labels.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers {
namespace {

using namespace builders;  // NOLINT(google-build-using-namespace): they are the test's language
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

BackupNamed With(const std::string& name, crds::RunState state,
                 const std::vector<std::string>& claims) {
  BackupNamed backup(name);
  for (const std::string& claim : claims) backup.Volume(claim, state, claim + "@" + name);
  return backup;
}

crds::Backup Good(const std::string& name, const std::string& time,
                  const std::vector<std::string>& claims = {"data-db-0"}) {
  return With(name, crds::RunState::kSucceeded, claims).Succeeded(time).Build();
}

// Failed, and yet there is a snapshot.
crds::Backup Incomplete(const std::string& name, const std::string& time) {
  return With(name, crds::RunState::kFailed, {"data-db-0"}).Failed(time).Build();
}

crds::Backup Of(const std::string& schedule, crds::Backup backup) {
  backup.metadata.labels[kScheduleLabel] = schedule;
  return backup;
}

std::vector<std::string> Names(const std::vector<crds::Backup>& backups) {
  std::vector<std::string> names;
  for (const auto& backup : backups) names.push_back(backup.metadata.name);
  return names;
}

Retention Decide(const PolicyNamed& policy, const std::vector<crds::Backup>& backups) {
  return DecideRetention(policy.Build().spec, backups, At("2026-12-31T00:00:00Z"));
}

TEST(RetentionTest, KeepsTheLastGoodOnesAndNamesTheSnapshotsOfTheOthers) {
  const auto retention = Decide(PolicyNamed("p").Keeping(2), {Good("a", "2026-06-01T00:00:00Z"),
                                                              Good("b", "2026-06-02T00:00:00Z"),
                                                              Good("c", "2026-06-03T00:00:00Z")});
  EXPECT_THAT(Names(retention.expired), ElementsAre("a"));
  EXPECT_THAT(retention.snapshots, ElementsAre(Pair("data-db-0", ElementsAre("data-db-0@a"))));
}

TEST(RetentionTest, WithoutRulesEverythingIsKept) {
  EXPECT_THAT(Decide(PolicyNamed("p"),
                     {Good("a", "2026-06-01T00:00:00Z"), Good("b", "2026-06-02T00:00:00Z")})
                  .expired,
              IsEmpty());
}

TEST(RetentionTest, ABackupStaysWhenAnyRuleWantsIt) {
  const auto policy = PolicyNamed("p").With([](auto& p) {
    p.spec.retention.keep_last = 1;
    p.spec.retention.keep_daily = 2;
    p.spec.retention.keep_monthly = 3;
  });
  const auto retention =
      Decide(policy, {Good("april", "2026-04-10T02:00:00Z"), Good("may-1", "2026-05-01T02:00:00Z"),
                      Good("may-2", "2026-05-20T02:00:00Z"), Good("june-1", "2026-06-01T02:00:00Z"),
                      Good("june-2-early", "2026-06-02T02:00:00Z"),
                      Good("june-2-late", "2026-06-02T14:00:00Z")});
  EXPECT_THAT(Names(retention.expired), ElementsAre("may-1", "june-2-early"));
}

TEST(RetentionTest, DaysAreThoseOfThePolicysClock) {
  const auto daily = [](const char* zone) {
    return PolicyNamed("p").With([zone](auto& p) {
      p.spec.time_zone = zone;
      p.spec.retention.keep_daily = 2;
    });
  };
  // In Tokyo the three are of two days: the second and the third of one.
  const std::vector<crds::Backup> backups = {Good("a", "2026-06-01T14:00:00Z"),
                                             Good("b", "2026-06-01T16:00:00Z"),
                                             Good("c", "2026-06-02T01:00:00Z")};
  EXPECT_THAT(Names(Decide(daily("UTC"), backups).expired), ElementsAre("a"));
  EXPECT_THAT(Names(Decide(daily("Asia/Tokyo"), backups).expired), ElementsAre("b"));
}

TEST(RetentionTest, KeepsWithinASpanBeforeTheLast) {
  const auto policy = PolicyNamed("p").With([](auto& p) { p.spec.retention.keep_within = "2d"; });
  const auto retention =
      Decide(policy, {Good("a", "2026-06-01T00:00:00Z"), Good("b", "2026-06-02T12:00:00Z"),
                      Good("c", "2026-06-03T12:00:00Z")});
  EXPECT_THAT(Names(retention.expired), ElementsAre("a"));
}

TEST(RetentionTest, AScheduleWithRulesOfItsOwnIsCountedByItself) {
  const auto policy =
      PolicyNamed("p")
          .Keeping(1)
          .Scheduled("hourly", "0 * * * *")
          .Scheduled("monthly", "0 0 1 * *")
          .With([](auto& p) { p.spec.schedules[1].retention.emplace().keep_last = 2; });
  const auto retention = Decide(policy, {Of("monthly", Good("m1", "2026-04-01T00:00:00Z")),
                                         Of("monthly", Good("m2", "2026-05-01T00:00:00Z")),
                                         Of("monthly", Good("m3", "2026-06-01T00:00:00Z")),
                                         Of("hourly", Good("h1", "2026-06-01T01:00:00Z")),
                                         Good("by-hand", "2026-06-01T01:30:00Z"),
                                         Of("hourly", Good("h2", "2026-06-01T02:00:00Z"))});
  EXPECT_THAT(Names(retention.expired), ElementsAre("m1", "h1", "by-hand"));
}

TEST(RetentionTest, FailedRunsNeverCountAndAreNeverAReason) {
  const auto one_good =
      Decide(PolicyNamed("p").Keeping(1),
             {Good("a", "2026-06-01T00:00:00Z"), Incomplete("b", "2026-06-02T00:00:00Z"),
              Incomplete("c", "2026-06-03T00:00:00Z")});
  EXPECT_THAT(one_good.expired, IsEmpty());
  const auto two_good =
      Decide(PolicyNamed("p").Keeping(1),
             {Good("a", "2026-06-01T00:00:00Z"), Incomplete("b", "2026-06-02T00:00:00Z"),
              Good("c", "2026-06-03T00:00:00Z")});
  EXPECT_THAT(Names(two_good.expired), ElementsAre("a"));
}

TEST(RetentionTest, PinnedBackupsStayAndAreNotCounted) {
  auto pinned = Good("a", "2026-06-03T00:00:00Z");
  pinned.spec.pinned = true;
  const auto retention =
      Decide(PolicyNamed("p").Keeping(1),
             {pinned, Good("b", "2026-06-01T00:00:00Z"), Good("c", "2026-06-02T00:00:00Z")});
  EXPECT_THAT(Names(retention.expired), ElementsAre("b"));
}

TEST(RetentionTest, AVolumeThatIsBackedUpNoMoreKeepsItsLast) {
  const auto policy = PolicyNamed("p").Keeping(1);
  EXPECT_THAT(Decide(policy, {Good("wide", "2026-06-01T00:00:00Z", {"data-db-0", "data-db-1"}),
                              Good("b", "2026-06-02T00:00:00Z")})
                  .expired,
              IsEmpty());
}

TEST(RetentionTest, TheLastGoodOneOfAVolumeStaysWhateverTheSchedulesSay) {
  // The schedule is gone; its last backup is the only one of its volume.
  const auto policy = PolicyNamed("p").Keeping(1);
  EXPECT_THAT(Decide(policy, {Of("old", Good("a", "2026-06-01T00:00:00Z", {"logs-db-0"})),
                              Good("b", "2026-06-02T00:00:00Z")})
                  .expired,
              IsEmpty());
}

TEST(RetentionTest, FailedObjectsWithoutSnapshotsGoAtOnceBeyondTheLimit) {
  const auto policy = PolicyNamed("p").With([](auto& p) { p.spec.failed_history_limit = 1; });
  const auto retention = Decide(policy, {BackupNamed("x").Failed("2026-06-01T00:00:00Z").Build(),
                                         BackupNamed("y").Failed("2026-06-02T00:00:00Z").Build()});
  EXPECT_THAT(Names(retention.failed), ElementsAre("x"));
  EXPECT_THAT(retention.expired, IsEmpty());
}

TEST(RetentionTest, ASnapshotOfAFailedRunGoesOnceAGoodOneIsNewer) {
  const auto policy = PolicyNamed("p").With([](auto& p) { p.spec.failed_history_limit = 0; });
  const auto older = Incomplete("older", "2026-06-01T00:00:00Z");
  const auto newer = Incomplete("newer", "2026-06-03T00:00:00Z");
  EXPECT_THAT(Decide(policy, {older, newer}).expired, IsEmpty()) << "they may be all there is";
  const auto retention = Decide(policy, {older, Good("g", "2026-06-02T00:00:00Z"), newer});
  EXPECT_THAT(Names(retention.expired), ElementsAre("older"));
  EXPECT_THAT(retention.failed, IsEmpty()) << "the object tells of its snapshot";
}

TEST(RetentionTest, ARoundIsBoundedAndNamedByWhatGoes) {
  std::vector<crds::Backup> backups;
  for (int i = 0; i < 60; ++i) {
    const std::string minute = (i < 10 ? "0" : "") + std::to_string(i);
    backups.push_back(Good("b" + minute, "2026-06-01T00:" + minute + ":00Z"));
  }
  const auto policy = PolicyNamed("p").Keeping(1);
  const auto first = Decide(policy, backups);
  EXPECT_THAT(first.expired, SizeIs(kMaxExpired));
  EXPECT_EQ(first.round, Decide(policy, backups).round);
  backups.erase(backups.begin(), backups.begin() + kMaxExpired);
  const auto second = Decide(policy, backups);
  EXPECT_THAT(second.expired, SizeIs(9));
  EXPECT_NE(second.round, first.round);
}

}  // namespace
}  // namespace holdfast::controllers
