// What a claim's dataSourceRef names, and what filling one asks of the API server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/populator/controller.h"
#include "controllers/populator/observe.h"
#include "controllers/populator/source.h"
#include "controllers/reasons.h"
#include "tests/builders/context.h"

namespace holdfast::controllers::populator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Json ClaimJson(const std::string& group = "holdfast.dev") {
  return {{"metadata", {{"namespace", "shop"}, {"name", "data"}, {"uid", "uid-data"}}},
          {"spec",
           {{"storageClassName", "fast"},
            {"dataSourceRef", {{"apiGroup", group}, {"kind", "Backup"}, {"name", "nightly"}}}}},
          {"status", {{"phase", "Pending"}}}};
}

class PopulatorSourceTest : public builders::ContextTest {
 protected:
  PopulatorSourceTest() {
    claim_.key = {"shop", "data"};
    claim_.source = {"Backup", "nightly", ""};
  }

  // The Problem's reason and message.
  std::pair<std::string, std::string> Refused() const {
    const auto source = FindSource(context_, claim_);
    if (source) return {"", "found"};
    return {source.error().reason, source.error().message};
  }
  void AddBackup() {
    caches_.Add(builders::BackupNamed("nightly")
                    .Volume("data-db-0", crds::RunState::kSucceeded, "4a5b")
                    .Succeeded("2026-06-01T10:00:00Z")
                    .Build());
  }
  void AddTemplate() {
    crds::Restore restore;
    restore.metadata = builders::InShop("before");
    restore.spec.source.policy = "nightly";
    restore.spec.paths = {"/pgdata"};
    restore.spec.target.populator.emplace().from = "data-db-0";
    caches_.Add(restore);
  }

  Claim claim_;
};

TEST_F(PopulatorSourceTest, ABackupIsAwaited) {
  EXPECT_EQ(Refused().first, reason::kSourceNotFound);
  AddBackup();
  const auto source = FindSource(context_, claim_);
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(source->spec.source.backup, "nightly");
  EXPECT_EQ(source->from, "");
  ASSERT_EQ(source->found.origins.size(), 1u);
  EXPECT_EQ(source->found.origins[0].claim, "data-db-0");
}

TEST_F(PopulatorSourceTest, ABackupThatRunsOrFailedFillsNothing) {
  caches_.Add(builders::BackupNamed("nightly")
                  .Volume("data-db-0", crds::RunState::kSucceeded, "4a5b")
                  .Started("2026-06-01T10:00:00Z")
                  .Build());
  EXPECT_THAT(Refused().second, HasSubstr("still running"));
  caches_.Add(builders::BackupNamed("nightly")
                  .Volume("data-db-0", crds::RunState::kFailed)
                  .Failed("2026-06-01T10:00:00Z")
                  .Build());
  EXPECT_THAT(Refused().second, HasSubstr("has no snapshot"));
}

TEST_F(PopulatorSourceTest, ARestoreSaysWhatIsToBeRestored) {
  claim_.source = {"Restore", "before", ""};
  EXPECT_EQ(Refused().first, reason::kNoPopulator);
  AddTemplate();
  EXPECT_EQ(Refused().first, reason::kPolicyNotFound) << "the source of that Restore";
  AddBackup();
  const auto source = FindSource(context_, claim_);
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(source->spec.source.policy, "nightly");
  EXPECT_EQ(source->spec.paths, std::vector<std::string>{"/pgdata"});
  EXPECT_EQ(source->spec.target, crds::RestoreTarget{});
  EXPECT_EQ(source->from, "data-db-0");
  EXPECT_EQ(source->found.backup, "nightly");
}

TEST_F(PopulatorSourceTest, ARestoreOfItsOwnIsNone) {
  crds::Restore restore;
  restore.metadata = builders::InShop("back");
  restore.spec.source.backup = "nightly";
  restore.spec.target.stateful_set = "db";
  caches_.Add(restore);
  AddBackup();
  claim_.source = {"Restore", "back", ""};
  EXPECT_EQ(Refused().first, reason::kNoPopulator);
  EXPECT_THAT(Refused().second, HasSubstr("target: {populator: {}}"));
}

TEST_F(PopulatorSourceTest, OtherKindsAndOtherNamespacesAreRefused) {
  AddBackup();
  claim_.source = {"BackupPolicy", "nightly", ""};
  EXPECT_EQ(Refused().first, reason::kNotSupported);
  claim_.source = {"Backup", "nightly", "bank"};
  EXPECT_EQ(Refused().first, reason::kNotSupported);
  EXPECT_THAT(Refused().second, HasSubstr("its own namespace"));
  claim_.source = {"Backup", "nightly", "shop"};
  EXPECT_EQ(Refused().second, "found");
}

// --- What is asked ---

TEST_F(PopulatorSourceTest, AClaimOfOthersCostsOneLook) {
  server_.Answer(200, ClaimJson("example.com"));
  const auto world = Observe(context_, {"shop", "data"}, {});
  ASSERT_TRUE(world) << world.error().message;
  EXPECT_FALSE(*world);
  EXPECT_THAT(Asked(), ElementsAre("GET /api/v1/namespaces/shop/persistentvolumeclaims/data"));
}

TEST_F(PopulatorSourceTest, ThePrimeIsReadBeforeTheRestore) {
  const std::string name = ChildName(DecodeClaimToFill(ClaimJson()));
  server_.Answer(200, ClaimJson())
      .Refuse(404, "NotFound", "no such claim")
      .Refuse(404, "NotFound", "no such restore");
  const auto world = Observe(context_, {"shop", "data"}, {});
  ASSERT_TRUE(world) << world.error().message;
  ASSERT_TRUE(*world);
  EXPECT_THAT(Asked(),
              ElementsAre("GET /api/v1/namespaces/shop/persistentvolumeclaims/data",
                          "GET /api/v1/namespaces/shop/persistentvolumeclaims/" + name,
                          "GET /apis/holdfast.dev/v1alpha1/namespaces/shop/restores/" + name))
      << "and nothing more while there is no source";
  ASSERT_TRUE((*world)->prospect);
  EXPECT_FALSE((*world)->prospect->source);
}

}  // namespace
}  // namespace holdfast::controllers::populator
