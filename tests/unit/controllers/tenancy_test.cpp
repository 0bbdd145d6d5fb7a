// What somebody who may write objects in one namespace can make the operator believe of another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/labels.h"
#include "controllers/mover_run.h"
#include "controllers/repository/observe.h"
#include "tests/builders/context.h"

namespace holdfast::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kUid = "11111111-2222-3333-4444-555555555555";

std::string Forged() {
  protocol::MoverResult result;
  result.verb = "backup";
  result.snapshot = std::string(64, 'f');
  return protocol::Encode(result);
}

class TenancyTest : public builders::ContextTest {
 protected:
  TenancyTest() {
    settings_.cluster_name = "prod";
    job_.key = {"blue", "run-data-db-0"};
    job_.uid = kUid;
    job_.labels = {{kVerbLabel, "backup"}};
    job_.owner = {"Backup", "run", "uid-run"};
  }

  // As a pod of blue's mover would be, but for the namespace.
  PodView PodIn(const std::string& ns) const {
    PodView pod;
    pod.key = {ns, "run-data-db-0-x7k2p"};
    pod.labels = {{kManagedBy, kManagedByHoldfast}};
    pod.owner = {"Job", job_.key.name, job_.uid};
    pod.phase = "Succeeded";
    pod.exit_code = 0;
    pod.termination_message = Forged();
    return pod;
  }

  JobView job_;
};

TEST_F(TenancyTest, APodBelongsToAJobOfItsOwnNamespace) {
  caches_.Add(PodIn("red"));
  EXPECT_THAT(PodsOf(caches_.caches(), job_), IsEmpty());
  EXPECT_EQ(LookAtMover(context_, job_, {}).pod, "");
  caches_.Add(PodIn("blue"));
  EXPECT_THAT(PodsOf(caches_.caches(), job_), SizeIs(1)) << "the test would find one";
}

TEST_F(TenancyTest, AJobBelongsToAnObjectOfItsOwnNamespace) {
  JobView forged = job_;
  forged.key.ns = "red";
  caches_.Add(forged);
  const auto found = [&] {
    return caches_.caches().jobs.Find(index::kOwner, index::OwnedBy("blue", "uid-run"));
  };
  EXPECT_THAT(found(), IsEmpty());
  caches_.Add(job_);
  EXPECT_THAT(found(), SizeIs(1));
}

TEST_F(TenancyTest, ALabelAloneMakesNoMoversPod) {
  job_.complete = true;
  server_.Answer(
      200, {{"metadata", Json::object()},
            {"items",
             {{{"metadata",
                {{"name", "stranger"},
                 {"namespace", "blue"},
                 {"labels", {{"batch.kubernetes.io/controller-uid", kUid}}}}},
               {"status",
                {{"phase", "Succeeded"},
                 {"containerStatuses",
                  {{{"state", {{"terminated", {{"exitCode", 0}, {"message", Forged()}}}}}}}}}}}}}});
  const MoverState state = LookAtMover(context_, job_, {});
  EXPECT_THAT(server_.requests(), SizeIs(1)) << "the caches may be behind, so it was asked";
  EXPECT_FALSE(state.result);
}

// Whoever owns a repository writes what they like into its locks.
class HoldersTest : public TenancyTest {
 protected:
  std::vector<std::string> DeadOf(const std::string& holder) {
    crds::BackupRepository repository = builders::RepositoryNamed("offsite").Build();
    job_.key = {"shop", "offsite-probe"};
    job_.labels = {{kVerbLabel, "probe"}};
    job_.owner = {"BackupRepository", "offsite", repository.metadata.uid};
    job_.complete = true;
    caches_.Add(job_);
    PodView pod = PodIn("shop");
    protocol::MoverResult result;
    result.verb = "init";
    result.lock_holders = {holder};
    pod.termination_message = protocol::Encode(result);
    caches_.Add(pod);
    repository::MoverWatch movers;
    return repository::Observe(context_, movers, repository, {}).dead_holders;
  }
  void AnswerWithPod(const Json& labels) {
    server_.Answer(200,
                   {{"metadata", {{"name", "db-0"}, {"namespace", "blue"}, {"labels", labels}}},
                    {"status", {{"phase", "Running"}}}});
  }
};

TEST_F(HoldersTest, AWorkloadsPodLooksLikeNone) {
  AnswerWithPod({{"app", "db"}});
  EXPECT_THAT(DeadOf("prod/blue/db-0"), ElementsAre("prod/blue/db-0"));
}

TEST_F(HoldersTest, NorIsTheAnswerAnotherWhenThereIsNone) {
  server_.Refuse(404, "NotFound", "pods \"db-0\" not found");
  EXPECT_THAT(DeadOf("prod/blue/db-0"), ElementsAre("prod/blue/db-0"));
}

TEST_F(HoldersTest, AMoverOfAnotherNamespaceThatSharesTheRepositoryKeepsItsLock) {
  AnswerWithPod({{kManagedBy, kManagedByHoldfast}});
  EXPECT_THAT(DeadOf("prod/blue/db-0"), IsEmpty());
}

TEST_F(HoldersTest, APathInsteadOfANameIsAskedOfNobody) {
  EXPECT_THAT(DeadOf("prod/../secrets"), IsEmpty());
  EXPECT_THAT(server_.requests(), IsEmpty());
}

}  // namespace
}  // namespace holdfast::controllers
