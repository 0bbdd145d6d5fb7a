#include "crds/types/codec.h"

#include <gtest/gtest.h>

#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "crds/types/restore.h"

namespace holdfast::crds {
namespace {

Json Parse(std::string_view text) { return ParseJson(text).value(); }

template <typename Kind>
std::string DecodeError(std::string_view text) {
  const Result<Kind> decoded = Decode<Kind>(Parse(text));
  return decoded ? "decoded" : decoded.error().message;
}

constexpr std::string_view kPolicy = R"({
  "apiVersion": "holdfast.dev/v1alpha1", "kind": "BackupPolicy",
  "metadata": {
    "name": "mysql", "namespace": "shop", "uid": "u-1", "resourceVersion": "42", "generation": 3,
    "creationTimestamp": "2026-08-01T12:00:00Z",
    "labels": {"app": "mysql"},
    "annotations": {"note": "kept", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
    "managedFields": [{"manager": "kubectl"}],
    "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u-2",
                         "controller": true}]
  },
  "spec": {
    "target": {"statefulSet": "mysql", "volumeClaims": ["data"], "futureField": {"x": 1}},
    "repository": "offsite",
    "schedules": [{"name": "hourly", "cron": "0 * * * *", "type": "Incremental"},
                  {"name": "weekly", "cron": "0 2 * * 0", "type": "Full"}],
    "copyMethod": "Direct",
    "retention": {"keepLast": 5},
    "mover": {"resources": {"limits": {"memory": "1Gi", "cpu": 2}},
              "affinity": {"nodeAffinity": {"x": [1, 2]}}}
  },
  "status": {
    "observedGeneration": 3,
    "lastSuccess": {"backup": "mysql-1", "time": "2026-08-01T12:00:00Z"},
    "nextRun": "2026-08-01T13:00:00Z",
    "schedules": [{"name": "hourly", "lastSchedule": "2026-08-01T12:00:00Z"}],
    "backups": 0
  }
})";

TEST(Decode, ReadsAPolicy) {
  const BackupPolicy policy = Decode<BackupPolicy>(Parse(kPolicy)).value();
  EXPECT_EQ(policy.metadata.name, "mysql");
  EXPECT_EQ(policy.metadata.generation, 3);
  EXPECT_EQ(FormatTime(policy.metadata.creation_timestamp.value()), "2026-08-01T12:00:00Z");
  EXPECT_EQ(policy.spec.target.stateful_set, "mysql");
  ASSERT_EQ(policy.spec.schedules.size(), 2u);
  EXPECT_EQ(policy.spec.schedules[1].type, BackupType::kFull);
  EXPECT_EQ(policy.spec.copy_method, CopyMethod::kDirect);
  EXPECT_EQ(policy.spec.retention.keep_last, 5);
  EXPECT_FALSE(policy.spec.retention.keep_daily);
  EXPECT_EQ(policy.spec.mover.resources.limits.at("cpu").text, "2");
  EXPECT_EQ(policy.spec.mover.affinity.text, R"({"nodeAffinity":{"x":[1,2]}})");
  EXPECT_EQ(policy.status.last_success->backup, "mysql-1");
  EXPECT_EQ(policy.status.backups, 0);
}

TEST(Decode, AbsentMeansTheSchemasDefault) {
  const auto policy = Decode<BackupPolicy>(
                          Parse(R"({"spec": {"target": {"statefulSet": "a"}, "repository": "r"}})"))
                          .value();
  EXPECT_EQ(policy.spec.time_zone, "UTC");
  EXPECT_EQ(policy.spec.failed_history_limit, 3);
  EXPECT_EQ(policy.spec.failure_policy.retries, 3);
  EXPECT_EQ(policy.spec.copy_method, CopyMethod::kAuto);
}

TEST(Decode, KeepsCacheSmall) {
  const BackupPolicy policy = Decode<BackupPolicy>(Parse(kPolicy)).value();
  EXPECT_EQ(policy.metadata.annotations, (StringMap{{"note", "kept"}}));
}

TEST(Decode, NullIsAbsent) {
  const auto backup =
      Decode<Backup>(Parse(R"({"metadata": {"creationTimestamp": null, "labels": null},
                               "spec": {"policy": "p", "pinned": null}, "status": null})"))
          .value();
  EXPECT_FALSE(backup.metadata.creation_timestamp);
  EXPECT_FALSE(backup.spec.pinned);
}

TEST(Decode, NamesThePathOfWhatIsWrong) {
  EXPECT_EQ(DecodeError<BackupPolicy>(R"({"metadata": {"name": "p", "namespace": "shop"}, "spec":
              {"target": {}, "repository": "r", "schedules": [{"name": "a", "cron": 5}]}})"),
            "BackupPolicy shop/p: spec.schedules[0].cron: expected a string, found an integer");
  EXPECT_EQ(DecodeError<Backup>(R"({"spec": {}})"),
            "Backup /: spec.policy: is required but missing");
  EXPECT_EQ(DecodeError<Backup>(R"({"spec": {"policy": "p", "type": "Weekly"}})"),
            "Backup /: spec.type: \"Weekly\" is none of Full, Differential, Incremental");
  EXPECT_EQ(DecodeError<Backup>(R"({"metadata": {"labels": {"a": 1}}, "spec": {"policy": "p"}})"),
            "Backup /: metadata.labels.a: expected a string, found an integer");
}

TEST(Decode, RefusesOddValues) {
  for (const char* text : {
           R"([])",
           R"({"spec": []})",
           R"({"spec": {"policy": "p", "pinned": "yes"}})",
           R"({"spec": {"policy": "p"}, "status": {"startTime": "yesterday"}})",
           R"({"spec": {"policy": "p"}, "status": {"files": 9223372036854775808}})",
           R"({"spec": {"policy": "p"}, "status": {"files": 1.5}})",
           R"({"spec": {"policy": "p"}, "status": {"volumes": {}}})",
       })
    EXPECT_FALSE(Decode<Backup>(Parse(text))) << text;
}

TEST(Encode, RoundTripsAPolicy) {
  const BackupPolicy policy = Decode<BackupPolicy>(Parse(kPolicy)).value();
  Json again = Encode(policy);
  again["status"] = EncodeStatus(policy)["status"];
  EXPECT_EQ(Decode<BackupPolicy>(again).value(), policy);
}

TEST(Encode, LeavesOutWhatIsNotSet) {
  Backup backup;
  backup.metadata.name = "b";
  backup.metadata.namespace_ = "shop";
  backup.spec.policy = "p";
  EXPECT_EQ(Encode(backup), Parse(R"({
    "apiVersion": "holdfast.dev/v1alpha1", "kind": "Backup",
    "metadata": {"name": "b", "namespace": "shop"},
    "spec": {"policy": "p", "type": "Incremental", "pinned": false, "deletionPolicy": "Retain"}
  })"));
}

TEST(Encode, StatusAloneForServerSideApply) {
  Backup backup;
  backup.metadata.name = "b";
  backup.metadata.namespace_ = "shop";
  backup.metadata.uid = "u";
  backup.metadata.resource_version = "7";
  backup.spec.policy = "p";
  backup.status.phase = BackupPhase::kPartiallyFailed;
  backup.status.files = 0;
  EXPECT_EQ(EncodeStatus(backup), Parse(R"({
    "apiVersion": "holdfast.dev/v1alpha1", "kind": "Backup",
    "metadata": {"name": "b", "namespace": "shop"},
    "status": {"observedGeneration": 0, "phase": "PartiallyFailed", "files": 0}
  })"));
}

TEST(Encode, RoundTripsTheStatusOfABackup) {
  Backup backup;
  backup.spec.policy = "p";
  backup.status.start_time = ParseTime("2026-08-01T12:00:00Z").value();
  VolumeBackup& volume = backup.status.volumes.emplace_back();
  volume.claim = "data-0";
  volume.state = RunState::kFailed;
  volume.snapshot = std::string(64, 'a');
  volume.unreadable = 2;
  volume.unreadable_paths = {"a", "b\xff"};
  SetStalled(backup.status.conditions, {1, "Failed", "2 files"}, *backup.status.start_time);
  const Json json = Parse(DumpJson(EncodeStatus(backup)));
  Backup again = Decode<Backup>(json).value();
  EXPECT_EQ(again.status.volumes[0].unreadable_paths[1], "b\xEF\xBF\xBD") << "not UTF-8";
  again.status.volumes[0].unreadable_paths[1] = "b\xff";
  EXPECT_EQ(again.status, backup.status);
}

TEST(Encode, RoundTripsARepositoryAndARestore) {
  BackupRepository repository;
  S3Location& s3 = repository.spec.s3.emplace();
  s3.endpoint = "https://s3";
  s3.bucket = "b";
  s3.ca_bundle.emplace().config_map = "ca";
  s3.credentials_secret.name = "keys";
  repository.spec.password_secret.emplace().name = "password";
  repository.spec.limits.upload_per_second = {"50Mi"};
  EXPECT_EQ(Decode<BackupRepository>(Encode(repository)).value(), repository);

  Restore restore;
  restore.spec.source.policy = "p";
  restore.spec.source.previous = 0;
  RestoreClaim& claim = restore.spec.target.claims.emplace_back();
  claim.from = "a";
  claim.to = "b";
  claim.size = {"1Gi"};
  Hook& hook = restore.spec.hooks.post.emplace_back();
  hook.command = {"sh", "-c", "true"};
  hook.on_error = OnError::kContinue;
  EXPECT_EQ(Decode<Restore>(Encode(restore)).value(), restore);
}

TEST(Meta, FindsTheController) {
  const BackupPolicy policy = Decode<BackupPolicy>(Parse(kPolicy)).value();
  ASSERT_NE(ControllerOf(policy.metadata), nullptr);
  EXPECT_EQ(ControllerOf(policy.metadata)->uid, "u-2");
  EXPECT_EQ(ControllerOf(ObjectMeta{}), nullptr);
  EXPECT_EQ(FindOrEmpty(policy.metadata.labels, "app"), "mysql");
  EXPECT_EQ(FindOrEmpty(policy.metadata.labels, "none"), "");
}

// 50,000 Backups are cached within the operator's 96 MiB, packed; these are what a decision unpacks.
TEST(Size, StaysSmall) {
  EXPECT_LE(sizeof(Backup), 1440u);
  EXPECT_LE(sizeof(VolumeBackup), 504u);
  EXPECT_LE(sizeof(BackupPolicy), 2336u);
}

}  // namespace
}  // namespace holdfast::crds
