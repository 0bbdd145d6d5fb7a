#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/reasons.h"
#include "controllers/restore/claims.h"
#include "controllers/restore/decide.h"
#include "controllers/restore/ending.h"
#include "controllers/restore/mover.h"
#include "controllers/restore/resolve.h"
#include "controllers/restore/rivals.h"

namespace holdfast::controllers::restore {
namespace {

using namespace std::chrono_literals;
using crds::BackupPhase;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

const TimePoint kNoon = *ParseTime("2026-08-01T12:00:00Z");

std::string Id(char digit) { return std::string(64, digit); }

crds::VolumeBackup Volume(const std::string& claim, const std::string& pod,
                          const std::string& snapshot) {
  crds::VolumeBackup volume;
  volume.claim = claim;
  volume.pod = pod;
  volume.snapshot = snapshot;
  return volume;
}

crds::Backup Backup(const std::string& name, TimePoint start, BackupPhase phase,
                    std::vector<crds::VolumeBackup> volumes) {
  crds::Backup backup;
  backup.metadata.name = name;
  backup.status.phase = phase;
  backup.status.start_time = start;
  backup.status.repository = "offsite";
  backup.status.volumes = std::move(volumes);
  return backup;
}

// StatefulSet "pg" of `replicas`, with the claim template "data".
StatefulSetView Set(int replicas, std::vector<std::string> templates = {"data"}) {
  StatefulSetView set;
  set.key = {"shop", "pg"};
  set.replicas = replicas;
  set.claim_templates = std::move(templates);
  return set;
}

World InPlaceFromPolicy(int replicas) {
  World world;
  world.restore.spec.source.policy = "hourly";
  world.restore.spec.target.stateful_set = "pg";
  world.policy.emplace();
  world.set = Set(replicas);
  world.backups = {
      Backup("older", kNoon - 2h, BackupPhase::kSucceeded,
             {Volume("data-pg-0", "pg-0", Id('a')), Volume("data-pg-1", "pg-1", Id('b'))}),
      Backup("newer", kNoon - 1h, BackupPhase::kSucceeded,
             {Volume("data-pg-0", "pg-0", Id('c')), Volume("data-pg-1", "pg-1", Id('d'))}),
      Backup("broken", kNoon, BackupPhase::kFailed, {Volume("data-pg-0", "pg-0", Id('e'))}),
      Backup("running", kNoon, BackupPhase::kRunning, {Volume("data-pg-0", "pg-0", Id('f'))})};
  return world;
}

// "claim<-from@first digit of the snapshot", in order.
std::vector<std::string> Pairs(const Resolution& resolution) {
  std::vector<std::string> pairs;
  for (const crds::VolumeRestore& volume : resolution.volumes)
    pairs.push_back(volume.claim + "<-" + volume.from + "@" + volume.snapshot.substr(0, 1));
  return pairs;
}

using Strings = std::vector<std::string>;

TEST(ResolveTest, WaitsUntilAllIsImported) {
  World world = InPlaceFromPolicy(1);
  ASSERT_TRUE(Resolve(world));
  world.importing = "offsite";
  const auto waiting = Resolve(world);
  ASSERT_FALSE(waiting);
  EXPECT_FALSE(waiting.error().final);
  EXPECT_THAT(waiting.error().message, HasSubstr("BackupRepository offsite"));
  world.importing.clear();
  world.backups.front().spec.imported.emplace();
  ASSERT_TRUE(Resolve(world));
  world.backups.front().status = {};
  ASSERT_FALSE(Resolve(world));
  EXPECT_FALSE(Resolve(world).error().final);
}

TEST(ResolveTest, APolicyMeansItsLatestGoodBackup) {
  const auto resolution = Resolve(InPlaceFromPolicy(2));
  ASSERT_TRUE(resolution) << resolution.error().message;
  EXPECT_EQ(resolution->backup, "newer");
  EXPECT_EQ(resolution->repository, "offsite");
  EXPECT_EQ(Pairs(*resolution), (Strings{"data-pg-0<-data-pg-0@c", "data-pg-1<-data-pg-1@d"}));
  EXPECT_EQ(resolution->note, "");
}

// A dump is a file for a database: it is restored into a claim, and never over a volume.
TEST(ResolveTest, DumpsAreLeftOutInPlaceAndCanBeNamed) {
  World world = InPlaceFromPolicy(1);
  world.backups = {
      Backup("newest", kNoon, BackupPhase::kSucceeded,
             {Volume("data-pg-0", "pg-0", Id('a')), Volume("dump/orders", "", Id('b'))})};
  EXPECT_EQ(Pairs(*Resolve(world)), (Strings{"data-pg-0<-data-pg-0@a"}));
  world.backups[0].status.volumes.erase(world.backups[0].status.volumes.begin());
  EXPECT_FALSE(Resolve(world)) << "though there is one volume, and one thing to restore";
  world.restore.spec.target = {};
  world.restore.spec.target.claims.emplace_back().from = "dump/orders";
  world.restore.spec.target.claims[0].to = "scratch";
  EXPECT_EQ(Pairs(*Resolve(world)), (Strings{"scratch<-dump/orders@b"}));
  world.restore.spec.source = {};
  world.restore.spec.source.repository = "offsite";
  world.restore.spec.source.host = "prod";
  world.restore.spec.source.path = "/shop/dump/orders";
  EXPECT_EQ(Pairs(*Resolve(world)), (Strings{"scratch<-dump/orders@"}));
}

TEST(ResolveTest, PreviousCountsGoodBackupsBack) {
  World world = InPlaceFromPolicy(2);
  world.restore.spec.source.previous = 1;
  EXPECT_EQ(Resolve(world)->backup, "older");
  world.restore.spec.source.previous = 2;
  const Problem problem = Resolve(world).error();
  EXPECT_TRUE(problem.final);
  EXPECT_EQ(problem.reason, reason::kSourceNotFound);
  EXPECT_EQ(
      problem.message,
      "BackupPolicy hourly has only 2 good Backups, and previous: 2 needs more. Snapshots that "
      "were made elsewhere are restored with source: {repository, host, path}.");
}

TEST(ResolveTest, AsOfNeverTakesALaterBackup) {
  World world = InPlaceFromPolicy(2);
  world.restore.spec.source.as_of = kNoon - 90min;
  EXPECT_EQ(Resolve(world)->backup, "older");
  world.restore.spec.source.as_of = kNoon - 2h;
  EXPECT_EQ(Resolve(world)->backup, "older") << "the moment itself counts";
  world.restore.spec.source.as_of = kNoon - 3h;
  EXPECT_THAT(Resolve(world).error().message,
              HasSubstr("has no good Backup that started at or before 2026-08-01T09:00:00Z."));
}

TEST(ResolveTest, AVolumeThatFailedComesFromTheBackupBefore) {
  World world = InPlaceFromPolicy(2);
  world.backups[1].status.phase = BackupPhase::kPartiallyFailed;
  world.backups[1].status.volumes[1].snapshot.clear();
  const auto resolution = Resolve(world);
  EXPECT_EQ(Pairs(*resolution), (Strings{"data-pg-0<-data-pg-0@c", "data-pg-1<-data-pg-1@b"}));
  EXPECT_EQ(resolution->note,
            "Backup newer has no snapshot of claim data-pg-1, which is taken from the older Backup "
            "older.");
}

TEST(ResolveTest, NeverFromAnotherRepository) {
  World world = InPlaceFromPolicy(2);
  world.backups[0].status.repository = "elsewhere";
  world.backups[1].status.phase = BackupPhase::kPartiallyFailed;
  world.backups[1].status.volumes[1].snapshot.clear();
  const auto resolution = Resolve(world);
  EXPECT_EQ(Pairs(*resolution), (Strings{"data-pg-0<-data-pg-0@c"}));
  EXPECT_THAT(resolution->note, HasSubstr("and neither has an older one."));
  EXPECT_THAT(resolution->note, HasSubstr("Not in the source, and left as they are: data-pg-1."));
}

TEST(ResolveTest, AnUnknownPolicyMayStillAppear) {
  World world = InPlaceFromPolicy(2);
  world.policy.reset();
  world.backups.clear();
  EXPECT_FALSE(Resolve(world).error().final);
  EXPECT_EQ(Resolve(world).error().reason, reason::kPolicyNotFound);
}

TEST(ResolveTest, TheBackupsOfADeletedPolicyAreStillGood) {
  World world = InPlaceFromPolicy(2);
  world.policy.reset();
  EXPECT_EQ(Resolve(world)->backup, "newer");
}

TEST(ResolveTest, APolicyWithoutBackupsFailsAndPointsToTheIdentity) {
  World world = InPlaceFromPolicy(2);
  world.backups.clear();
  const Problem problem = Resolve(world).error();
  EXPECT_TRUE(problem.final);
  EXPECT_EQ(
      problem.message,
      "BackupPolicy hourly has no good Backup. Snapshots that were made elsewhere are restored "
      "with source: {repository, host, path}.");
}

World InPlaceFromBackup(const crds::Backup& backup, int replicas) {
  World world;
  world.restore.spec.source.backup = backup.metadata.name;
  world.restore.spec.target.stateful_set = "pg";
  world.backup = backup;
  world.set = Set(replicas);
  return world;
}

const crds::Backup kTwoVolumes =
    Backup("nightly", kNoon, BackupPhase::kSucceeded,
           {Volume("data-pg-0", "pg-0", Id('a')), Volume("data-pg-1", "pg-1", Id('b'))});

TEST(ResolveTest, OfABackupOfSeveralStatefulSetsOnlyItsOwnVolumesAreTaken) {
  const crds::Backup both =
      Backup("nightly", kNoon, BackupPhase::kSucceeded,
             {Volume("data-mysql-0", "mysql-0", Id('a')), Volume("data-pg-0", "pg-0", Id('b')),
              Volume("data-pg-1", "pg-1", Id('c'))});
  const auto resolution = Resolve(InPlaceFromBackup(both, 2));
  ASSERT_TRUE(resolution);
  EXPECT_THAT(Pairs(*resolution),
              ::testing::ElementsAre("data-pg-0<-data-pg-0@b", "data-pg-1<-data-pg-1@c"));
  EXPECT_EQ(resolution->note, "");
}

TEST(ResolveTest, VolumesOfTwoStatefulSetsNeverGoIntoOneOfAThird) {
  const crds::Backup others =
      Backup("nightly", kNoon, BackupPhase::kSucceeded,
             {Volume("data-mysql-0", "mysql-0", Id('a')), Volume("data-web-0", "web-0", Id('b'))});
  const auto problem = Resolve(InPlaceFromBackup(others, 1));
  ASSERT_FALSE(problem);
  EXPECT_TRUE(problem.error().final);
  EXPECT_THAT(problem.error().message, HasSubstr("would go into data-pg-0"));
}

TEST(ResolveTest, ABackupThatIsNotThereOrNotOverIsWaitedFor) {
  World world = InPlaceFromBackup(kTwoVolumes, 2);
  world.backup->status.phase = BackupPhase::kRunning;
  EXPECT_EQ(Resolve(world).error(),
            (Problem{false, reason::kSourceNotFound, "Backup nightly is still running."}));
  world.backup.reset();
  EXPECT_EQ(Resolve(world).error(),
            (Problem{false, reason::kSourceNotFound,
                     "There is no Backup nightly in this namespace; the Restore starts once there "
                     "is."}));
}

TEST(ResolveTest, ABackupWithoutSnapshotsFails) {
  World world = InPlaceFromBackup(
      Backup("nightly", kNoon, BackupPhase::kFailed, {Volume("data-pg-0", "pg-0", "")}), 1);
  EXPECT_EQ(Resolve(world).error(),
            (Problem{true, reason::kSourceNotFound,
                     "Backup nightly failed and has no snapshot; name another one."}));
}

TEST(ResolveTest, AMissingStatefulSetIsWaitedFor) {
  World world = InPlaceFromBackup(kTwoVolumes, 2);
  world.set.reset();
  EXPECT_FALSE(Resolve(world).error().final);
  EXPECT_EQ(Resolve(world).error().reason, reason::kStatefulSetNotFound);
}

TEST(ResolveTest, MoreReplicasThanVolumesAreLeftAlone) {
  const auto resolution = Resolve(InPlaceFromBackup(kTwoVolumes, 3));
  EXPECT_EQ(resolution->volumes.size(), 2u);
  EXPECT_EQ(resolution->note, "Not in the source, and left as they are: data-pg-2.");
}

TEST(ResolveTest, AbsurdlyManyReplicasAreCountedAndNotListed) {
  const auto resolution = Resolve(InPlaceFromBackup(kTwoVolumes, 2'000'000'000));
  EXPECT_EQ(resolution->volumes.size(), 2u);
  EXPECT_THAT(resolution->note, EndsWith("data-pg-11 and 1999999988 more."));
}

TEST(ResolveTest, FewerReplicasThanVolumesRestoreOnlyThoseWithAPod) {
  const auto resolution = Resolve(InPlaceFromBackup(kTwoVolumes, 1));
  EXPECT_EQ(Pairs(*resolution), (Strings{"data-pg-0<-data-pg-0@a"}));
  EXPECT_EQ(resolution->note, "In the source, but without a pod of the StatefulSet: data-pg-1.");
}

TEST(ResolveTest, AStatefulSetAtZeroGetsAllVolumes) {
  EXPECT_EQ(Resolve(InPlaceFromBackup(kTwoVolumes, 0))->volumes.size(), 2u);
}

TEST(ResolveTest, AnotherStatefulSetGetsTheSameOrdinals) {
  World world = InPlaceFromBackup(kTwoVolumes, 2);
  world.set->key.name = "pg-copy";
  EXPECT_EQ(Pairs(*Resolve(world)),
            (Strings{"data-pg-copy-0<-data-pg-0@a", "data-pg-copy-1<-data-pg-1@b"}));
}

TEST(ResolveTest, VolumesThatFitNowhereFailWithBothSidesNamed) {
  World world = InPlaceFromBackup(kTwoVolumes, 2);
  world.set = Set(2, {"wal", "log"});
  const Problem problem = Resolve(world).error();
  EXPECT_TRUE(problem.final);
  EXPECT_EQ(problem.message,
            "The source has data-pg-0, data-pg-1, but the claims of StatefulSet pg are made from "
            "template wal, log; restore into claims instead (target: {claims: [{from, to}]}).");
}

World FromIdentity(const std::string& path) {
  World world;
  world.restore.spec.source.repository = "offsite";
  world.restore.spec.source.host = "old-cluster";
  world.restore.spec.source.path = path;
  world.restore.spec.target.stateful_set = "pg";
  world.set = Set(2);
  return world;
}

TEST(ResolveTest, AnIdentityGoesToTheClaimOfItsName) {
  const auto resolution = Resolve(FromIdentity("/shop/data-pg-1"));
  EXPECT_EQ(resolution->repository, "offsite");
  EXPECT_EQ(Pairs(*resolution), (Strings{"data-pg-1<-data-pg-1@"}));
}

TEST(ResolveTest, AnIdentityOfAnotherNameFitsOnlyASingleVolume) {
  World world = FromIdentity("/shop/data-mysql-0");
  EXPECT_TRUE(Resolve(world).error().final);
  world.set = Set(1);
  EXPECT_EQ(Pairs(*Resolve(world)), (Strings{"data-pg-0<-data-mysql-0@"}));
}

World IntoClaims(std::vector<crds::RestoreClaim> claims) {
  World world;
  world.restore.spec.source.backup = "nightly";
  world.restore.spec.target.claims = std::move(claims);
  world.backup = kTwoVolumes;
  return world;
}

TEST(ResolveTest, ClaimsAreChosenByName) {
  const auto resolution = Resolve(IntoClaims({{"data-pg-1", "inspect", "", {}, {}}}));
  EXPECT_EQ(Pairs(*resolution), (Strings{"inspect<-data-pg-1@b"}));
}

TEST(ResolveTest, AClaimThatWasNotBackedUpNamesThoseThatWere) {
  EXPECT_EQ(
      Resolve(IntoClaims({{"data-pg-7", "inspect", "", {}, {}}})).error(),
      (Problem{true, reason::kInvalidSpec,
               "target.claims: the source has no volume of claim data-pg-7; it has data-pg-0, "
               "data-pg-1."}));
}

TEST(ResolveTest, OneOfSeveralVolumesMustBeNamed) {
  EXPECT_EQ(Resolve(IntoClaims({{"", "inspect", "", {}, {}}})).error().message,
            "target.claims: the source has several volumes (data-pg-0, data-pg-1); say with `from` "
            "which one goes into inspect.");
}

TEST(ResolveTest, TwoVolumesNeverGoIntoOneClaim) {
  EXPECT_EQ(Resolve(IntoClaims({{"data-pg-0", "x", "", {}, {}}, {"data-pg-1", "x", "", {}, {}}}))
                .error()
                .message,
            "target.claims: two volumes would go into x.");
}

TEST(ResolveTest, ASnapshotByItsIdNeedsNoName) {
  World world = IntoClaims({{"", "inspect", "", {}, {}}});
  world.restore.spec.source = {};
  world.restore.spec.source.repository = "offsite";
  world.restore.spec.source.snapshot = Id('9');
  EXPECT_EQ(Pairs(*Resolve(world)), (Strings{"inspect<-@9"}));
}

TEST(ClaimNameTest, OnlyTheSetsOwn) {
  const StatefulSetView set = Set(2, {"data", "data-pg"});
  EXPECT_EQ(ParseClaimName("data-pg-0", set), (ClaimName{"data", 0}));
  EXPECT_EQ(ParseClaimName("data-pg-pg-12", set), (ClaimName{"data-pg", 12}));
  for (const char* other : {"data-pg-", "data-pg-01", "data-pg--1", "data-pg-+1", "data-pg-1x",
                            "data-pgx-1", "wal-pg-0", "data-pg-99999999999", ""})
    EXPECT_EQ(ParseClaimName(other, set), std::nullopt) << other;
}

TEST(ClaimTest, ALostClaimIsMadeAsTheStatefulSetControllerWould) {
  const Json set = {
      {"metadata", {{"name", "pg"}, {"namespace", "shop"}}},
      {"spec",
       {{"selector", {{"matchLabels", {{"app", "pg"}}}}},
        {"volumeClaimTemplates",
         {{{"metadata", {{"name", "data"}, {"labels", {{"tier", "db"}}}}},
           {"spec", {{"storageClassName", "fast"}, {"accessModes", {"ReadWriteOnce"}}}},
           {"status", {{"phase", "Pending"}}}}}}}}};
  EXPECT_EQ(ClaimOfSet(set, "data-pg-1", "data"),
            (Json{{"apiVersion", "v1"},
                  {"kind", "PersistentVolumeClaim"},
                  {"metadata",
                   {{"name", "data-pg-1"},
                    {"namespace", "shop"},
                    {"labels", {{"app", "pg"}, {"tier", "db"}}}}},
                  {"spec", {{"storageClassName", "fast"}, {"accessModes", {"ReadWriteOnce"}}}}}));
}

// Else two would fill it, and without the Backup that it names it would never be there.
TEST(ClaimTest, AClaimThatIsMadeAgainAsksNobodyElseForItsData) {
  const auto made = [](const std::string& group) {
    const Json source = {{"apiGroup", group}, {"kind", "Backup"}, {"name", "nightly"}};
    const Json set = {
        {"metadata", {{"name", "pg"}, {"namespace", "shop"}}},
        {"spec",
         {{"volumeClaimTemplates",
           {{{"metadata", {{"name", "data"}}}, {"spec", {{"dataSourceRef", source}}}}}}}}};
    return ClaimOfSet(set, "data-pg-1", "data");
  };
  EXPECT_EQ(Find(made("holdfast.dev"), {"spec", "dataSourceRef"}), nullptr);
  const Json others = made("example.com");
  EXPECT_EQ(FindString(others, {"spec", "dataSourceRef", "name"}), "nightly");
}

TEST(ClaimTest, AccessModesAreTheUsersOrReadWriteOnce) {
  crds::RestoreClaim wish;
  wish.to = "x";
  wish.size.text = "5Gi";
  EXPECT_EQ((*ClaimAsAsked(wish, "shop"))["spec"]["accessModes"], Json::array({"ReadWriteOnce"}));
  wish.access_modes = {"ReadWriteMany", "ReadOnlyMany"};
  EXPECT_EQ((*ClaimAsAsked(wish, "shop"))["spec"]["accessModes"],
            Json::array({"ReadWriteMany", "ReadOnlyMany"}));
}

TEST(ClaimTest, AClaimIsMadeOnlyWhenItsSizeIsKnown) {
  EXPECT_EQ(ClaimAsAsked({"", "x", "", {}, {}}, "shop").error().message,
            "Claim x does not exist. Create it; or give its size in spec.target.claims, and it is "
            "created.");
  const Json claim = ClaimAsAsked({"", "x", "fast", {"5Gi"}, {}}, "shop").value();
  EXPECT_EQ(FindString(claim, {"spec", "storageClassName"}), "fast");
  EXPECT_EQ(FindString(claim, {"spec", "resources", "requests", "storage"}), "5Gi");
  EXPECT_EQ(
      Find(ClaimAsAsked({"", "x", "", {"5Gi"}, {}}, "shop").value(), {"spec", "storageClassName"}),
      nullptr)
      << "the cluster's default";
}

TEST(MoverArgsTest, AnIdentityIsPinnedToTheMomentOfTheRestore) {
  World world = FromIdentity("/shop/data-pg-1");
  world.restore.metadata.creation_timestamp = kNoon;
  world.repository.emplace();
  Settings settings;
  settings.cluster_name = "prod";
  crds::VolumeRestore volume;
  volume.claim = "data-pg-1";
  EXPECT_EQ(ArgsFor(world, volume, settings).identity,
            (protocol::Identity{"old-cluster", "/shop/data-pg-1"}));
  EXPECT_EQ(ArgsFor(world, volume, settings).as_of, "2026-08-01T12:00:00Z");
  world.restore.spec.source.as_of = kNoon - 1h;
  EXPECT_EQ(ArgsFor(world, volume, settings).as_of, "2026-08-01T11:00:00Z");
  volume.snapshot = Id('a');
  EXPECT_EQ(ArgsFor(world, volume, settings).as_of, "") << "a snapshot is a snapshot";
}

TEST(MoverArgsTest, OwnersGoAlong) {
  World world = FromIdentity("/shop/data-pg-1");
  world.repository.emplace();
  world.restore.spec.owners.uids = {{999, 1000}, {4294967294, 0}};
  world.restore.spec.owners.gids = {{5, 6}};
  const protocol::RestoreArgs args = ArgsFor(world, crds::VolumeRestore{}, Settings{});
  EXPECT_THAT(
      protocol::CommandLine(args),
      IsSupersetOf({std::string("--map-uid=999:1000"), std::string("--map-uid=4294967294:0"),
                    std::string("--map-gid=5:6"), std::string("--strip-path")}));
}

TEST(MoverArgsTest, TheJobWritesItsClaimAndEndsAtTheDeadline) {
  World world = InPlaceFromBackup(kTwoVolumes, 2);
  world.restore.metadata.name = "back";
  world.restore.metadata.namespace_ = "shop";
  world.restore.spec.deadline = "1h";
  world.restore.spec.overwrite = crds::Overwrite::kIfChanged;
  world.restore.spec.paths = {"/shop"};
  world.restore.status.start_time = kNoon;
  world.now = kNoon + 10min;
  world.repository.emplace();
  crds::VolumeRestore volume;
  volume.claim = "data-pg-0";
  volume.snapshot = Id('a');
  crds::MoverSecurityContext user;
  user.run_as_user = 999;
  user.fs_group = 999;
  const Json job = BuildMover(world, volume, user, false, Settings{}).value();
  EXPECT_EQ(job["spec"]["activeDeadlineSeconds"], 3000);
  EXPECT_EQ(job["metadata"]["labels"]["holdfast.dev/claim"], "data-pg-0");
  const Json& pod = job["spec"]["template"]["spec"];
  EXPECT_EQ(pod["securityContext"]["runAsUser"], 999);
  EXPECT_EQ(pod["securityContext"]["fsGroup"], 999);
  for (const Json& mount : pod["containers"][0]["volumeMounts"])
    EXPECT_TRUE(mount["name"] != "data" || !mount.value("readOnly", false));
  EXPECT_THAT(pod["containers"][0]["args"].get<Strings>(),
              IsSupersetOf({std::string("restore"), std::string("--overwrite=if-changed"),
                            std::string("--path=/shop"), std::string("--verify"), Id('a')}));
}

crds::Restore Rival(const std::string& name, TimePoint created, crds::RestorePhase phase) {
  crds::Restore restore;
  restore.metadata.name = name;
  restore.metadata.creation_timestamp = created;
  restore.spec.target.stateful_set = "pg";
  restore.status.phase = phase;
  return restore;
}

TEST(RivalsTest, TheOlderRestoreOfATargetGoesFirst) {
  using enum crds::RestorePhase;
  const crds::Restore mine = Rival("mine", kNoon, kPending);
  EXPECT_EQ(EarlierRestore(mine, {Rival("older", kNoon - 1h, kRestoring)}), "older");
  EXPECT_EQ(EarlierRestore(mine, {Rival("a", kNoon, kPending)}), "a") << "names decide a tie";
  EXPECT_EQ(EarlierRestore(mine, {Rival("z", kNoon, kPending)}), "");
  EXPECT_EQ(EarlierRestore(mine, {Rival("over", kNoon - 1h, kSucceeded)}), "");
  crds::Restore other = Rival("other", kNoon - 1h, kRestoring);
  other.spec.target.stateful_set = "mysql";
  EXPECT_EQ(EarlierRestore(mine, {other}), "");
  other.status.volumes.emplace_back().claim = "data-pg-0";
  crds::Restore into_claim = mine;
  into_claim.spec.target = {};
  into_claim.spec.target.claims = {{"", "data-pg-0", "", {}, {}}};
  EXPECT_EQ(EarlierRestore(into_claim, {other}), "other");
}

TEST(RivalsTest, TheSizeBeforeAFailedRestoreIsRemembered) {
  using enum crds::RestorePhase;
  const crds::Restore mine = Rival("mine", kNoon, kPending);
  crds::Restore failed = Rival("failed", kNoon - 2h, kFailed);
  failed.status.original_replicas = 3;
  failed.status.completion_time = kNoon - 1h;
  EXPECT_EQ(SizeLeftBehind(mine, {failed}), std::nullopt) << "it scaled back";
  failed.status.steps.push_back(
      {kScaleUpStep, crds::RunState::kSkipped, std::nullopt, std::nullopt, ""});
  EXPECT_EQ(SizeLeftBehind(mine, {failed}), 3);
  crds::Restore succeeded = Rival("succeeded", kNoon - 30min, kSucceeded);
  succeeded.status.original_replicas = 3;
  succeeded.status.completion_time = kNoon - 20min;
  EXPECT_EQ(SizeLeftBehind(mine, {failed, succeeded}), std::nullopt);
}

}  // namespace
}  // namespace holdfast::controllers::restore
