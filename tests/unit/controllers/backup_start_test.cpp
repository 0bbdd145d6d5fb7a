// What a Backup asks of the API server before its movers start: little, at once, and never in a way
// that could be wrong by being old.
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/observe.h"
#include "controllers/backup/volumes.h"
#include "controllers/labels.h"
#include "controllers/reasons.h"
#include "tests/builders/context.h"

namespace holdfast::controllers::backup {
namespace {

using builders::BackupNamed;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class BackupStartTest : public builders::ContextTest {
 protected:
  BackupStartTest() {
    caches_.Add(builders::PolicyNamed("nightly")
                    .With([](auto& policy) { policy.spec.copy_method = crds::CopyMethod::kDirect; })
                    .Build());
    caches_.Add(builders::RepositoryNamed("offsite").WithSlots(4).Build());
    SetOf(1);
    server_.AnswerAll([this](const kube::Request& request) { return Answer(request); });
  }

  void SetOf(int replicas) { caches_.Add(builders::StatefulSetOf(replicas)); }

  static crds::Backup Resolved(const std::vector<std::string>& claims = {"data-db-0"}) {
    BackupNamed builder("run");
    for (const std::string& claim : claims) builder.Volume(claim);
    return builder.Build();
  }

  World Look(const crds::Backup& backup) {
    const auto observed = Observe(context_, book_, backup, {});
    if (!observed) throw std::runtime_error(observed.error().message);
    return observed->world;
  }

  std::vector<std::string> Lists(const std::string& plural) const {
    std::vector<std::string> queries;
    for (const kube::Request& request : server_.requests())
      if (request.path.ends_with("/" + plural)) queries.push_back(request.query);
    return queries;
  }

  JobView Mover(const std::string& name, const std::string& verb = "backup") {
    JobView job;
    job.key = {"shop", name};
    job.uid = "uid-" + name;
    job.labels = {{kVerbLabel, verb}, {kRepositoryLabel, "offsite"}};
    job.owner = {"Backup", "another", "uid-another"};
    return job;
  }

  // The cache shows all Jobs up to what this process made last.
  kube::Freshness& JobsAreShown() {
    kube::Freshness& freshness = caches_.caches().jobs.freshness();
    freshness.Wrote({"shop", "earlier"}, "10");
    freshness.Reached("", "10");
    return freshness;
  }

  std::set<std::string> claims_{"data-db-0"};             // in etcd
  std::set<std::string> remembered_claims_{"data-db-0"};  // in the API server's memory
  std::set<std::string> devices_;                         // claims with volumeMode Block
  std::vector<Json> jobs_;
  std::vector<Json> pods_;
  ProgressBook book_;

 private:
  static kube::Response List(const std::vector<Json>& items) {
    return {200, DumpJson({{"metadata", {{"resourceVersion", "77"}}}, {"items", items}}), {}};
  }

  Result<kube::Response> Answer(const kube::Request& request) const {
    const std::string claims = "/api/v1/namespaces/shop/persistentvolumeclaims";
    if (request.path == claims) {
      const bool any = request.query.find("resourceVersion=0") != std::string::npos;
      std::vector<Json> items;
      for (const std::string& name : any ? remembered_claims_ : claims_)
        items.push_back(
            {{"metadata", {{"name", name}, {"namespace", "shop"}}},
             {"spec", {{"volumeMode", devices_.contains(name) ? "Block" : "Filesystem"}}}});
      return List(items);
    }
    if (request.path.starts_with(claims + "/")) {
      const std::string name = request.path.substr(claims.size() + 1);
      if (claims_.contains(name)) return kube::Response{200, "{}", {}};
      return kube::Response{404, R"({"kind": "Status", "reason": "NotFound"})", {}};
    }
    if (request.path.ends_with("/jobs")) return List(jobs_);
    return List(pods_);
  }
};

TEST_F(BackupStartTest, PodsAndClaimsComeFromTheServersMemoryAndJobsFromTheCache) {
  JobsAreShown();
  const World world = Look(Resolved());
  EXPECT_EQ(world.free_slots, 4);
  EXPECT_TRUE(world.volumes[0].claim_exists);
  EXPECT_EQ(server_.requests().size(), 2u);
  EXPECT_THAT(Lists("pods"), ElementsAre(HasSubstr("resourceVersion=0&")));
  EXPECT_THAT(Lists("persistentvolumeclaims"), ElementsAre(HasSubstr("resourceVersion=0&")));
}

TEST_F(BackupStartTest, WhoHasWaitedLongerGoesFirstAlsoWhereThereAreSlotsForBoth) {
  JobsAreShown();
  crds::Backup older = BackupNamed("older").Volume("data-db-9").Build();
  older.metadata.creation_timestamp = builders::At("2026-05-01T00:00:00Z");
  older.status.repository = "offsite";
  crds::SetReconciling(older.status.conditions, {1, reason::kWaitingForSlot, "waits"},
                       builders::At("2026-05-01T00:00:00Z"));
  caches_.Add(older);
  EXPECT_EQ(Look(Resolved()).free_slots, 0);
  crds::SetReconciling(older.status.conditions, {1, reason::kJobRefused, "by a quota"},
                       builders::At("2026-05-01T00:01:00Z"));
  caches_.Add(older);
  EXPECT_EQ(Look(Resolved()).free_slots, 3) << "it keeps the slot it needs";
}

TEST_F(BackupStartTest, AClaimThatAPodOnANodeMountsExists) {
  JobsAreShown();
  pods_.push_back(
      {{"metadata", {{"name", "db-0"}, {"namespace", "shop"}}},
       {"spec",
        {{"nodeName", "node-a"},
         {"volumes",
          {{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "data-db-0"}}}}}}}},
       {"status", {{"phase", "Running"}}}});
  const World world = Look(Resolved());
  EXPECT_TRUE(world.volumes[0].claim_exists);
  EXPECT_EQ(world.volumes[0].node, "node-a");
  EXPECT_EQ(world.volumes[0].pod, "db-0");
  EXPECT_THAT(Lists("persistentvolumeclaims"), IsEmpty());
}

// By the pod that has it; or by the claim, where none does.
TEST_F(BackupStartTest, ADeviceIsSeen) {
  JobsAreShown();
  devices_ = {"data-db-0"};
  EXPECT_TRUE(Look(Resolved()).volumes[0].source.block);
  devices_.clear();
  EXPECT_FALSE(Look(Resolved()).volumes[0].source.block);
  pods_.push_back(
      {{"metadata", {{"name", "db-0"}, {"namespace", "shop"}}},
       {"spec",
        {{"nodeName", "node-a"},
         {"containers", {{{"volumeDevices", {{{"name", "data"}}}}}}},
         {"volumes",
          {{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "data-db-0"}}}}}}}},
       {"status", {{"phase", "Running"}}}});
  EXPECT_TRUE(Look(Resolved()).volumes[0].source.block);
}

TEST_F(BackupStartTest, AClaimThatTheServerDoesNotRememberIsNotCalledMissing) {
  remembered_claims_.clear();
  EXPECT_TRUE(Look(Resolved()).volumes[0].claim_exists);
  EXPECT_THAT(Lists("persistentvolumeclaims"),
              ElementsAre(HasSubstr("resourceVersion=0"), Not(HasSubstr("resourceVersion"))));
}

TEST_F(BackupStartTest, AClaimThatIsMissingForCertainIs) {
  claims_.clear();
  remembered_claims_.clear();
  EXPECT_FALSE(Look(Resolved()).volumes[0].claim_exists);
}

TEST_F(BackupStartTest, BeforeItMadeAJobTheLatestListIsAsked) {
  const World world = Look(Resolved());
  EXPECT_EQ(world.free_slots, 4);
  EXPECT_THAT(Lists("jobs"), ElementsAre(Not(HasSubstr("resourceVersion"))));
  caches_.caches().jobs.freshness().Reached("", "77");
  Look(Resolved());
  EXPECT_EQ(Lists("jobs").size(), 1u) << "the cache has come to that list's version";
}

TEST_F(BackupStartTest, AJobThatTheCacheDoesNotShowYetTakesItsSlot) {
  JobsAreShown().Wrote({"shop", "other-data-db-0"}, "12");
  jobs_.push_back({{"metadata",
                    {{"name", "other-data-db-0"},
                     {"namespace", "shop"},
                     {"labels", {{kVerbLabel, "backup"}, {kRepositoryLabel, "offsite"}}}}}});
  EXPECT_EQ(Look(Resolved()).free_slots, 3);
  EXPECT_THAT(Lists("jobs"), ElementsAre(HasSubstr("resourceVersion=12&"
                                                   "resourceVersionMatch=NotOlderThan")));
}

TEST_F(BackupStartTest, CachedMoversTakeSlotsUntilTheyEnd) {
  JobsAreShown();
  caches_.Add(Mover("a"));
  caches_.Add(Mover("b", "restore"));
  caches_.Add(Mover("check", "check"));
  JobView over = Mover("over");
  over.complete = true;
  caches_.Add(over);
  EXPECT_EQ(Look(Resolved()).free_slots, 2);
}

TEST_F(BackupStartTest, WithoutAFreeSlotNothingIsAsked) {
  JobsAreShown();
  for (const char* name : {"a", "b", "c", "d"}) caches_.Add(Mover(name));
  EXPECT_EQ(Look(Resolved()).free_slots, 0);
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(BackupStartTest, APruneInTheCacheIsSeen) {
  JobsAreShown();
  caches_.Add(Mover("tidy", "prune"));
  EXPECT_EQ(Look(Resolved()).pruning, "tidy");
}

TEST_F(BackupStartTest, ItsOwnJobOnItsWayToTheCacheIsWaitedFor) {
  JobsAreShown().Wrote({"shop", "run-data-db-0"}, "12");
  const World world = Look(Resolved());
  EXPECT_TRUE(world.volumes[0].job_is_coming);
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(BackupStartTest, AVolumeThatFailedWithoutAMoverAsksForNothing) {
  crds::Backup backup = Resolved();
  backup.status.volumes[0].state = crds::RunState::kFailed;
  Look(backup);
  EXPECT_THAT(server_.requests(), IsEmpty());
}

class SetAtRestTest : public BackupStartTest {
 protected:
  SetAtRestTest() { SetOf(0); }
  std::set<std::string> Left() { return Look(BackupNamed("run").Build()).claims; }
};

TEST_F(SetAtRestTest, TheClaimsItLeftAreWhatTheServerRemembersIfNoneFollows) {
  EXPECT_THAT(Left(), ElementsAre("data-db-0"));
  EXPECT_THAT(Asked(), ElementsAre(HasSubstr("persistentvolumeclaims?limit=500&resourceVersion=0"),
                                   HasSubstr("persistentvolumeclaims/data-db-1")));
}

TEST_F(SetAtRestTest, OneThatFollowsTellsThatTheServersMemoryIsOld) {
  claims_ = {"data-db-0", "data-db-1", "data-db-2"};
  EXPECT_THAT(Left(), ElementsAre("data-db-0", "data-db-1", "data-db-2"));
}

TEST_F(SetAtRestTest, SoDoesOneBetween) {
  claims_ = {"data-db-0", "data-db-1", "data-db-2"};
  remembered_claims_ = {"data-db-0", "data-db-2"};
  EXPECT_THAT(Left(), ElementsAre("data-db-0", "data-db-1", "data-db-2"));
}

TEST_F(SetAtRestTest, AndTheFirstOfAll) {
  remembered_claims_.clear();
  EXPECT_THAT(Left(), ElementsAre("data-db-0"));
}

TEST_F(SetAtRestTest, ManyGapsAreNotAskedForOneByOne) {
  claims_ = remembered_claims_ = {"data-db-0", "data-db-999999999"};
  EXPECT_THAT(Left(), ElementsAre("data-db-0", "data-db-999999999"));
  EXPECT_EQ(server_.requests().size(), 2u);
}

TEST(MissingClaims, AreThoseBetweenAndTheNextOfEachTemplate) {
  const crds::BackupPolicy policy = builders::PolicyNamed("nightly").Build();
  StatefulSetView set = builders::StatefulSetOf(0, {"data", "wal"});
  EXPECT_THAT(MissingClaims(policy, set, {}), ElementsAre("data-db-0", "wal-db-0"));
  EXPECT_THAT(MissingClaims(policy, set, {"data-db-0", "data-db-2", "wal-db-0", "wal-db-x"}),
              ElementsAre("data-db-1", "data-db-3", "wal-db-1"));
  set.first_ordinal = 5;
  EXPECT_THAT(MissingClaims(policy, set, {"data-db-0", "data-db-5"}),
              ElementsAre("data-db-6", "wal-db-5"));
}

}  // namespace
}  // namespace holdfast::controllers::backup
