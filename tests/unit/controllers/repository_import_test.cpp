#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/decide.h"
#include "controllers/backup/deletion.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/policy/retention.h"
#include "controllers/reasons.h"
#include "controllers/repository/import.h"
#include "controllers/trim.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers::repository {
namespace {

using namespace builders;  // NOLINT(google-build-using-namespace): they are the test's language
using crds::RunState;
using protocol::BackupRecord;
using protocol::ExitCode;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Id(char digit) { return std::string(64, digit); }

BackupRecord Record(const std::string& name, char digit) {
  BackupRecord record;
  record.cluster = "prod";
  record.ns = "shop";
  record.name = name;
  record.policy = "nightly";
  record.type = protocol::BackupType::kFull;
  record.start = At("2026-07-01T02:00:00Z");
  record.end = At("2026-07-01T02:05:00Z");
  record.volumes = {{"data-db-0", "db-0", Id(digit), 12, 4096}};
  return record;
}

class ImportTest : public ::testing::Test {
 protected:
  ImportTest() {
    settings_.cluster_name = "prod";
    world_.now = At("2026-08-01T12:00:00Z");
    world_.repository = RepositoryNamed("offsite").Build();
    world_.repository.spec.imports.emplace();
  }
  Plan Decided() const {
    Plan plan;
    plan.status = world_.repository.status;
    DecideImport(world_, settings_, plan);
    return plan;
  }
  Plan Settle() {
    const Plan plan = Decided();
    world_.repository.status = plan.status;
    return plan;
  }
  RunState State() const { return world_.repository.status.last_import->state; }
  // The Job that Settle started, as it is later.
  void Runs(MoverPhase phase, ExitCode exit = ExitCode::kOk, const std::string& message = "") {
    MoverRun run;
    run.job.key = {"shop", world_.repository.status.last_import->job};
    run.job.complete = phase == MoverPhase::kSucceeded;
    run.job.broken = phase == MoverPhase::kFailed;
    run.state.phase = phase;
    run.state.pod = "lister";
    run.state.message = message;
    if (run.job.Finished()) run.state.result.emplace().exit = exit;
    world_.imports = {run};
  }
  std::vector<crds::Backup> Imported(const std::vector<BackupRecord>& records) const {
    return BackupsToImport(records, world_.repository, known_, settings_);
  }

  World world_;
  Settings settings_;
  KnownBackups known_;
};

TEST_F(ImportTest, ListsOnceForEachWish) {
  const Plan first = Settle();
  ASSERT_TRUE(first.start_import);
  EXPECT_EQ(State(), RunState::kRunning);
  EXPECT_EQ(*Decided().start_import, *first.start_import) << "it may have been killed before";
  Runs(MoverPhase::kRunning);
  EXPECT_FALSE(Settle().start_import);
  Runs(MoverPhase::kSucceeded);
  Plan listed = Decided();
  ASSERT_TRUE(listed.read_import);
  EXPECT_EQ(listed.read_import->state.pod, "lister");
  EXPECT_THAT(listed.remove, IsEmpty()) << "its log is still to be read";
  NoteImported(world_, {Record("a", 'a')}, 0, listed);
  world_.repository.status = listed.status;
  EXPECT_EQ(State(), RunState::kSucceeded);
  EXPECT_THAT(listed.status.last_import->message, HasSubstr("1 Backup found"));
  EXPECT_TRUE(IsImported(world_.repository, world_.promotions));
  EXPECT_THAT(Settle().remove, SizeIs(1));
  world_.imports.clear();
  const Plan quiet = Settle();
  EXPECT_FALSE(quiet.start_import);
  EXPECT_EQ(quiet.status, world_.repository.status);
  world_.repository.spec.imports->trigger = "again";
  EXPECT_FALSE(IsImported(world_.repository, world_.promotions));
  EXPECT_NE(*Settle().start_import, *first.start_import);
}

TEST_F(ImportTest, WaitsForTheRepository) {
  world_.repository = RepositoryNamed("offsite").NotReadyBecause("no").Build();
  world_.repository.spec.imports.emplace();
  EXPECT_FALSE(Decided().start_import);
  EXPECT_FALSE(IsImported(world_.repository, world_.promotions));
}

TEST_F(ImportTest, WithoutAWishNothingIsLeft) {
  Settle();
  Runs(MoverPhase::kRunning);
  world_.repository.spec.imports.reset();
  EXPECT_THAT(Settle().remove, SizeIs(1));
  EXPECT_FALSE(world_.repository.status.last_import);
  EXPECT_TRUE(IsImported(world_.repository, world_.promotions));
}

TEST_F(ImportTest, AFailureIsToldAndTriedAgainLater) {
  Settle();
  Runs(MoverPhase::kFailed, ExitCode::kUnreachable, "no answer");
  const Plan failed = Settle();
  EXPECT_EQ(State(), RunState::kFailed);
  EXPECT_EQ(world_.repository.status.last_import->message, "no answer");
  EXPECT_EQ(failed.requeue, RequeueAt(world_.now + settings_.probe_retry_most));
  world_.now += settings_.probe_retry_most;
  EXPECT_THAT(Settle().remove, SizeIs(1));
  world_.imports.clear();
  EXPECT_TRUE(Settle().start_import);
  EXPECT_EQ(State(), RunState::kRunning);
}

TEST_F(ImportTest, ADamagedSnapshotCostsItselfAlone) {
  Settle();
  Runs(MoverPhase::kFailed, ExitCode::kCorrupt);
  world_.imports[0].state.result->message = "1 place was left out";
  Plan plan = Decided();
  ASSERT_TRUE(plan.read_import);
  NoteImported(world_, {Record("a", 'a')}, 0, plan);
  EXPECT_EQ(plan.status.last_import->state, RunState::kSucceeded);
  EXPECT_THAT(plan.status.last_import->message, HasSubstr("1 place was left out"));
}

TEST_F(ImportTest, WhatIsLeftIsMadeInTheNextPass) {
  Settle();
  Runs(MoverPhase::kSucceeded);
  Plan plan = Decided();
  NoteImported(world_, {Record("a", 'a')}, 50, plan);
  EXPECT_EQ(plan.status.last_import->state, RunState::kRunning);
  EXPECT_EQ(plan.requeue, RequeueAt(world_.now));
  world_.repository.status = plan.status;
  EXPECT_TRUE(Decided().read_import);
}

TEST_F(ImportTest, WhatWasLeftOutIsTold) {
  Settle();
  Runs(MoverPhase::kSucceeded);
  world_.imports[0].state.result->more = true;
  world_.imports[0].state.result->snapshots = 5;
  Plan plan = Decided();
  NoteImported(world_, {Record("a", 'a')}, 0, plan);
  EXPECT_THAT(plan.status.last_import->message, HasSubstr("spec.import.newest"));
  EXPECT_THAT(plan.status.last_import->message, HasSubstr("4 snapshots"));
}

TEST_F(ImportTest, ALogThatIsGoneIsMadeAnew) {
  Settle();
  Runs(MoverPhase::kSucceeded);
  Plan plan = Decided();
  NoteUnreadable(world_, settings_, {Code::kUnavailable, "no node"}, plan);
  EXPECT_EQ(plan.status.last_import->state, RunState::kFailed);
  EXPECT_THAT(plan.remove, IsEmpty());
  NoteUnreadable(world_, settings_, {Code::kNotFound, "no pod"}, plan);
  EXPECT_THAT(plan.remove, SizeIs(1));
}

TEST_F(ImportTest, TheJobAsksForOneClusterAndNamespace) {
  Plan plan;
  plan.start_import = "lister";
  const Json own = BuildImportJob(world_, plan, settings_).value();
  EXPECT_EQ(own["metadata"]["labels"][kVerbLabel], kImportVerb);
  const std::vector<std::string> args = own["spec"]["template"]["spec"]["containers"][0]["args"];
  EXPECT_THAT(args, Contains("--cluster=prod"));
  EXPECT_THAT(args, Contains("--namespace=shop"));
  EXPECT_THAT(args, Contains("--newest=100"));
  world_.repository.spec.imports->cluster = "old";
  world_.repository.spec.imports->namespace_ = "store";
  const Json other = BuildImportJob(world_, plan, settings_).value();
  const std::vector<std::string> others =
      other["spec"]["template"]["spec"]["containers"][0]["args"];
  EXPECT_THAT(others, Contains("--cluster=old"));
  EXPECT_THAT(others, Contains("--namespace=store"));
}

// While a Restore follows.
class FollowedTest : public ImportTest {
 protected:
  FollowedTest() { world_.followed = true; }
  // The Job ends with a list of which this is the digest.
  Plan List(const std::string& seen, std::size_t records = 1) {
    Runs(MoverPhase::kSucceeded);
    Ended(seen, records);
    Plan plan = Decided();
    NoteImported(world_, std::vector(records, Record("a", 'a')), 0, plan);
    world_.repository.status = plan.status;
    world_.imports.clear();
    return plan;
  }
  void Ended(const std::string& seen, std::size_t records) {
    world_.imports[0].state.result->seen = seen;
    world_.imports[0].state.result->snapshots = records;
  }
  // One that Decide asked for, which nobody writes down.
  void Waits(const std::string& name, MoverPhase phase) {
    MoverRun run;
    run.job.key = {"shop", name};
    run.job.complete = phase == MoverPhase::kSucceeded;
    run.job.broken = phase == MoverPhase::kFailed;
    run.state.phase = phase;
    if (run.job.Finished()) run.state.result.emplace();
    world_.imports = {run};
  }
  std::vector<crds::Backup> Gone(const std::vector<BackupRecord>& records,
                                 const std::vector<crds::Backup>& backups) {
    Waits("waits", MoverPhase::kSucceeded);
    std::size_t snapshots = 0;
    for (const BackupRecord& record : records) snapshots += record.volumes.size();
    Ended("new", snapshots);
    Plan plan;
    plan.read_import = world_.imports[0];
    return NoLongerThere(records, world_, plan, backups, settings_);
  }
};

TEST_F(FollowedTest, AJobWaitsForNewsAndNothingIsWritten) {
  EXPECT_EQ(Settle().import_unlike, "") << "the first lists at once";
  List("seen");
  const Plan waits = Settle();
  ASSERT_TRUE(waits.start_import);
  EXPECT_EQ(waits.import_unlike, "seen");
  EXPECT_EQ(State(), RunState::kSucceeded);
  EXPECT_TRUE(IsImported(world_.repository, world_.promotions));
  EXPECT_EQ(*Settle().start_import, *waits.start_import) << "it may have been killed before";
  Waits(*waits.start_import, MoverPhase::kRunning);
  const auto before = world_.repository.status;
  const Plan quiet = Settle();
  EXPECT_FALSE(quiet.start_import);
  EXPECT_THAT(quiet.remove, IsEmpty());
  EXPECT_EQ(world_.repository.status, before);

  Waits(*waits.start_import, MoverPhase::kSucceeded);
  Ended("seen", 1);
  const Plan again = Decided();
  EXPECT_FALSE(again.read_import) << "nothing came";
  EXPECT_THAT(again.remove, SizeIs(1)) << "the next one waits";

  Ended("other", 2);
  ASSERT_TRUE(Decided().read_import);
  Plan read = Decided();
  NoteImported(world_, {Record("a", 'a'), Record("b", 'b')}, 0, read);
  world_.repository.status = read.status;
  EXPECT_TRUE(IsImported(world_.repository, world_.promotions));
  const Plan next = Settle();
  EXPECT_THAT(next.remove, SizeIs(1)) << "the one that was read";
  EXPECT_EQ(next.import_unlike, "other");
  EXPECT_NE(*next.start_import, *waits.start_import);
}

TEST_F(FollowedTest, NobodyWaitsWhenNobodyFollows) {
  Settle();
  List("seen");
  Waits(*Settle().start_import, MoverPhase::kRunning);
  world_.followed = false;
  EXPECT_THAT(Settle().remove, SizeIs(1));
  world_.imports.clear();
  EXPECT_FALSE(Settle().start_import);
}

TEST_F(FollowedTest, WhoWaitsWaitsByTheSpecOfNow) {
  Settle();
  List("seen");
  const std::string before = *Settle().start_import;
  Waits(before, MoverPhase::kRunning);
  world_.repository.spec.imports->every = "1m";
  ++world_.repository.metadata.generation;
  EXPECT_THAT(Settle().remove, SizeIs(1));
  world_.imports.clear();
  const Plan plan = Settle();
  ASSERT_TRUE(plan.start_import);
  EXPECT_NE(*plan.start_import, before);
  EXPECT_EQ(plan.import_unlike, "seen") << "it is not listed again for that";
}

TEST_F(FollowedTest, APromotionListsAtOnce) {
  Settle();
  List("seen");
  Waits(*Settle().start_import, MoverPhase::kRunning);
  world_.promotions = "uid ";
  EXPECT_FALSE(IsImported(world_.repository, world_.promotions));
  const Plan plan = Settle();
  EXPECT_EQ(plan.import_unlike, "");
  EXPECT_THAT(plan.remove, SizeIs(1)) << "the one that waits";
  world_.imports.clear();
  List("seen");
  EXPECT_TRUE(IsImported(world_.repository, world_.promotions));
}

TEST_F(FollowedTest, AWaitThatFailedIsToldAndAllIsListedLater) {
  Settle();
  List("seen");
  Waits(*Settle().start_import, MoverPhase::kFailed);
  Settle();
  EXPECT_EQ(State(), RunState::kFailed);
  EXPECT_FALSE(IsImported(world_.repository, world_.promotions));
  world_.now += settings_.probe_retry_most;
  EXPECT_THAT(Settle().remove, SizeIs(1));
  world_.imports.clear();
  const Plan plan = Settle();
  EXPECT_TRUE(plan.start_import);
  EXPECT_EQ(plan.import_unlike, "");
  EXPECT_EQ(State(), RunState::kRunning);
}

TEST_F(FollowedTest, TheJobSaysWhatItWaitsFor) {
  Plan plan;
  plan.start_import = "waits";
  plan.import_unlike = "0123";
  world_.repository.spec.imports->every = "30s";
  const Json job = BuildImportJob(world_, plan, settings_).value();
  const std::vector<std::string> args = job["spec"]["template"]["spec"]["containers"][0]["args"];
  EXPECT_THAT(args, Contains("--complete"));
  EXPECT_THAT(args, Contains("--unlike=0123"));
  EXPECT_THAT(args, Contains("--every=30s"));
  EXPECT_EQ(job["metadata"]["name"], "waits");
}

TEST_F(FollowedTest, WhatTheRepositoryHasNoLongerGoes) {
  world_.repository.spec.imports->cluster = "old";
  BackupRecord record = Record("a", 'a');
  record.cluster = "old";
  const crds::Backup here = Imported({record}).at(0);
  EXPECT_THAT(Gone({record}, {here}), IsEmpty());
  EXPECT_THAT(Gone({}, {here}), SizeIs(1));
  BackupRecord grown = record;
  grown.volumes.push_back({"data-db-1", "db-1", Id('b'), 1, 1});
  EXPECT_THAT(Gone({grown}, {here}), SizeIs(1)) << "it was found before it was whole";

  crds::Backup other = here;
  other.spec.imported->repository = "elsewhere";
  EXPECT_THAT(Gone({}, {other}), IsEmpty());
  other = here;
  other.spec.imported->cluster = "third";
  EXPECT_THAT(Gone({}, {other}), IsEmpty());
  other.spec.imported->cluster.clear();
  EXPECT_THAT(Gone({}, {other}), IsEmpty()) << "of this cluster and namespace: it has an owner";
  other.spec.imported.reset();
  EXPECT_THAT(Gone({}, {other}), IsEmpty());
}

TEST_F(FollowedTest, NothingGoesByAListThatIsNotWhole) {
  world_.repository.spec.imports->cluster = "old";
  BackupRecord record = Record("a", 'a');
  record.cluster = "old";
  const auto here = Imported({record});
  Waits("waits", MoverPhase::kSucceeded);
  Plan plan;
  plan.read_import = world_.imports[0];
  plan.read_import->state.result->snapshots = 5;
  EXPECT_THAT(NoLongerThere({}, world_, plan, here, settings_), IsEmpty());
  plan.read_import->state.result->snapshots = 0;
  EXPECT_THAT(NoLongerThere({}, world_, plan, here, settings_), SizeIs(1));
  plan.read_import->state.phase = MoverPhase::kFailed;
  EXPECT_THAT(NoLongerThere({}, world_, plan, here, settings_), IsEmpty());
}

TEST_F(ImportTest, ARecordBecomesAPinnedBackupOfItsPolicy) {
  const auto backups = Imported({Record("run", 'a')});
  ASSERT_THAT(backups, SizeIs(1));
  const crds::Backup& backup = backups[0];
  EXPECT_EQ(KeyOf(backup.metadata), (kube::ObjectKey{"shop", "run"}));
  EXPECT_EQ(backup.metadata.labels.at(kImportedLabel), "offsite");
  EXPECT_EQ(backup.spec.policy, "nightly");
  EXPECT_EQ(backup.spec.type, crds::BackupType::kFull);
  EXPECT_TRUE(backup.spec.pinned);
  EXPECT_EQ(backup.spec.deletion_policy, crds::DeletionPolicy::kRetain);
  const crds::BackupImport& imported = *backup.spec.imported;
  EXPECT_EQ(imported.repository, "offsite");
  EXPECT_EQ(imported.cluster + imported.namespace_ + imported.backup, "") << "all as it was";
  EXPECT_EQ(imported.start_time, At("2026-07-01T02:00:00Z"));
  ASSERT_THAT(imported.volumes, SizeIs(1));
  EXPECT_EQ(imported.volumes[0].snapshot, Id('a'));
}

TEST_F(ImportTest, WhatIsKnownIsLeftAlone) {
  known_.Add(BackupNamed("other").Volume("data-db-0", RunState::kSucceeded, Id('a')).Build());
  EXPECT_THAT(Imported({Record("run", 'a')}), IsEmpty());
  KnownBackups fresh;
  fresh.Add(Imported({Record("next", 'b')})[0]);  // it has no status yet
  known_ = fresh;
  EXPECT_THAT(Imported({Record("next", 'b')}), IsEmpty());
}

TEST_F(ImportTest, ANameThatIsTakenGetsTheSnapshotBehindIt) {
  known_.Add(BackupNamed("run").Build());
  const auto backups = Imported({Record("run", 'a'), Record("No Name", 'b')});
  ASSERT_THAT(backups, SizeIs(2));
  EXPECT_EQ(backups[0].metadata.name, "run-aaaaaaaa");
  EXPECT_EQ(backups[0].spec.imported->backup, "run");
  EXPECT_EQ(backups[1].metadata.name, "imported-bbbbbbbb");
}

TEST_F(ImportTest, TheBackupsStatusIsWhatItsSpecSays) {
  backup::World world;
  world.now = world_.now;
  world.backup = Imported({Record("run", 'a')})[0];
  const backup::Plan plan = backup::Decide(world, settings_);
  EXPECT_EQ(plan.status.phase, crds::BackupPhase::kSucceeded);
  EXPECT_EQ(plan.status.repository, "offsite");
  EXPECT_EQ(plan.status.completion_time, At("2026-07-01T02:05:00Z"));
  ASSERT_THAT(plan.status.volumes, SizeIs(1));
  EXPECT_EQ(plan.status.volumes[0].snapshot, Id('a'));
  EXPECT_EQ(plan.status.size, "4.0 KiB");
  EXPECT_THAT(plan.start, IsEmpty());
  const auto* ready = crds::FindCondition(plan.status.conditions, crds::kReady);
  EXPECT_EQ(ready->reason, reason::kImported);
  world.backup.status = plan.status;
  EXPECT_EQ(backup::Decide(world, settings_).status, plan.status);
  EXPECT_THAT(Trimmed(world.backup).spec.imported->volumes, IsEmpty());
}

TEST_F(ImportTest, DeletionForgetsUnderTheNameOfThen) {
  known_.Add(BackupNamed("run").Build());
  backup::DeletionWorld world;
  world.repository = &world_.repository;
  world.backup = Imported({Record("run", 'a')})[0];
  const Json job = backup::BuildForgetJob(world, {"data-db-0", ""}, {Id('a')}, settings_).value();
  const std::vector<std::string> args = job["spec"]["template"]["spec"]["containers"][0]["args"];
  EXPECT_THAT(args, Contains("--host=prod"));
  EXPECT_THAT(args, Contains("--as-path=/shop/data-db-0"));
  EXPECT_THAT(args, Contains("--tag=backup=shop/run"));
}

TEST_F(ImportTest, NoDeletionRemovesWhatIsOfAnotherNamespaceOrCluster) {
  for (const char* cluster : {"prod", "new"}) {
    settings_.cluster_name = cluster;
    world_.repository.metadata.namespace_ = std::string(cluster) == "prod" ? "store" : "shop";
    backup::DeletionWorld world;
    world.now = world_.now;
    world.repository = &world_.repository;
    world.backup = Imported({Record("run", 'a')})[0];
    world.backup.status = BackupNamed("run")
                              .Volume("data-db-0", RunState::kSucceeded, Id('a'))
                              .Succeeded("2026-07-01T02:05:00Z")
                              .Build()
                              .status;
    world.backup.metadata.deletion_timestamp = world_.now;
    const backup::DeletionPlan plan = backup::DecideDeletion(world);
    EXPECT_THAT(plan.start, IsEmpty()) << cluster;
    EXPECT_TRUE(plan.release);
    EXPECT_THAT(plan.left, HasSubstr("another cluster or namespace"));
  }
}

// Unpinned, one of this policy's own past is counted; one from elsewhere never goes.
TEST_F(ImportTest, RetentionTakesOnlyWhatWasMadeHere) {
  const auto past = [&](const char* cluster) {
    settings_.cluster_name = cluster;
    crds::Backup backup = Imported({Record("past", 'a')})[0];
    backup.status = BackupNamed("past")
                        .Volume("data-db-0", RunState::kSucceeded, Id('a'))
                        .Succeeded("2026-07-01T02:05:00Z")
                        .Build()
                        .status;
    return backup;
  };
  const auto expired = [&](const crds::Backup& backup) {
    const crds::Backup newer = BackupNamed("newer")
                                   .Volume("data-db-0", RunState::kSucceeded, Id('b'))
                                   .Succeeded("2026-08-01T02:05:00Z")
                                   .Build();
    const auto policy = PolicyNamed("nightly").Keeping(1).Build();
    return DecideRetention(policy.spec, {backup, newer}, world_.now).expired;
  };
  crds::Backup own = past("prod");
  EXPECT_THAT(expired(own), IsEmpty()) << "pinned";
  own.spec.pinned = false;
  EXPECT_THAT(expired(own), SizeIs(1));
  crds::Backup foreign = past("new");
  foreign.spec.pinned = false;
  EXPECT_THAT(expired(foreign), IsEmpty());
}

}  // namespace
}  // namespace holdfast::controllers::repository
