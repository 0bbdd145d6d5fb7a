#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/labels.h"
#include "controllers/metrics/expose.h"
#include "controllers/setup.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers::metrics {
namespace {

using builders::At;
using builders::InShop;
using builders::PolicyNamed;
using builders::RepositoryNamed;
using ::testing::HasSubstr;
using ::testing::Not;

class MetricsTest : public ::testing::Test {
 protected:
  void Add(const crds::BackupPolicy& policy) { Put(policies_, policy); }
  void Add(const crds::BackupRepository& repository) { Put(repositories_, repository); }
  void Add(const crds::Backup& backup) { Put(backups_, backup); }

  crds::Backup BackupOf(const std::string& policy, const std::string& name,
                        crds::BackupPhase phase) {
    crds::Backup backup;
    backup.metadata = InShop(name);
    backup.spec.policy = policy;
    backup.status.phase = phase;
    return backup;
  }
  crds::Backup Ended(const std::string& policy, const std::string& name, crds::BackupPhase phase,
                     const std::string& time) {
    crds::Backup backup = BackupOf(policy, name, phase);
    backup.status.repository = "offsite";
    backup.status.completion_time = At(time);
    backup.status.start_time = At(time) - std::chrono::seconds(90);
    backup.status.bytes_read = 4096;
    backup.status.bytes_added = 1024;
    backup.status.unreadable = 0;
    return backup;
  }
  void AddPending(const std::string& policy, const std::string& name, const char* reason) {
    crds::Backup backup = BackupOf(policy, name, crds::BackupPhase::kPending);
    if (reason != nullptr)
      crds::SetReconciling(backup.status.conditions, {1, reason, "waits"}, now_);
    Add(backup);
  }

  std::string Text() const {
    std::string text;
    const auto next =
        Expose({repositories_, policies_, backups_, restores_, jobs_, pods_, sets_}, now_);
    for (std::string family = next(); !family.empty(); family = next()) text += family;
    EXPECT_EQ(next(), "") << "the end stays the end";
    return text;
  }

  TimePoint now_ = At("2026-07-01T12:00:00Z");
  kube::Cache<crds::BackupRepository> repositories_;
  kube::Cache<crds::BackupPolicy> policies_;
  kube::Cache<crds::Backup> backups_;
  kube::Cache<crds::Restore> restores_;
  kube::Cache<JobView> jobs_;
  kube::Cache<PodView> pods_;
  kube::Cache<StatefulSetView> sets_;

 private:
  template <typename Kind>
  static void Put(kube::Cache<Kind>& cache, const Kind& object) {
    cache.Put({object.metadata.namespace_, object.metadata.name},
              std::make_shared<const Kind>(object));
  }
};

crds::BackupPolicy Nightly() {
  crds::BackupPolicy policy = PolicyNamed("db").Scheduled("nightly", "0 2 * * *").Build();
  policy.status.target = "StatefulSet/db";
  policy.status.last_success = crds::PolicyRun{"db-1", At("2026-07-01T02:10:00Z"), "", ""};
  policy.status.next_run = At("2026-07-02T02:00:00Z");
  policy.status.protected_bytes = 1'500'000;
  policy.status.added_bytes = 400'000;
  policy.status.recovery_seconds = 75;
  crds::SetReady(policy.status.conditions, {1, "Ready", "all is well"}, At("2026-07-01T02:10:00Z"));
  return policy;
}

TEST_F(MetricsTest, APolicyThatKeepsUp) {
  Add(Nightly());
  crds::BackupRepository repository = RepositoryNamed("offsite").WithSlots(4).Build();
  repository.status.restore_bytes_per_second = 52'000'000;
  Add(repository);
  Add(Ended("db", "db-1", crds::BackupPhase::kSucceeded, "2026-07-01T02:10:00Z"));
  const std::string text = Text();
  for (
      const char* line : {
          R"(holdfast_policy_info{namespace="shop",policy="db",repository="offsite",target="StatefulSet/db"} 1)",
          R"(holdfast_policy_ready{namespace="shop",policy="db",reason="Ready"} 1)",
          R"(holdfast_policy_suspended{namespace="shop",policy="db"} 0)",
          R"(holdfast_policy_last_success_timestamp_seconds{namespace="shop",policy="db"} 1782871800)",
          R"(holdfast_policy_last_success_age_seconds{namespace="shop",policy="db"} 35400)",
          R"(holdfast_policy_last_result{namespace="shop",policy="db",result="Succeeded"} 1)",
          R"(holdfast_policy_next_run_timestamp_seconds{namespace="shop",policy="db"} 1782957600)",
          R"(holdfast_policy_overdue_seconds{namespace="shop",policy="db"} 0)",
          R"(holdfast_policy_recovery_point_age_seconds{namespace="shop",policy="db"} 35490)",
          R"(holdfast_policy_recovery_time_seconds{namespace="shop",policy="db"} 75)",
          R"(holdfast_policy_protected_bytes{namespace="shop",policy="db"} 1500000)",
          R"(holdfast_policy_added_bytes{namespace="shop",policy="db"} 400000)",
          R"(holdfast_policy_last_backup_duration_seconds{namespace="shop",policy="db"} 90)",
          R"(holdfast_policy_last_backup_read_bytes{namespace="shop",policy="db"} 4096)",
          R"(holdfast_policy_last_backup_added_bytes{namespace="shop",policy="db"} 1024)",
          R"(holdfast_policy_last_backup_unreadable_files{namespace="shop",policy="db"} 0)",
          R"(holdfast_repository_ready{namespace="shop",repository="offsite",reason="Ready"} 1)",
          R"(holdfast_repository_last_success_timestamp_seconds{namespace="shop",repository="offsite"} 1782871800)",
          R"(holdfast_repository_last_result{namespace="shop",repository="offsite",result="Succeeded"} 1)",
          R"(holdfast_repository_last_backup_duration_seconds{namespace="shop",repository="offsite"} 90)",
          R"(holdfast_repository_overdue_seconds{namespace="shop",repository="offsite"} 0)",
          R"(holdfast_repository_restore_bytes_per_second{namespace="shop",repository="offsite"} 52000000)",
          R"(holdfast_repository_mover_slots{namespace="shop",repository="offsite"} 4)",
          R"(holdfast_repository_running_movers{namespace="shop",repository="offsite"} 0)",
          R"(holdfast_backups{namespace="shop",phase="Succeeded"} 1)",
      })
    EXPECT_THAT(text, HasSubstr(std::string(line) + "\n"));
  EXPECT_THAT(text, Not(HasSubstr("holdfast_policy_last_failure_timestamp_seconds{")));
}

TEST_F(MetricsTest, EveryFamilyIsThereOnceWithItsType) {
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("# HELP holdfast_policy_overdue_seconds "));
  EXPECT_THAT(text, HasSubstr("# TYPE holdfast_policy_overdue_seconds gauge\n"));
  const std::string type = "# TYPE holdfast_backups gauge\n";
  EXPECT_EQ(text.find(type, text.find(type) + 1), text.npos);
}

TEST_F(MetricsTest, SeriesGoWithTheirObject) {
  Add(Nightly());
  EXPECT_THAT(Text(), HasSubstr(R"(policy="db")"));
  policies_.Remove({"shop", "db"});
  EXPECT_THAT(Text(), Not(HasSubstr(R"(policy="db")")));
}

TEST_F(MetricsTest, TheLastResultIsThatOfTheLaterRun) {
  crds::BackupPolicy policy = Nightly();
  policy.status.last_failure = crds::PolicyRun{"db-2", At("2026-07-01T03:00:00Z"), "", "broke"};
  Add(policy);
  EXPECT_THAT(
      Text(),
      HasSubstr(R"(holdfast_policy_last_result{namespace="shop",policy="db",result="Failed"} 1)"));
  Add(Ended("db", "db-2", crds::BackupPhase::kPartiallyFailed, "2026-07-01T03:00:00Z"));
  EXPECT_THAT(Text(), HasSubstr(R"(policy="db",result="PartiallyFailed"} 1)"));
  policy.status.last_success = crds::PolicyRun{"db-3", At("2026-07-01T04:00:00Z"), "", ""};
  Add(policy);
  EXPECT_THAT(
      Text(),
      HasSubstr(
          R"(holdfast_policy_last_result{namespace="shop",policy="db",result="Succeeded"} 1)"));
}

TEST_F(MetricsTest, APolicyThatMissedItsRunIsOverdue) {
  crds::BackupPolicy policy = Nightly();
  policy.status.last_success->time = At("2026-06-29T02:10:00Z");
  Add(policy);
  Add(RepositoryNamed("offsite").Build());
  // Due at 2026-06-30T02:00:00Z, 34 hours ago.
  EXPECT_THAT(Text(),
              HasSubstr(R"(holdfast_policy_overdue_seconds{namespace="shop",policy="db"} 122400)"));
  EXPECT_THAT(
      Text(),
      HasSubstr(
          R"(holdfast_repository_overdue_seconds{namespace="shop",repository="offsite"} 122400)"));
}

TEST_F(MetricsTest, OfContinuousProtectionTheRecoveryPointIsToldAndItsAge) {
  crds::BackupPolicy policy = Nightly();
  policy.spec.continuous.emplace();
  Add(policy);
  EXPECT_THAT(
      Text(),
      HasSubstr(R"(holdfast_policy_recovery_point_age_seconds{namespace="shop",policy="db"} 0)"));
  policy.status.continuous.emplace().watched_volumes = 3;
  policy.status.continuous->unsaved_since = now_ - std::chrono::seconds(90);
  policy.status.continuous->recovery_point_seconds = 14;
  Add(policy);
  for (const char* line :
       {R"(holdfast_policy_recovery_point_age_seconds{namespace="shop",policy="db"} 90)",
        R"(holdfast_policy_recovery_point_seconds{namespace="shop",policy="db"} 14)",
        R"(holdfast_policy_watched_volumes{namespace="shop",policy="db"} 3)",
        R"(holdfast_policy_max_interval_seconds{namespace="shop",policy="db"} 300)"})
    EXPECT_THAT(Text(), HasSubstr(std::string(line) + "\n"));
}

TEST_F(MetricsTest, AStandbyTellsHowFarItIsBehind) {
  AddIndexes(policies_, backups_, restores_, jobs_, pods_);
  crds::Restore standby;
  standby.metadata = InShop("standby");
  standby.spec.mode = crds::RestoreMode::kFollow;
  standby.spec.source.policy = "db";
  const auto lines = [&](const std::string& lag) {
    restores_.Put({"shop", "standby"}, std::make_shared<const crds::Restore>(standby));
    EXPECT_THAT(Text(), HasSubstr("holdfast_restore_follow_lag_seconds{namespace=\"shop\","
                                  "restore=\"standby\"} " +
                                  lag + "\n"));
  };
  lines("0");
  Add(Ended("db", "a", crds::BackupPhase::kSucceeded, "2026-07-01T11:00:00Z"));
  Add(Ended("db", "b", crds::BackupPhase::kSucceeded, "2026-07-01T11:30:00Z"));
  Add(Ended("db", "c", crds::BackupPhase::kFailed, "2026-07-01T11:40:00Z"));
  lines("3600");
  standby.status.follow.emplace().recovery_point = At("2026-07-01T10:58:30Z");
  lines("1800");
  standby.status.follow->recovery_point = At("2026-07-01T11:28:30Z");
  lines("0");
  EXPECT_THAT(Text(), HasSubstr("holdfast_restore_follow_recovery_point_age_seconds{namespace="
                                "\"shop\",restore=\"standby\"} 1890\n"));
  standby.status.completion_time = now_;
  restores_.Put({"shop", "standby"}, std::make_shared<const crds::Restore>(standby));
  EXPECT_THAT(Text(), Not(HasSubstr("restore=\"standby\"")));
}

TEST_F(MetricsTest, WhatWaitsIsCountedByReason) {
  Add(Nightly());
  Add(RepositoryNamed("offsite").Build());
  AddPending("db", "a", "WaitingForSlot");
  AddPending("db", "b", "WaitingForSlot");
  AddPending("db", "c", "BackupRunning");
  AddPending("db", "d", nullptr);
  const std::string text = Text();
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(holdfast_policy_waiting_backups{namespace="shop",policy="db",reason="WaitingForSlot"} 2)"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(holdfast_policy_waiting_backups{namespace="shop",policy="db",reason="New"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(holdfast_repository_waiting_backups{namespace="shop",repository="offsite",reason="WaitingForSlot"} 2)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(holdfast_repository_waiting_backups{namespace="shop",repository="offsite",reason="BackupRunning"} 1)"));
}

TEST_F(MetricsTest, ARepositorysOwnRunsAndMovers) {
  crds::BackupRepository repository = RepositoryNamed("offsite").NotReadyBecause("away").Build();
  repository.status.stored_bytes = 5;
  repository.status.locked_until = At("2026-08-20T12:00:00Z");
  repository.status.last_check =
      crds::RepositoryRun{"check-1", crds::RunState::kFailed, At("2026-07-01T00:00:00Z"), "bad"};
  repository.status.last_drill.emplace().state = crds::RunState::kSucceeded;
  repository.status.last_drill->duration_seconds = 130;
  repository.status.last_drill->bytes = 7;
  Add(repository);
  JobView running;
  running.key = {"shop", "m-1"};
  running.labels[kRepositoryLabel] = "offsite";
  JobView over = running;
  over.key.name = "m-2";
  over.complete = true;
  jobs_.Put(running.key, std::make_shared<const JobView>(running));
  jobs_.Put(over.key, std::make_shared<const JobView>(over));
  const std::string text = Text();
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(holdfast_repository_ready{namespace="shop",repository="offsite",reason="Unreachable"} 0)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(holdfast_repository_last_check_result{namespace="shop",repository="offsite",result="Failed"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(holdfast_repository_last_check_timestamp_seconds{namespace="shop",repository="offsite"} 1782864000)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(holdfast_repository_last_drill_result{namespace="shop",repository="offsite",result="Succeeded"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(holdfast_repository_last_drill_duration_seconds{namespace="shop",repository="offsite"} 130)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(holdfast_repository_last_drill_bytes{namespace="shop",repository="offsite"} 7)"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(holdfast_repository_stored_bytes{namespace="shop",repository="offsite"} 5)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(holdfast_repository_locked_until_timestamp_seconds{namespace="shop",repository="offsite"} 1787227200)"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(holdfast_repository_running_movers{namespace="shop",repository="offsite"} 1)"));
}

TEST_F(MetricsTest, LabelsAreEscaped) {
  crds::BackupPolicy policy = Nightly();
  policy.status.target = "a\"b\\c\nd";
  Add(policy);
  EXPECT_THAT(Text(), HasSubstr(R"(target="a\"b\\c\nd"})"));
}

}  // namespace
}  // namespace holdfast::controllers::metrics
