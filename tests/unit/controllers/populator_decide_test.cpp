#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/labels.h"
#include "controllers/populator/decide.h"
#include "controllers/populator/objects.h"
#include "controllers/reasons.h"

namespace holdfast::controllers::populator {
namespace {

using namespace std::chrono_literals;
using crds::RestorePhase;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const TimePoint kNow = *ParseTime("2026-08-01T12:00:00Z");
constexpr const char* kNode = "volume.kubernetes.io/selected-node";

// Claim "data-copy-0" of class "fast", which names Backup "nightly" of the StatefulSet "app".
Claim ClaimToFill() {
  return DecodeClaimToFill(
      {{"metadata",
        {{"namespace", "shop"},
         {"name", "data-copy-0"},
         {"uid", "uid-claim"},
         {"resourceVersion", "7"}}},
       {"spec",
        {{"accessModes", {"ReadWriteOnce"}},
         {"resources", {{"requests", {{"storage", "1Gi"}}}}},
         {"storageClassName", "fast"},
         {"volumeMode", "Filesystem"},
         {"dataSourceRef",
          {{"apiGroup", "holdfast.dev"}, {"kind", "Backup"}, {"name", "nightly"}}}}},
       {"status", {{"phase", "Pending"}}}});
}

Prospect Promising() {
  Source source;
  source.spec.source.backup = "nightly";
  source.found.backup = "nightly";
  source.found.repository = "offsite";
  source.found.origins = {{"data-app-0", "app-0", "4a5b"}};
  Prospect prospect{.source = std::move(source),
                    .sets = {},
                    .storage = StorageClass{"fast", "csi.example.com", false},
                    .csi = true,
                    .inherited = {}};
  prospect.inherited.run_as_user = 1000;
  prospect.inherited.fs_group = 1000;
  return prospect;
}

World NewWorld() {
  World world;
  world.claim = ClaimToFill();
  world.now = kNow;
  world.prospect = Promising();
  return world;
}

crds::Restore Stored(crds::Restore child) {
  child.metadata.uid = "uid-child";
  return child;
}

// The Restore is at work, on a prime claim that has volume "pv-1".
World Filling() {
  World world = NewWorld();
  world.child = Stored(BuildChild(world, "data-app-0"));
  world.child->status.phase = RestorePhase::kRestoring;
  crds::SetReconciling(world.child->status.conditions, {1, reason::kRestoring, "Restoring."}, kNow);
  world.child_started = true;
  world.prospect.reset();
  world.prime = world.claim;
  world.prime->key.name = ChildName(world.claim);
  world.prime->uid = "uid-prime";
  world.prime->owner = {"Restore", world.child->metadata.name, "uid-child"};
  world.prime->phase = "Bound";
  world.prime->volume = "pv-1";
  world.volume = Volume{"pv-1", "31", "uid-prime", "", "Delete", ""};
  return world;
}

World Filled() {
  World world = Filling();
  world.child->status.phase = RestorePhase::kSucceeded;
  crds::SetReady(world.child->status.conditions, {1, reason::kSucceeded, "Restored 1 volume."},
                 kNow);
  return world;
}

World Given() {
  World world = Filled();
  world.volume->claim_uid = "uid-claim";
  world.volume->filled_for = "uid-claim";
  world.claim.volume = "pv-1";
  world.claim.phase = "Bound";
  world.prime->phase = "Lost";
  return world;
}

// Nothing is made, changed or removed.
void ExpectIdle(const Plan& plan) {
  EXPECT_FALSE(plan.create_child);
  EXPECT_FALSE(plan.create_prime);
  EXPECT_FALSE(plan.patch_volume);
  EXPECT_FALSE(plan.remove_child);
}

// It only waits, and tells the claim why.
void ExpectWaits(const World& world, const std::string& why, const std::string& words) {
  const Plan plan = Decide(world);
  ExpectIdle(plan);
  ASSERT_THAT(plan.events, SizeIs(1)) << why;
  EXPECT_EQ(plan.events[0].type, kube::EventType::kWarning);
  EXPECT_EQ(plan.events[0].reason, why);
  EXPECT_THAT(plan.events[0].message, HasSubstr(words));
  EXPECT_TRUE(plan.requeue.at) << "what heals is found also where nothing is watched";
}

// --- The story, with a kill at every step ---

// A cluster just real enough to carry out plans; `steps` writes happen before the operator is
// killed, and then it goes on.
class Simulation {
 public:
  World world = NewWorld();
  int writes = 0;

  // Whether the claim got its volume, and nothing else is left.
  bool Run(int kill_after) {
    kill_after_ = kill_after;
    for (int pass = 0; pass < 60 && !Over(); ++pass) {
      Look();
      CarryOut(Decide(world));
      LetTimePass();
    }
    return Over();
  }
  std::string data;    // in the claim's volume
  std::string policy;  // the volume's reclaim policy
  bool empty_was_bound = false;

 private:
  bool Over() const { return world.claim.IsBound() && !world.child && !world.prime; }

  void Look() {
    world.now += 1s;
    world.child_pods = pods_;
    world.child_started = world.child && world.child->status.phase != RestorePhase::kPending;
    world.prospect.reset();
    if (!world.child && world.claim.volume.empty()) world.prospect = Promising();
    world.volume = volume_;
  }

  bool Step() {
    if (kill_after_ >= 0 && kill_after_-- == 0) killed_ = true;
    if (killed_) return false;
    ++writes;
    return true;
  }

  void CarryOut(const Plan& plan) {
    killed_ = false;
    if (plan.create_child && !world.child && Step()) {
      world.child = *plan.create_child;
      world.child->metadata.uid = "uid-child-" + std::to_string(++children_);
      world.child->metadata.creation_timestamp = world.now;
    }
    if (plan.create_prime && !world.prime && Step()) MakePrime(*plan.create_prime);
    if (plan.patch_volume && Step()) Patch(plan.patch_volume->patch);
    if (plan.remove_child && world.child && Step()) RemoveChild();
  }

  void MakePrime(const Json& object) {
    world.prime = DecodeClaimToFill(object);
    world.prime->uid = "uid-prime-" + std::to_string(children_);
  }

  void Patch(const Json& patch) {
    ASSERT_EQ(FindString(patch, {"metadata", "resourceVersion"}), volume_->resource_version);
    volume_->resource_version += "1";
    if (const Json* spec = Find(patch, {"spec"})) {
      if (spec->contains("persistentVolumeReclaimPolicy"))
        volume_->reclaim_policy = spec->at("persistentVolumeReclaimPolicy");
      if (spec->contains("claimRef")) volume_->claim_uid = spec->at("claimRef").at("uid");
    }
    const Json& notes = patch.at("metadata").at("annotations");
    if (notes.contains(kFilledForAnnotation)) volume_->filled_for = notes.at(kFilledForAnnotation);
    if (notes.contains(kReclaimPolicyAnnotation))
      volume_->policy_to_be =
          notes.at(kReclaimPolicyAnnotation).is_null() ? "" : notes.at(kReclaimPolicyAnnotation);
  }

  // The garbage collector takes what it owned.
  void RemoveChild() {
    if (world.prime && volume_ && volume_->claim_uid == world.prime->uid) volume_.reset();
    world.child.reset();
    world.prime.reset();
    pods_ = 0;
  }

  void LetTimePass() {
    if (world.prime && world.prime->volume.empty()) Provision();
    if (world.child && world.prime && world.prime->IsBound()) Fill();
    Bind();
  }

  void Provision() {
    world.prime->volume = "pv-1";
    world.prime->phase = "Bound";
    volume_ = Volume{"pv-1", "1", world.prime->uid, "", "Retain", ""};
    content_.clear();
  }

  void Fill() {
    crds::RestoreStatus& status = world.child->status;
    if (status.phase == RestorePhase::kPending) {
      status.phase = RestorePhase::kRestoring;
      pods_ = 1;
    } else if (status.phase == RestorePhase::kRestoring) {
      content_ = "data";
      status.phase = RestorePhase::kSucceeded;
    } else {
      pods_ = 0;
    }
  }

  void Bind() {
    if (!volume_ || volume_->claim_uid != world.claim.uid) return;
    world.claim.volume = volume_->name;
    world.claim.phase = "Bound";
    if (world.prime) world.prime->phase = "Lost";
    data = content_;
    policy = volume_->reclaim_policy;
    empty_was_bound = empty_was_bound || content_.empty();
  }

  int kill_after_ = -1;
  bool killed_ = false;
  int children_ = 0;
  int pods_ = 0;
  std::optional<Volume> volume_;
  std::string content_;
};

TEST(PopulatorStoryTest, AClaimGetsItsDataWhereverTheOperatorIsKilled) {
  Simulation calm;
  ASSERT_TRUE(calm.Run(-1));
  EXPECT_EQ(calm.data, "data");
  EXPECT_EQ(calm.policy, "Retain") << "as its class has it";
  EXPECT_EQ(calm.writes, 5) << "child, prime, policy, gift, clearing";
  for (int kill = 0; kill < calm.writes; ++kill) {
    Simulation killed;
    ASSERT_TRUE(killed.Run(kill)) << "killed at write " << kill;
    EXPECT_EQ(killed.data, "data") << "killed at write " << kill;
    EXPECT_EQ(killed.policy, "Retain") << "killed at write " << kill;
    EXPECT_FALSE(killed.empty_was_bound) << "killed at write " << kill;
  }
}

// --- What is made ---

TEST(PopulatorDecideTest, TheChildBelongsToTheClaimAndFillsThePrime) {
  World world = NewWorld();
  world.prospect->source->spec.paths = {"/pgdata"};
  world.prospect->source->spec.mover.security_context.run_as_user = 26;
  const Plan plan = Decide(world);
  ASSERT_TRUE(plan.create_child);
  const crds::Restore& child = *plan.create_child;
  EXPECT_EQ(child.metadata.namespace_, "shop");
  ASSERT_THAT(child.metadata.owner_references, SizeIs(1));
  EXPECT_EQ(child.metadata.owner_references[0].kind, "PersistentVolumeClaim");
  EXPECT_EQ(child.metadata.owner_references[0].api_version, "v1");
  EXPECT_EQ(child.metadata.owner_references[0].uid, "uid-claim");
  EXPECT_TRUE(child.metadata.owner_references[0].controller);
  EXPECT_EQ(child.spec.source.backup, "nightly");
  EXPECT_EQ(child.spec.paths, std::vector<std::string>{"/pgdata"});
  ASSERT_THAT(child.spec.target.claims, SizeIs(1));
  EXPECT_EQ(child.spec.target.claims[0].from, "data-app-0");
  EXPECT_EQ(child.spec.target.claims[0].to, child.metadata.name);
  EXPECT_FALSE(child.spec.target.populator);
  EXPECT_EQ(child.spec.mover.security_context.run_as_user, 26) << "what the Restore says";
  EXPECT_EQ(child.spec.mover.security_context.fs_group, 1000) << "as the claim's pods have it";
  ASSERT_THAT(plan.events, SizeIs(1));
  EXPECT_EQ(plan.events[0].reason, reason::kPopulating);
  EXPECT_THAT(plan.events[0].message, HasSubstr("Backup/nightly"));
}

TEST(PopulatorDecideTest, AnotherClaimOfTheSameNameHasAnotherChild) {
  Claim again = ClaimToFill();
  again.uid = "uid-claim-2";
  EXPECT_NE(ChildName(again), ChildName(ClaimToFill()));
  again.key.name = std::string(200, 'x');
  EXPECT_LE(ChildName(again).size(), 63u) << "a Job is named after it";
}

TEST(PopulatorDecideTest, ThePrimeIsLikeTheClaimWithoutItsSource) {
  World world = Filling();
  world.claim.node = "node-2";
  world.claim.spec["volumeMode"] = "Block";
  world.claim.spec["volumeAttributesClassName"] = "gold";
  world.prime.reset();
  world.volume.reset();
  world.child_started = false;
  world.child->status = {};
  const Plan plan = Decide(world);
  ASSERT_TRUE(plan.create_prime);
  const Json& prime = *plan.create_prime;
  EXPECT_EQ(FindString(prime, {"metadata", "name"}), ChildName(world.claim));
  EXPECT_EQ(FindString(prime, {"metadata", "annotations", kNode}), "node-2");
  EXPECT_EQ(prime.at("metadata").at("ownerReferences").at(0).at("uid"), "uid-child");
  Json expected = world.claim.spec;
  expected.erase("dataSourceRef");
  EXPECT_EQ(prime.at("spec"), expected);
}

TEST(PopulatorDecideTest, AVolumeIsGivenInOneWriteOfWhatWasRead) {
  World world = Filled();
  world.volume->policy_to_be = "Retain";
  const Plan plan = Decide(world);
  ASSERT_TRUE(plan.patch_volume);
  EXPECT_EQ(plan.patch_volume->name, "pv-1");
  const Json& patch = plan.patch_volume->patch;
  EXPECT_EQ(patch.at("metadata").at("resourceVersion"), "31");
  EXPECT_EQ(patch.at("metadata").at("annotations").at(kFilledForAnnotation), "uid-claim");
  EXPECT_TRUE(patch.at("metadata").at("annotations").at(kReclaimPolicyAnnotation).is_null());
  EXPECT_EQ(patch.at("spec").at("persistentVolumeReclaimPolicy"), "Retain");
  const Json& ref = patch.at("spec").at("claimRef");
  EXPECT_EQ(ref.at("name"), "data-copy-0");
  EXPECT_EQ(ref.at("namespace"), "shop");
  EXPECT_EQ(ref.at("uid"), "uid-claim");
  EXPECT_FALSE(plan.remove_child) << "not before the claim is bound";
}

// --- Fails closed ---

TEST(PopulatorDecideTest, WithoutASourceNothingIsMade) {
  World world = NewWorld();
  world.prospect->source = tl::make_unexpected(
      restore::Problem{true, reason::kSourceNotFound, "Backup nightly failed."});
  ExpectWaits(world, reason::kSourceNotFound, "Backup nightly failed.");
}

TEST(PopulatorDecideTest, WithoutAVolumeThatFitsNothingIsMade) {
  World world = NewWorld();
  world.prospect->source->from = "data-app-9";
  ExpectWaits(world, reason::kNoVolumeFits, "data-app-9");
}

TEST(PopulatorDecideTest, StorageThatCannotBeFilledIsNamed) {
  World none = NewWorld();
  none.claim.spec.erase("storageClassName");
  none.prospect->storage.reset();
  ExpectWaits(none, reason::kStorageUnfit, "no storageClassName");
  World missing = NewWorld();
  missing.prospect->storage.reset();
  ExpectWaits(missing, reason::kStorageUnfit, "There is no StorageClass fast");
  World no_csi = NewWorld();
  no_csi.prospect->csi = false;
  ExpectWaits(no_csi, reason::kStorageUnfit, "csi.example.com, which is no CSI driver");
  World only_read = NewWorld();
  only_read.claim.spec["accessModes"] = {"ReadOnlyMany"};
  ExpectWaits(only_read, reason::kStorageUnfit, "add ReadWriteOnce");
}

TEST(PopulatorDecideTest, TheFirstConsumerIsAwaitedInSilence) {
  World world = NewWorld();
  world.prospect->storage->waits_for_consumer = true;
  Plan plan = Decide(world);
  ExpectIdle(plan);
  EXPECT_THAT(plan.events, IsEmpty()) << "Kubernetes says so itself";
  EXPECT_EQ(plan.requeue, AwaitChange());
  world.claim.node = "node-1";
  EXPECT_TRUE(Decide(world).create_child);
}

TEST(PopulatorDecideTest, AHalfFilledVolumeIsNeverGiven) {
  for (const RestorePhase phase : {RestorePhase::kPending, RestorePhase::kRestoring}) {
    World world = Filling();
    world.child->status.phase = phase;
    ExpectIdle(Decide(world));
  }
  World writing = Filled();
  writing.child_pods = 1;
  const Plan plan = Decide(writing);
  ExpectIdle(plan);
  EXPECT_EQ(plan.requeue.at, kNow + 1s);
}

TEST(PopulatorDecideTest, WhatTheRestoreWaitsForIsSaidOfTheClaim) {
  World world = Filling();
  EXPECT_THAT(Decide(world).events, IsEmpty()) << "all is well";
  world.child->status.conditions.clear();
  crds::SetReconciling(world.child->status.conditions,
                       {1, reason::kRepositoryNotReady, "BackupRepository offsite is not ready."},
                       kNow);
  const Plan plan = Decide(world);
  ExpectIdle(plan);
  ASSERT_THAT(plan.events, SizeIs(1));
  EXPECT_EQ(plan.events[0].reason, reason::kRepositoryNotReady);
  EXPECT_THAT(plan.events[0].message, HasSubstr("offsite is not ready"));
}

TEST(PopulatorDecideTest, AFailedOneIsThrownAwayAfterAWhileAndBegunAgain) {
  World world = Filling();
  world.child->status.phase = RestorePhase::kFailed;
  world.child->status.completion_time = kNow - 2min;
  crds::SetStalled(world.child->status.conditions, {1, "NoSpace", "The volume is full."}, kNow);
  const Plan waiting = Decide(world);
  ExpectIdle(waiting);
  ASSERT_THAT(waiting.events, SizeIs(1));
  EXPECT_EQ(waiting.events[0].reason, reason::kPopulationFailed);
  EXPECT_THAT(waiting.events[0].message,
              AllOf(HasSubstr("The volume is full."), HasSubstr("2026-08-01T12:03:00Z")));
  EXPECT_EQ(waiting.requeue.at, kNow + 3min);
  world.now += 3min;
  const Plan again = Decide(world);
  ASSERT_TRUE(again.remove_child);
  EXPECT_EQ(again.remove_child->uid, "uid-child");
  EXPECT_FALSE(again.create_child) << "only once the old one is gone";
}

// Else the Restore, which has succeeded, would speak for an empty volume.
TEST(PopulatorDecideTest, APrimeThatWasDeletedTakesTheRestoreAlong) {
  World world = Filled();
  world.prime.reset();
  world.volume.reset();
  const Plan plan = Decide(world);
  EXPECT_TRUE(plan.remove_child);
  EXPECT_FALSE(plan.create_prime);
  World leaving = Filling();
  leaving.prime->deleting = true;
  EXPECT_TRUE(Decide(leaving).remove_child);
  World unstarted = Filling();
  unstarted.child_started = false;
  unstarted.child->status = {};
  unstarted.prime->deleting = true;
  ExpectIdle(Decide(unstarted));
}

TEST(PopulatorDecideTest, AVolumeThatSomebodyElseGotIsNotTakenAway) {
  World world = Filled();
  world.volume->claim_uid = "uid-of-another";
  const Plan plan = Decide(world);
  EXPECT_FALSE(plan.patch_volume);
  EXPECT_TRUE(plan.remove_child);
}

TEST(PopulatorDecideTest, NamesThatAreTakenAreNamed) {
  World restore = Filling();
  restore.child->metadata.owner_references[0].uid = "uid-of-another";
  ExpectWaits(restore, reason::kRefused, "is not of it; delete it");
  World claim = Filling();
  claim.prime->owner = {};
  ExpectWaits(claim, reason::kRefused, "delete it");
  World older = Filling();
  older.prime->owner.uid = "uid-child-before";
  const Plan plan = Decide(older);
  ExpectIdle(plan);
  EXPECT_THAT(plan.events, IsEmpty()) << "the garbage collector is on its way";
}

TEST(PopulatorDecideTest, AVolumeInTheMakingGoesWithItsClaim) {
  World world = Filling();
  world.volume->reclaim_policy = "Retain";
  const Plan plan = Decide(world);
  ASSERT_TRUE(plan.patch_volume);
  const Json& patch = plan.patch_volume->patch;
  EXPECT_EQ(patch.at("spec").at("persistentVolumeReclaimPolicy"), "Delete");
  EXPECT_EQ(patch.at("metadata").at("annotations").at(kReclaimPolicyAnnotation), "Retain");
  EXPECT_FALSE(patch.at("spec").contains("claimRef"));
}

// --- The claim has a volume ---

TEST(PopulatorDecideTest, TheRestoreGoesOnceTheClaimIsBoundAndThePrimeIsNot) {
  World world = Given();
  const Plan plan = Decide(world);
  ASSERT_TRUE(plan.remove_child);
  ASSERT_THAT(plan.events, SizeIs(1));
  EXPECT_EQ(plan.events[0].reason, reason::kPopulated);
  EXPECT_EQ(plan.events[0].message, "Restored 1 volume.");
  world.prime->phase = "Bound";
  ExpectIdle(Decide(world));
  EXPECT_EQ(Decide(world).requeue.at, kNow + 1s);
  world.claim.phase = "Pending";
  world.claim.volume.clear();
  ExpectIdle(Decide(world));
}

TEST(PopulatorDecideTest, AClaimThatIsDoneCostsNothing) {
  World world = Given();
  world.child.reset();
  world.prime.reset();
  const Plan plan = Decide(world);
  ExpectIdle(plan);
  EXPECT_THAT(plan.events, IsEmpty());
  EXPECT_EQ(plan.requeue, AwaitChange());
}

TEST(PopulatorDecideTest, AVolumeOfOthersIsCalledWhatItIs) {
  World world = Filling();
  world.claim.phase = "Bound";
  world.claim.volume = "pv-of-others";
  world.volume = Volume{"pv-of-others", "4", "uid-claim", "", "Delete", ""};
  const Plan plan = Decide(world);
  ASSERT_THAT(plan.events, SizeIs(1));
  EXPECT_EQ(plan.events[0].type, kube::EventType::kWarning);
  EXPECT_EQ(plan.events[0].reason, reason::kNotPopulated);
  EXPECT_THAT(plan.events[0].message,
              AllOf(HasSubstr("pv-of-others"), HasSubstr("not filled from Backup nightly")));
  EXPECT_TRUE(plan.remove_child);
}

TEST(PopulatorDecideTest, ADeletedClaimTakesAllThatIsOfIt) {
  for (World world : {NewWorld(), Filling(), Filled(), Given()}) {
    world.claim.deleting = true;
    const Plan plan = Decide(world);
    ExpectIdle(plan);
    EXPECT_THAT(plan.events, IsEmpty());
  }
}

// --- Which claims are ours ---

TEST(PopulatorClaimTest, OnlyClaimsThatAskUsAndHaveNoVolumeAreKept) {
  Json claim = {{"metadata", {{"namespace", "shop"}, {"name", "data"}}},
                {"spec", Json::object()},
                {"status", {{"phase", "Pending"}}}};
  EXPECT_FALSE(AsksUs(claim));
  claim["spec"]["dataSourceRef"] = {
      {"apiGroup", "snapshot.storage.k8s.io"}, {"kind", "VolumeSnapshot"}, {"name", "s"}};
  EXPECT_FALSE(AsksUs(claim));
  claim["spec"]["dataSourceRef"] = {
      {"apiGroup", "holdfast.dev"}, {"kind", "Restore"}, {"name", "s"}};
  EXPECT_TRUE(AsksUs(claim));
  EXPECT_TRUE(IsUnbound(claim));
  claim["status"]["phase"] = "Bound";
  EXPECT_FALSE(IsUnbound(claim));
}

}  // namespace
}  // namespace holdfast::controllers::populator
