// Dumps among the volumes of a Backup: resolved, started, their Jobs, and what becomes of them.
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/deletion.h"
#include "controllers/backup/job_builder.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/reasons.h"
#include "tests/builders/backup_run.h"

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

crds::Dump DumpNamed(const std::string& name) {
  crds::Dump dump;
  dump.name = name;
  dump.image = "postgres:15";
  dump.command = {"pg_dump", "--host=db", "orders"};
  crds::Variable password;
  password.name = "PGPASSWORD";
  password.value_from.emplace().secret = crds::KeyRef{"db", "password"};
  dump.env = {password};
  return dump;
}

class BackupDumpsTest : public BackupRunTest {
 protected:
  BackupDumpsTest() {
    policy_.spec.dumps = {DumpNamed("orders")};
    policy_.spec.copy_method = crds::CopyMethod::kDirect;
    world_.allowed = {.hooks = true, .dumps = true};
    settings_.cluster_name = "prod";
    settings_.mover_image = "mover:1";
  }
  std::vector<std::string> Claims() const {
    std::vector<std::string> claims;
    for (const auto& volume : Decided().status.volumes) claims.push_back(volume.claim);
    return claims;
  }
  Json Job() const {
    Observed observed;
    observed.world = world_;
    crds::VolumeBackup volume;
    volume.claim = "dump/orders";
    return BuildJob(observed, volume, settings_).value();
  }
  Json Pod() const { return Job()["spec"]["template"]["spec"]; }
  Json Container(const std::string& name) const {
    const Json pod = Pod();
    for (const Json& container : pod["containers"])
      if (container["name"] == name) return container;
    return {};
  }
};

TEST_F(BackupDumpsTest, ComeAfterTheVolumes) {
  EXPECT_THAT(Claims(), ElementsAre("data-db-0", "data-db-1", "dump/orders"));
  stateful_set_.replicas = 0;
  EXPECT_THAT(Claims(), ElementsAre("dump/orders"));
}

TEST_F(BackupDumpsTest, MayBeAllThatAPolicyIsAbout) {
  policy_.spec.target.volumes = crds::VolumeSelection::kNone;
  EXPECT_THAT(Claims(), ElementsAre("dump/orders"));
  policy_.spec.target.volumes = crds::VolumeSelection::kAll;
  stateful_set_.claim_templates.clear();
  EXPECT_THAT(Claims(), ElementsAre("dump/orders"));
  policy_.spec.dumps.clear();
  EXPECT_EQ(Ready(Decided()).reason, reason::kNoVolumes);
}

TEST_F(BackupDumpsTest, AreOffUntilSwitchedOn) {
  world_.allowed.dumps = false;
  EXPECT_EQ(Ready(Decided()).reason, reason::kPolicyNotReady);
  EXPECT_THAT(Ready(Decided()).message, HasSubstr("dumps.enabled"));
  policy_.spec.dumps.clear();
  EXPECT_THAT(Claims(), ElementsAre("data-db-0", "data-db-1"));
}

TEST_F(BackupDumpsTest, NeedASlotAndNothingElse) {
  policy_.spec.copy_method = crds::CopyMethod::kSnapshot;  // is not for them
  Resolved({"dump/orders"});
  Plan plan = Decided();
  EXPECT_THAT(plan.start, ElementsAre("dump/orders"));
  EXPECT_THAT(plan.cut, IsEmpty());
  EXPECT_EQ(plan.status.volumes[0].copy_method, std::nullopt);
  world_.free_slots = 0;
  plan = Decided();
  EXPECT_THAT(plan.start, IsEmpty());
  EXPECT_EQ(Ready(plan).reason, reason::kWaitingForSlot);
}

// A database that is held still may keep a dump waiting, and must not be held for one.
TEST_F(BackupDumpsTest, BeginOnceNothingIsHeldStill) {
  crds::Hook hook;
  hook.command = {"freeze"};
  policy_.spec.hooks.pre = {hook};
  Resolved({"data-db-0", "dump/orders"});
  world_.backup.status.volumes[0].pod = "db-0";
  world_.backup.status.volumes[0].copy_method = crds::CopyMethod::kDirect;
  world_.free_slots = 1;  // enough for what is held
  world_.backup.status = Decided().status;
  ASSERT_EQ(world_.backup.status.hooks.runs.size(), 1u);
  Plan plan = Decided();
  EXPECT_THAT(plan.hooks.start, Not(IsEmpty())) << "it waits for a slot too many";
  world_.backup.status = plan.status;
  world_.backup.status.start_time = world_.now;
  auto& run = world_.backup.status.hooks.runs[0];
  run.state = RunState::kSucceeded;
  run.start_time = run.completion_time = world_.now;
  world_.backup.status.hooks.frozen_time = world_.now;
  world_.free_slots = 4;
  crds::Hook thaw;
  thaw.command = {"thaw"};
  world_.backup.status.hooks.post = {thaw};
  crds::HookRun post = run;
  post.stage = crds::HookStage::kPost;
  post.state = RunState::kPending;
  post.start_time = post.completion_time = std::nullopt;
  world_.backup.status.hooks.runs.push_back(post);
  plan = Decided();
  EXPECT_THAT(plan.start, ElementsAre("data-db-0"));
  EXPECT_THAT(plan.status.volumes[1].message, HasSubstr("post hooks"));
  world_.backup.status.volumes[0].state = RunState::kSucceeded;
  auto& last = world_.backup.status.hooks.runs[1];
  last.state = RunState::kSucceeded;
  last.start_time = last.completion_time = world_.now;
  world_.backup.status.hooks.thawed_time = world_.now;
  EXPECT_THAT(Decided().start, ElementsAre("dump/orders"));
}

TEST_F(BackupDumpsTest, OneThatThePolicyHasNoLongerFails) {
  Resolved({"data-db-0", "dump/orders"});
  world_.backup.status.start_time = world_.now;
  policy_.spec.dumps.clear();
  const Plan plan = Decided();
  EXPECT_THAT(plan.start, ElementsAre("data-db-0"));
  EXPECT_EQ(plan.status.volumes[1].state, RunState::kFailed);
}

TEST_F(BackupDumpsTest, AJobThatCannotEndWellIsStopped) {
  Resolved({"dump/orders"});
  HasJob(0, MoverPhase::kFailed);
  world_.volumes[0].mover.message = "the dump's image cannot be pulled: ErrImagePull";
  const Plan plan = Decided();
  EXPECT_EQ(plan.status.phase, BackupPhase::kFailed);
  ASSERT_EQ(plan.stop.size(), 1u);
  EXPECT_EQ(Ready(plan).message,
            "1 of 1 dump failed; dump/orders: the dump's image cannot be pulled: ErrImagePull");
  world_.volumes[0].job->broken = true;
  EXPECT_THAT(Decided().stop, IsEmpty());
}

TEST_F(BackupDumpsTest, AreCountedApart) {
  Resolved({"data-db-0", "dump/orders"});
  for (std::size_t i = 0; i < 2; ++i) {
    HasJob(i, MoverPhase::kSucceeded);
    world_.volumes[i].mover.result.emplace().snapshot = std::string(64, 'a');
  }
  EXPECT_THAT(Ready(Decided()).message, HasSubstr("1 volume and 1 dump, "));
}

TEST_F(BackupDumpsTest, TheShrinkGuardIsForThemToo) {
  policy_.spec.failure_policy.shrink_guard = "50%";
  Resolved({"dump/orders"});
  HasJob(0, MoverPhase::kSucceeded);
  auto& result = world_.volumes[0].mover.result.emplace();
  result.snapshot = std::string(64, 'a');
  result.bytes = 10;
  world_.volumes[0].last_good = GoodSize{"earlier", 1000};
  EXPECT_EQ(Decided().status.phase, BackupPhase::kFailed);
}

// --- The Job ---

TEST_F(BackupDumpsTest, TheMoverIsToldWhereTheDumpIs) {
  EXPECT_THAT(Container("mover")["args"].get<std::vector<std::string>>(),
              IsSupersetOf({"--as-path=/shop/dump/orders", "--host=prod", "--tag=dump=orders",
                            "--dump-pipe=/holdfast/dump/stream", "--dump-filename=orders",
                            "--dump-timeout=3600s"}));
  policy_.spec.dumps[0].file_name = "orders.sql";
  EXPECT_THAT(Container("mover")["args"], Contains("--dump-filename=orders.sql"));
  const Json job = Job();
  EXPECT_EQ(job["metadata"]["labels"][kClaimLabel], "dump_orders");
  EXPECT_THAT(job["metadata"]["name"].get<std::string>(),
              ::testing::StartsWith("run-dump-orders-"));
}

TEST_F(BackupDumpsTest, TheCommandRunsUnderOurProgramWithItsVariables) {
  policy_.spec.dumps[0].env_from.emplace_back().secret = crds::SecretRef{"more"};
  policy_.spec.dumps[0].image_pull_policy = "Never";
  policy_.spec.dumps[0].image_pull_secrets.emplace_back().name = "registry";
  const Json dump = Container("dump");
  EXPECT_EQ(dump["image"], "postgres:15");
  EXPECT_EQ(dump["imagePullPolicy"], "Never");
  EXPECT_EQ(Pod()["imagePullSecrets"], Json::parse(R"([{"name": "registry"}])"));
  EXPECT_EQ(dump["command"], Json({"/holdfast/dump/holdfast-dump", "/holdfast/dump/stream"}));
  EXPECT_EQ(dump["args"], Json({"pg_dump", "--host=db", "orders"}));
  EXPECT_THAT(dump["env"], Contains(Json::parse(
                               R"({"name": "PGPASSWORD",
                                   "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}})")));
  EXPECT_EQ(dump["envFrom"], Json::parse(R"([{"secretRef": {"name": "more"}}])"));
  const Json installer = Pod()["initContainers"][0];
  EXPECT_EQ(installer["image"], "mover:1");
  EXPECT_EQ(installer["command"], Json::array({"/bin/holdfast-dump"}));
}

// Neither sees what the other has: they share one volume, which both only read.
TEST_F(BackupDumpsTest, DumpAndMoverShareNoSecret) {
  const auto mounts = [](const Json& container) {
    std::map<std::string, bool> found;
    for (const Json& mount : container["volumeMounts"])
      found[mount["name"]] = mount.value("readOnly", false);
    return found;
  };
  const auto dump = mounts(Container("dump")), mover = mounts(Container("mover"));
  EXPECT_EQ(dump, (std::map<std::string, bool>{{"dump", true}, {"dump-tmp", false}}));
  EXPECT_TRUE(mover.at("dump"));
  EXPECT_FALSE(mover.contains("dump-tmp"));
  EXPECT_THAT(Container("mover").dump(), Not(HasSubstr("PGPASSWORD")));
  EXPECT_THAT(Container("dump").dump(), Not(HasSubstr("AWS_")));
  EXPECT_EQ(Pod()["automountServiceAccountToken"], false);
  EXPECT_FALSE(Pod().contains("shareProcessNamespace"));
  for (const Json& container : {Container("dump"), Pod()["initContainers"][0]}) {
    EXPECT_EQ(container["securityContext"]["capabilities"], Json({{"drop", {"ALL"}}}));
    EXPECT_EQ(container["securityContext"]["allowPrivilegeEscalation"], false);
    EXPECT_EQ(container["securityContext"]["readOnlyRootFilesystem"], true);
  }
}

TEST_F(BackupDumpsTest, RunAsTheMoverOrAsAsked) {
  EXPECT_EQ(Pod()["securityContext"]["runAsUser"], 65532);
  EXPECT_FALSE(Container("dump")["securityContext"].contains("runAsUser"));
  policy_.spec.dumps[0].security_context = {999, 998};
  const Json asked = Container("dump")["securityContext"];
  EXPECT_EQ(asked["runAsUser"], 999);
  EXPECT_EQ(asked["runAsGroup"], 998);
  EXPECT_EQ(asked["runAsNonRoot"], true);
  policy_.spec.dumps[0].security_context.run_as_user = 0;
  EXPECT_EQ(Container("dump")["securityContext"]["runAsNonRoot"], false);
}

TEST_F(BackupDumpsTest, ResourcesAreAsked) {
  policy_.spec.dumps[0].resources.limits["memory"] = {"2Gi"};
  EXPECT_EQ(Container("dump")["resources"]["limits"]["memory"], "2Gi");
  EXPECT_EQ(Container("mover")["resources"]["limits"]["memory"], "512Mi");
}

// --- What is done for a volume's snapshots is done for a dump's ---

TEST_F(BackupDumpsTest, ADeletionForgetsThem) {
  DeletionWorld world;
  world.now = world_.now;
  world.repository = &repository_;
  world.backup =
      BackupNamed("run").Volume("dump/orders", RunState::kSucceeded, std::string(64, 'a')).Build();
  world.backup.metadata.deletion_timestamp = world.now;
  const DeletionPlan plan = DecideDeletion(world);
  ASSERT_EQ(plan.start.size(), 1u);
  const auto& [where, ids] = *plan.start.begin();
  const Json job = BuildForgetJob(world, where, ids, settings_).value();
  EXPECT_THAT(job["spec"]["template"]["spec"]["containers"][0]["args"],
              Contains("--as-path=/shop/dump/orders"));
  EXPECT_EQ(job["metadata"]["labels"][kClaimLabel], "dump_orders");
  EXPECT_EQ(job["metadata"]["name"].get<std::string>().find('/'), std::string::npos);
}

}  // namespace
}  // namespace holdfast::controllers::backup
