// What a Restore that is over still asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/reasons.h"
#include "controllers/restore/controller.h"
#include "tests/builders/context.h"

namespace holdfast::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kJobPath = "/apis/batch/v1/namespaces/shop/jobs/back-restore-1";
constexpr const char* kClaimPath = "/api/v1/namespaces/shop/persistentvolumeclaims/data-db-0";

class RestoreOverTest : public builders::ContextTest {
 protected:
  void AddRestore(crds::RestorePhase phase) {
    crds::Restore restore;
    restore.metadata = builders::InShop("back");
    restore.metadata.uid = "uid-back";
    restore.status.phase = phase;
    restore.status.volumes.emplace_back().claim = "data-db-0";
    restore.status.volumes[0].job = "back-restore-1";
    crds::SetReady(restore.status.conditions, {1, reason::kSucceeded, ""}, clock_.Now());
    caches_.Add(restore);
  }
  void AddFailedJob() {
    JobView job;
    job.key = {"shop", "back-restore-1"};
    job.uid = "uid-job";
    job.owner.uid = "uid-back";
    job.broken = true;
    job.expires = true;
    caches_.Add(job);
  }
  static Json Claim(bool deleting) {
    Json claim = {{"metadata", {{"namespace", "shop"}, {"name", "data-db-0"}, {"uid", "uid-c"}}},
                  {"spec", Json::object()}};
    if (deleting) claim["metadata"]["deletionTimestamp"] = "2026-06-01T12:00:00Z";
    return claim;
  }
  Result<Requeue> Reconcile() {
    return RestoreController(context_).Reconcile({"shop", "back"}, {});
  }
};

TEST_F(RestoreOverTest, NothingWithoutTheJobOfAFailedMover) {
  AddRestore(crds::RestorePhase::kFailed);
  EXPECT_EQ(Reconcile().value(), AwaitChange());
  EXPECT_THAT(Asked(), IsEmpty());
}

TEST_F(RestoreOverTest, ForTheClaimThatSuchAJobWouldKeep) {
  AddRestore(crds::RestorePhase::kFailed);
  AddFailedJob();
  server_.Answer(200, Claim(/*deleting=*/false));
  EXPECT_TRUE(Reconcile().value().at);
  EXPECT_THAT(Asked(), ElementsAre(std::string("GET ") + kClaimPath));
}

TEST_F(RestoreOverTest, TheJobGoesOnceItsClaimIsDeleted) {
  AddRestore(crds::RestorePhase::kFailed);
  AddFailedJob();
  server_.Answer(200, Claim(/*deleting=*/true)).Answer(200, Json::object());
  EXPECT_EQ(Reconcile().value(), AwaitChange());
  EXPECT_THAT(Asked(),
              ElementsAre(std::string("GET ") + kClaimPath, std::string("DELETE ") + kJobPath));
}

}  // namespace
}  // namespace holdfast::controllers
