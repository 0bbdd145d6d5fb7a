// The manifests of a Backup, from the wish in its policy to the end of their snapshot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/copies.h"
#include "controllers/backup/deletion.h"
#include "controllers/backup/job_builder.h"
#include "controllers/backup/manifests.h"
#include "controllers/backup/observe.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/policy/check.h"
#include "controllers/policy/job_builder.h"
#include "controllers/policy/retention.h"
#include "controllers/reasons.h"
#include "controllers/repository/import.h"
#include "controllers/trim.h"
#include "tests/builders/backup_run.h"
#include "tests/builders/context.h"

namespace holdfast::controllers::backup {
namespace {

using namespace builders;  // NOLINT(google-build-using-namespace): they are the test's language
using crds::BackupPhase;
using crds::RunState;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::Pair;

const std::string kOfVolume(64, 'a');
const std::string kOfManifests(64, 'b');

PolicyNamed Keeping(bool secrets = false) {
  return PolicyNamed("nightly").With([&](auto& policy) {
    policy.spec.copy_method = crds::CopyMethod::kDirect;
    policy.spec.manifests.include = true;
    policy.spec.manifests.secrets = secrets;
  });
}

std::vector<std::string> ArgsOf(const Json& job) {
  return job["spec"]["template"]["spec"]["containers"][0]["args"].get<std::vector<std::string>>();
}

class BackupManifestsTest : public BackupRunTest {
 protected:
  BackupManifestsTest() {
    settings_.cluster_name = "prod";
    policy_ = Keeping().Build();
  }
  Plan Settle() {
    Plan plan = Decided();
    world_.backup.status = plan.status;
    world_.volumes.resize(plan.status.volumes.size());
    for (std::size_t i = 0; i < world_.volumes.size(); ++i)
      world_.volumes[i].claim = plan.status.volumes[i].claim;
    return plan;
  }
  const crds::ManifestsBackup& Kept(std::size_t i = 0) const {
    return world_.backup.status.manifests.at(i);
  }
  // The claims of the movers that keep them; "" for none.
  std::vector<std::string> Carriers() const {
    std::vector<std::string> claims;
    for (const crds::VolumeBackup* volume : CarriersOf(world_.backup.status))
      claims.push_back(volume == nullptr ? "" : volume->claim);
    return claims;
  }
  void Read(const std::string& claim = "data-db-0", const std::string& set = "db") {
    manifests::Bundle& bundle = world_.manifests.emplace_back();
    bundle.stateful_set = set;
    bundle.claim = claim;
    bundle.objects = "[{}]";
    bundle.config_maps = {"conf", "gone"};
    bundle.secrets = {"password"};
    bundle.names = {"ConfigMap/conf", "ConfigMap/gone", "Secret/password", "StatefulSet/db"};
    bundle.missing = {"Secret/other: why"};
  }
  // Resolved, read and started.
  void Start() {
    Settle();
    Read();
    Settle();
    world_.manifests.clear();
  }
  protocol::MoverResult& Ends(std::size_t i, MoverPhase phase) {
    protocol::MoverResult& result = HasJob(i, phase).mover.result.emplace();
    if (phase == MoverPhase::kSucceeded) result.snapshot = kOfVolume;
    return result;
  }
  std::string ReadyMessage() const {
    return crds::FindCondition(world_.backup.status.conditions, crds::kReady)->message;
  }
  Json MoverFor(std::size_t i) const {
    Observed observed;
    observed.world = world_;
    return BuildJob(observed, world_.backup.status.volumes[i], settings_).value();
  }
};

TEST_F(BackupManifestsTest, NobodyHasThemUnasked) {
  policy_ = PolicyNamed("nightly").Build();
  Settle();
  EXPECT_THAT(world_.backup.status.manifests, IsEmpty());
}

TEST_F(BackupManifestsTest, AreWantedBeforeAnythingStartsAndKeptByTheFirstVolumesMover) {
  EXPECT_THAT(Settle().start, IsEmpty());
  EXPECT_EQ(Kept().stateful_set, "db");
  EXPECT_EQ(Kept().state, RunState::kPending);
  EXPECT_THAT(Carriers(), ElementsAre("data-db-0"));
  Read();
  EXPECT_THAT(Settle().start, ElementsAre("data-db-0", "data-db-1"));
  EXPECT_EQ(Kept().claim, "data-db-0");
  EXPECT_EQ(Kept().state, RunState::kRunning);
  EXPECT_THAT(Kept().objects, Contains("StatefulSet/db"));
  EXPECT_THAT(Kept().missing, ElementsAre("Secret/other: why"));
}

TEST_F(BackupManifestsTest, ItsMoverGetsWhatItKeepsAndNoOther) {
  Settle();
  Read();
  Settle();
  const Json job = MoverFor(0);
  const Json& pod = job["spec"]["template"];
  EXPECT_EQ(pod["metadata"]["annotations"]["holdfast.dev/manifests"], "[{}]");
  EXPECT_THAT(pod["spec"]["containers"][0]["args"].get<std::vector<std::string>>(),
              Contains("--manifests-as=/shop/manifests/db"));
  std::map<std::string, std::string> paths;
  for (const Json& mount : pod["spec"]["containers"][0]["volumeMounts"]) {
    if (!FindString(mount, {"name"}).starts_with("manifest-")) continue;
    EXPECT_EQ(mount["readOnly"], true);
    paths[FindString(mount, {"name"})] = FindString(mount, {"mountPath"});
  }
  EXPECT_THAT(paths,
              ElementsAre(Pair("manifest-config-0", "/holdfast/manifests/configmaps/conf"),
                          Pair("manifest-config-1", "/holdfast/manifests/configmaps/gone"),
                          Pair("manifest-objects", "/holdfast/manifests/objects"),
                          Pair("manifest-secret-0", "/holdfast/manifests/secrets/password")));
  for (const Json& volume : pod["spec"]["volumes"]) {
    const std::string name = FindString(volume, {"name"});
    if (name == "manifest-config-1") {
      EXPECT_EQ(volume["configMap"],
                (Json{{"name", "gone"}, {"optional", true}, {"defaultMode", 0444}}));
    }
    if (name == "manifest-secret-0") {
      EXPECT_EQ(volume["secret"],
                (Json{{"secretName", "password"}, {"optional", true}, {"defaultMode", 0444}}));
    }
  }
  const Json other = MoverFor(1);
  EXPECT_THAT(DumpJson(other), Not(HasSubstr("manifest")));
}

TEST_F(BackupManifestsTest, AreKnownOnceThatMoverHasEnded) {
  Start();
  protocol::MoverResult& result = Ends(0, MoverPhase::kSucceeded);
  result.manifests = kOfManifests;
  result.manifests_files = 3;
  result.manifests_bytes = 500;
  result.manifests_missing = {"ConfigMap/gone"};
  Settle();
  EXPECT_EQ(Kept().state, RunState::kSucceeded);
  EXPECT_EQ(Kept().snapshot, kOfManifests);
  EXPECT_EQ(Kept().files, 3);
  EXPECT_EQ(Kept().bytes, 500);
  EXPECT_THAT(Kept().objects, ElementsAre("ConfigMap/conf", "Secret/password", "StatefulSet/db"));
  EXPECT_THAT(Kept().missing, Contains("ConfigMap/gone: it does not exist, or is empty"));
  Ends(1, MoverPhase::kSucceeded);
  Settle();
  EXPECT_EQ(world_.backup.status.phase, BackupPhase::kSucceeded) << ReadyMessage();
}

TEST_F(BackupManifestsTest, AreTakenFromAMoverWhoseStartWasNotWrittenDown) {
  Settle();
  Ends(0, MoverPhase::kSucceeded).manifests = kOfManifests;
  Settle();
  EXPECT_EQ(Kept().snapshot, kOfManifests);
}

TEST_F(BackupManifestsTest, ARunWithoutThemIsNotGood) {
  Start();
  Ends(0, MoverPhase::kSucceeded).manifests_error = "no list of objects";
  Ends(1, MoverPhase::kSucceeded);
  Settle();
  EXPECT_EQ(Kept().state, RunState::kFailed);
  EXPECT_EQ(world_.backup.status.phase, BackupPhase::kPartiallyFailed);
  EXPECT_EQ(ReadyMessage(), "the manifests of StatefulSet db were not kept: no list of objects");
}

TEST_F(BackupManifestsTest, WhatMayNotBeReadFailsThemAndNoVolume) {
  Settle();
  Read();
  world_.manifests[0].problem = "list services: forbidden";
  EXPECT_THAT(Settle().start, ElementsAre("data-db-0", "data-db-1"));
  EXPECT_EQ(Kept().message, "list services: forbidden");
  EXPECT_THAT(DumpJson(MoverFor(0)), Not(HasSubstr("manifest")));
  Ends(0, MoverPhase::kSucceeded);
  Ends(1, MoverPhase::kSucceeded);
  Settle();
  EXPECT_EQ(world_.backup.status.phase, BackupPhase::kPartiallyFailed);
}

TEST_F(BackupManifestsTest, AFailedMoverMayHaveKeptThem) {
  Start();
  protocol::MoverResult& result = Ends(0, MoverPhase::kFailed);
  result.exit = protocol::ExitCode::kUnreadableFiles;
  result.snapshot = kOfVolume;
  result.manifests = kOfManifests;
  Settle();
  EXPECT_EQ(Kept().state, RunState::kSucceeded);
}

TEST_F(BackupManifestsTest, AFailedMoverThatHasNotIsToldOf) {
  Start();
  Ends(0, MoverPhase::kFailed);
  Ends(1, MoverPhase::kSucceeded);
  Settle();
  EXPECT_EQ(Kept().state, RunState::kFailed);
  EXPECT_THAT(Kept().message, HasSubstr("data-db-0"));
}

TEST_F(BackupManifestsTest, AVolumeThatCanHaveNoMoverLeavesThemToTheNext) {
  Settle();
  world_.backup.status.volumes[0].state = RunState::kFailed;
  EXPECT_THAT(Carriers(), ElementsAre("data-db-1"));
  Read("data-db-1");
  Settle();
  EXPECT_EQ(Kept().claim, "data-db-1");
}

TEST_F(BackupManifestsTest, SecretsNeedWhoInstalledTheOperator) {
  policy_ = Keeping(true).Build();
  const auto finding = CheckPolicy(policy_, {});
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->reason, reason::kSecretsDisabled);
  EXPECT_THAT(finding->message, HasSubstr("manifests.secrets"));
  EXPECT_EQ(CheckPolicy(policy_, {.secrets = true}), std::nullopt);
  EXPECT_EQ(CheckPolicy(Keeping().Build(), {}), std::nullopt);
  Settle();
  EXPECT_THAT(ReadyMessage(), HasSubstr("switched off in this cluster"));
}

TEST_F(BackupManifestsTest, SecretsNeedARepositoryThatAcceptsThem) {
  policy_ = Keeping(true).Build();
  world_.allowed.secrets = true;
  Settle();
  EXPECT_THAT(ReadyMessage(), HasSubstr("spec.acceptsSecrets"));
  EXPECT_THAT(world_.backup.status.volumes, IsEmpty());
  EXPECT_EQ(CheckSecretsAccepted(policy_.spec, repository_)->reason, reason::kSecretsNotAccepted);
  EXPECT_EQ(CheckSecretsAccepted(Keeping().Build().spec, repository_), std::nullopt);
  repository_.spec.accepts_secrets = true;
  EXPECT_EQ(CheckSecretsAccepted(policy_.spec, repository_), std::nullopt);
  Settle();
  EXPECT_FALSE(world_.backup.status.volumes.empty()) << ReadyMessage();
}

TEST_F(BackupManifestsTest, APolicyOfDumpsAloneHasThemByItsFirstDump) {
  policy_ = Keeping()
                .With([](auto& policy) {
                  policy.spec.target.volumes = crds::VolumeSelection::kNone;
                  policy.spec.dumps.resize(1);
                  policy.spec.dumps[0].name = "shop";
                  policy.spec.dumps[0].image = "postgres";
                  policy.spec.dumps[0].command = {"pg_dump"};
                })
                .Build();
  world_.allowed.dumps = true;
  Settle();
  EXPECT_THAT(Carriers(), ElementsAre("dump/shop")) << ReadyMessage();
  Read("dump/shop");
  EXPECT_THAT(Settle().start, ElementsAre("dump/shop"));
  const Json pod = MoverFor(0)["spec"]["template"]["spec"];
  std::size_t others = 0;
  for (const char* list : {"initContainers", "containers"})
    for (const Json& container : pod[list]) {
      const bool mounts = DumpJson(container).find("/holdfast/manifests") != std::string::npos;
      EXPECT_EQ(mounts, container["name"] == "mover") << container["name"] << " is no mover";
      others += container["name"] != "mover";
    }
  EXPECT_GT(others, 0u) << "the dump's own image";
}

// --- Of several StatefulSets ---

class ManifestsOfSeveralTest : public BackupManifestsTest {
 protected:
  // cache and db have a volume each, web has none.
  ManifestsOfSeveralTest() {
    cache_.key.name = "cache";
    web_.key.name = "web";
    stateful_set_ = StatefulSetOf(2);
    policy_.spec.target.stateful_set.clear();
    policy_.spec.target.selector.emplace().match_labels = {{"part", "of-it"}};
    world_.stateful_sets = {&cache_, &stateful_set_, &web_};
  }
  StatefulSetView cache_ = StatefulSetOf(1);
  StatefulSetView web_ = StatefulSetOf(3, {});
};

TEST_F(ManifestsOfSeveralTest, EachIsKeptByAMoverOfItsOwnWhereItHasOne) {
  Settle();
  ASSERT_EQ(world_.backup.status.manifests.size(), 3u) << ReadyMessage();
  EXPECT_EQ(Kept(0).stateful_set, "cache");
  EXPECT_EQ(Kept(2).stateful_set, "web");
  EXPECT_THAT(Carriers(), ElementsAre("data-cache-0", "data-db-0", "data-db-1"));
  Read("data-cache-0", "cache");
  Read("data-db-0", "db");
  Read("data-db-1", "web");
  EXPECT_THAT(Settle().start, ElementsAre("data-cache-0", "data-db-0", "data-db-1"));
  EXPECT_THAT(ArgsOf(MoverFor(0)), Contains("--manifests-as=/shop/manifests/cache"));
  EXPECT_THAT(ArgsOf(MoverFor(2)), Contains("--manifests-as=/shop/manifests/web"));
  EXPECT_EQ(Kept(2).claim, "data-db-1");
  world_.manifests.clear();
  for (std::size_t i = 0; i < 3; ++i)
    Ends(i, MoverPhase::kSucceeded).manifests = std::string(64, static_cast<char>('1' + i));
  Settle();
  EXPECT_EQ(world_.backup.status.phase, BackupPhase::kSucceeded) << ReadyMessage();
  EXPECT_EQ(Kept(0).snapshot, std::string(64, '1'));
  EXPECT_EQ(Kept(2).snapshot, std::string(64, '3'));
  EXPECT_EQ(SnapshotsOf(world_.backup.status).back(),
            (StoredSnapshot{"data-db-1", std::string(64, '3')}))
      << "no Job has all of them to forget";
}

TEST_F(ManifestsOfSeveralTest, OneThatFindsNoMoverIsNamed) {
  stateful_set_ = StatefulSetOf(1);
  Settle();
  EXPECT_THAT(Carriers(), ElementsAre("data-cache-0", "data-db-0", ""));
  Read("data-cache-0", "cache");
  Read("data-db-0", "db");
  Settle();
  for (std::size_t i = 0; i < 2; ++i) Ends(i, MoverPhase::kSucceeded).manifests = kOfManifests;
  Settle();
  EXPECT_EQ(world_.backup.status.phase, BackupPhase::kPartiallyFailed);
  EXPECT_EQ(ReadyMessage(),
            "the manifests of StatefulSet web were not kept: no volume had a mover that could keep "
            "them; each keeps those of one StatefulSet");
}

TEST_F(ManifestsOfSeveralTest, AMoverWhoseStartWasNotWrittenDownKeptWhatItWasMadeFor) {
  Settle();
  Ends(2, MoverPhase::kSucceeded).manifests = kOfManifests;
  Settle();
  EXPECT_EQ(Kept(0).snapshot, "");
  EXPECT_EQ(Kept(1).snapshot, "");
  EXPECT_EQ(Kept(2).snapshot, kOfManifests);
}

TEST_F(ManifestsOfSeveralTest, OneThatFailedLeavesTheOthers) {
  Settle();
  Read("data-cache-0", "cache");
  Read("data-db-0", "db");
  Read("data-db-1", "web");
  world_.manifests[1].problem = "get statefulsets db: gone";
  Settle();
  for (const std::size_t i : {0, 2}) Ends(i, MoverPhase::kSucceeded).manifests = kOfManifests;
  Ends(1, MoverPhase::kSucceeded);
  Settle();
  EXPECT_EQ(ReadyMessage(),
            "the manifests of StatefulSet db were not kept: get statefulsets db: gone");
  EXPECT_EQ(Kept(2).state, RunState::kSucceeded);
}

TEST_F(ManifestsOfSeveralTest, VolumesOfAStatefulSetWithoutReplicasAreItsOwn) {
  stateful_set_ = StatefulSetOf(0);
  world_.claims = {"data-db-0", "data-db-1"};
  Settle();
  EXPECT_THAT(Carriers(), ElementsAre("data-cache-0", "data-db-0", "data-db-1"));
}

// --- What becomes of the snapshot ---

crds::Backup Done(const std::string& name, const std::string& time) {
  crds::Backup backup = BackupNamed(name)
                            .Volume("data-db-0", RunState::kSucceeded, kOfVolume)
                            .Succeeded(time)
                            .Build();
  backup.status.repository = "offsite";
  crds::ManifestsBackup& manifests = backup.status.manifests.emplace_back();
  manifests.stateful_set = "db";
  manifests.state = RunState::kSucceeded;
  manifests.snapshot = kOfManifests;
  return backup;
}

TEST(ManifestsSnapshotTest, IsKeptAndForgottenWithItsBackupByOneJob) {
  const auto retention =
      DecideRetention(Keeping().Keeping(1).Build().spec,
                      {Done("old", "2026-06-01T00:00:00Z"), Done("new", "2026-06-02T00:00:00Z")},
                      At("2026-12-31T00:00:00Z"));
  EXPECT_THAT(retention.snapshots,
              ElementsAre(Pair("data-db-0", ElementsAre(kOfVolume, kOfManifests))));
}

TEST(ManifestsSnapshotTest, KeepsAFailedRunFromGoingWithoutIt) {
  crds::Backup failed = Done("failed", "2026-06-01T00:00:00Z");
  failed.status.phase = BackupPhase::kFailed;
  failed.status.volumes[0].snapshot.clear();
  const auto policy = Keeping().With([](auto& p) { p.spec.failed_history_limit = 0; }).Build();
  const auto retention = DecideRetention(policy.spec, {failed}, At("2026-12-31T00:00:00Z"));
  EXPECT_THAT(retention.failed, IsEmpty());
  EXPECT_THAT(retention.snapshots, ElementsAre(Pair("data-db-0", ElementsAre(kOfManifests))));
}

TEST(ManifestsSnapshotTest, IsCopiedAndForgottenWhereItsCopiesAre) {
  crds::Backup backup = Done("run", "2026-06-01T00:00:00Z");
  const auto policy = Keeping().With([](auto& p) { p.spec.copy_to = {"second"}; }).Build();
  OweCopies(policy, backup.status);
  const auto source = RepositoryNamed("offsite").Build(),
             second = RepositoryNamed("second").Build();
  EXPECT_THAT(
      ArgsOf(BuildCopyJob(backup, backup.status.copies[0], source, second, Settings{}).value()),
      IsSupersetOf({kOfVolume, kOfManifests}));
  backup.status.copies[0].attempts = 1;
  const auto retention =
      DecideRetention(Keeping().Keeping(1).Build().spec,
                      {backup, Done("new", "2026-06-02T00:00:00Z")}, At("2026-12-31T00:00:00Z"));
  EXPECT_THAT(retention.copies.at("second"),
              ElementsAre(Pair("data-db-0", ElementsAre(kOfVolume, kOfManifests))));
}

TEST(ManifestsSnapshotTest, WithSecretsIsCopiedOnlyToWhereTheyAreAccepted) {
  World world;
  world.now = At("2026-06-02T00:00:00Z");
  world.backup = Done("run", "2026-06-01T00:00:00Z");
  world.backup.status.manifests[0].secrets = true;
  OweCopies(Keeping().With([](auto& p) { p.spec.copy_to = {"second"}; }).Build(),
            world.backup.status);
  const auto source = RepositoryNamed("offsite").Build();
  auto second = RepositoryNamed("second").Build();
  world.copy_source = &source;
  CopyWorld& copy = world.copies.emplace_back();
  copy.repository = "second";
  copy.destination = &second;
  copy.free_slots = 1;
  Plan plan;
  plan.status = world.backup.status;
  DecideCopies(world, plan);
  EXPECT_THAT(plan.start_copies, IsEmpty());
  EXPECT_THAT(plan.status.copies[0].message, HasSubstr("spec.acceptsSecrets"));
  second.spec.accepts_secrets = true;
  DecideCopies(world, plan);
  EXPECT_THAT(plan.start_copies, ElementsAre("second")) << plan.status.copies[0].message;
}

TEST(ManifestsSnapshotTest, GoesWithADeletedBackupThatSaysSo) {
  DeletionWorld world;
  world.now = At("2026-06-01T12:00:05Z");
  world.backup = Done("run", "2026-06-01T00:00:00Z");
  world.backup.metadata.deletion_timestamp = At("2026-06-01T12:00:00Z");
  const auto repository = RepositoryNamed("offsite").Build();
  world.repository = &repository;
  EXPECT_THAT(DecideDeletion(world).start, ElementsAre(Pair(Whereabouts{"data-db-0", ""},
                                                            ElementsAre(kOfVolume, kOfManifests))));
}

TEST(ManifestsSnapshotTest, ThatWasNotWrittenDownGoesToo) {
  DeletionWorld world;
  world.backup = Done("run", "2026-06-01T00:00:00Z");
  world.backup.status.volumes[0].job = "run-data-db-0";
  world.backup.status.volumes[0].snapshot.clear();
  world.backup.status.manifests[0].snapshot.clear();
  world.backup.metadata.deletion_timestamp = world.now;
  const auto repository = RepositoryNamed("offsite").Build();
  world.repository = &repository;
  MoverRun& mover = world.movers.emplace_back();
  mover.job.key = {"shop", "run-data-db-0"};
  mover.job.complete = true;
  mover.state.result.emplace().snapshot = kOfVolume;
  mover.state.result->manifests = kOfManifests;
  EXPECT_THAT(DecideDeletion(world).start, ElementsAre(Pair(Whereabouts{"data-db-0", ""},
                                                            ElementsAre(kOfVolume, kOfManifests))));
}

TEST(ManifestsSnapshotTest, IsFoundAgainByAnImport) {
  protocol::BackupRecord record;
  record.cluster = "prod";
  record.ns = "shop";
  record.name = "run";
  record.policy = "nightly";
  record.volumes = {{"data-db-0", "db-0", kOfVolume, 12, 4096}};
  record.manifests = {{"db", kOfManifests, 5, 3000}};
  Settings settings;
  settings.cluster_name = "prod";
  const auto imported = repository::BackupsToImport({record}, RepositoryNamed("offsite").Build(),
                                                    repository::KnownBackups{}, settings);
  ASSERT_EQ(imported.size(), 1u);
  World world;
  world.now = At("2026-06-01T12:00:00Z");
  world.backup = imported[0];
  const Plan plan = Decide(world, settings);
  ASSERT_EQ(plan.status.manifests.size(), 1u);
  EXPECT_EQ(SnapshotsOf(plan.status),
            (std::vector<StoredSnapshot>{{"data-db-0", kOfVolume}, {"data-db-0", kOfManifests}}));
  EXPECT_EQ(plan.status.manifests[0].files, 5);
}

TEST(ManifestsSnapshotTest, IsRememberedByTheCache) {
  crds::Backup backup = Done("run", "2026-06-01T00:00:00Z");
  backup.status.manifests[0].secrets = true;
  EXPECT_EQ(SnapshotsOf(Trimmed(backup).status), SnapshotsOf(backup.status));
  EXPECT_TRUE(Trimmed(backup).status.manifests[0].secrets);
}

// --- What is read of the API server ---

class ManifestsReadTest : public ContextTest {
 protected:
  ManifestsReadTest() {
    settings_.secrets_enabled = true;
    caches_.Add(Keeping(true).Build());
    caches_.Add(StatefulSetOf(1));
    backup_ = BackupNamed("run").Volume("data-db-0").Build();
    backup_.status.manifests.emplace_back().stateful_set = "db";
    server_.AnswerAll([this](const kube::Request& request) -> Result<kube::Response> {
      return Answer(request.path);
    });
  }
  World Look(bool accepts = true) {
    crds::BackupRepository repository = RepositoryNamed("offsite").WithSlots(4).Build();
    repository.spec.accepts_secrets = accepts;
    caches_.Add(repository);
    ProgressBook book;
    const auto observed = Observe(context_, book, backup_, {});
    if (!observed) throw std::runtime_error(observed.error().message);
    return observed->world;
  }
  kube::Response Answer(const std::string& path) const {
    if (!forbidden_.empty() && path.ends_with(forbidden_))
      return {
          403, R"({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"})", {}};
    if (path == "/apis/apps/v1/namespaces/shop/statefulsets/db") return {200, set_, {}};
    if (path.find("/statefulsets/") != path.npos)
      return {404, R"({"kind": "Status", "code": 404, "reason": "NotFound", "message": "no"})", {}};
    if (path == "/api/v1/namespaces/shop/serviceaccounts/db-sa")
      return {200, R"({"metadata": {"name": "db-sa"}})", {}};
    const std::string items = path.ends_with("persistentvolumeclaims")
                                  ? R"([{"metadata": {"name": "data-db-0"}}])"
                                  : "[]";
    return {200, R"({"metadata": {"resourceVersion": "7"}, "items": )" + items + "}", {}};
  }

  crds::Backup backup_;
  std::string forbidden_;
  std::string set_ =
      R"({"metadata": {"name": "db"}, "spec": {"template": {"spec": {"containers":
        [{"envFrom": [{"secretRef": {"name": "password"}}, {"configMapRef": {"name": "conf"}}]}]}}}})";
};

TEST_F(ManifestsReadTest, NothingOfConfigMapsAndSecrets) {
  const World world = Look();
  ASSERT_EQ(world.manifests.size(), 1u);
  EXPECT_EQ(world.manifests[0].claim, "data-db-0");
  EXPECT_EQ(world.manifests[0].stateful_set, "db");
  EXPECT_THAT(world.manifests[0].secrets, ElementsAre("password"));
  EXPECT_THAT(world.manifests[0].config_maps, ElementsAre("conf"));
  for (const std::string& line : Asked()) {
    EXPECT_THAT(line, Not(HasSubstr("secrets")));
    EXPECT_THAT(line, Not(HasSubstr("configmaps")));
  }
}

TEST_F(ManifestsReadTest, ThreeRequestsAndOneForAnAccount) {
  const auto asked = [&] {
    const std::size_t before = Asked().size();
    Look();
    return Asked().size() - before;
  };
  const std::size_t with = asked();
  set_ = R"({"metadata": {"name": "db"}, "spec": {"template": {"spec":
    {"serviceAccountName": "db-sa"}}}})";
  EXPECT_EQ(asked(), with + 1);
  backup_.status.manifests.clear();
  EXPECT_EQ(asked(), with - 3);
}

TEST_F(ManifestsReadTest, OneThatIsGoneIsItsOwnProblemAlone) {
  backup_.status.volumes.push_back(BackupNamed("x").Volume("data-old-0").Build().status.volumes[0]);
  backup_.status.manifests.emplace_back().stateful_set = "old";
  const World world = Look();
  ASSERT_EQ(world.manifests.size(), 2u);
  EXPECT_EQ(world.manifests[0].problem, "");
  EXPECT_THAT(world.manifests[1].problem, HasSubstr("statefulsets shop/old"));
  EXPECT_EQ(world.manifests[1].claim, "data-old-0");
}

TEST_F(ManifestsReadTest, NoSecretsWhereTheyAreSwitchedOffOrNotAccepted) {
  EXPECT_THAT(Look(false).manifests.at(0).secrets, IsEmpty());
  settings_.secrets_enabled = false;
  EXPECT_THAT(Look().manifests.at(0).secrets, IsEmpty());
}

TEST_F(ManifestsReadTest, WhatMayNotBeReadIsTheProblem) {
  forbidden_ = "/services";
  EXPECT_THAT(Look().manifests.at(0).problem, HasSubstr("services"));
}

TEST_F(ManifestsReadTest, NothingWhenNobodyAsked) {
  backup_.status.manifests.clear();
  EXPECT_THAT(Look().manifests, IsEmpty());
  EXPECT_THAT(Asked(), Not(Contains(HasSubstr("/services"))));
}

}  // namespace
}  // namespace holdfast::controllers::backup
