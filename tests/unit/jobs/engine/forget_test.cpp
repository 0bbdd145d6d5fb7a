#include "jobs/engine/forget.h"

#include <gtest/gtest.h>

#include "jobs/storage/memory.h"

namespace holdfast::engine {
namespace {

class ForgetTest : public testing::Test {
 protected:
  ForgetTest() {
    repo::InitOptions options;
    options.kdf = repo::KdfParams{16, 1, 1};
    repository_ = repo::Repository::Init(storage_, "pw", options, {}).value();
    options_.identity = {"prod", "/shop/data-0"};
    options_.tag = "policy=a";
  }

  // A snapshot of hour `hour`, and its id.
  repo::Id Snapshot(int hour, const char* path = "/shop/data-0", const char* tag = "policy=a") {
    repo::Snapshot snapshot;
    snapshot.time = ParseTime("2026-08-01T00:00:00Z").value() + std::chrono::hours(hour);
    snapshot.tree = repo::Id::Of(AsBytes("tree"));
    snapshot.hostname = "prod";
    snapshot.paths = {path};
    snapshot.tags = {tag};
    return repository_->SaveSnapshot(snapshot, {}).value();
  }
  Result<ForgetReport> TryForget() {
    return Forget(*repository_, repository_->ListSnapshots({}).value(), options_,
                  SystemClock().Now(), {});
  }
  std::size_t Left() { return repository_->ListSnapshots({})->size(); }

  storage::Memory storage_;
  std::unique_ptr<repo::Repository> repository_;
  ForgetOptions options_;
};

TEST_F(ForgetTest, TakesTheOldOfOneVolumeAndOnePolicy) {
  const repo::Id old = Snapshot(1);
  Snapshot(2);
  Snapshot(0, "/shop/data-1");
  Snapshot(0, "/shop/data-0", "policy=b");
  options_.policy.keep[0] = 1;
  const ForgetReport report = TryForget().value();
  EXPECT_EQ(report.removed, std::vector<repo::Id>({old}));
  EXPECT_EQ(report.kept, 1u);
  EXPECT_EQ(Left(), 3u);
}

TEST_F(ForgetTest, RemovesABoundedNumberAndSaysThatMoreAreDue) {
  for (int hour = 0; hour < 53; ++hour) Snapshot(hour);
  options_.policy.keep[0] = 1;
  const ForgetReport first = TryForget().value();
  EXPECT_EQ(first.removed.size(), kMaxForgotten);
  EXPECT_TRUE(first.more);
  const ForgetReport second = TryForget().value();
  EXPECT_EQ(second.removed.size(), 2u);
  EXPECT_FALSE(second.more);
  EXPECT_EQ(Left(), 1u);
}

TEST_F(ForgetTest, TakesWhatWasCopiedFromSnapshotsElsewhere) {
  const repo::Id elsewhere = repo::Id::Of(AsBytes("elsewhere"));
  repo::Snapshot copy;
  copy.time = ParseTime("2026-08-01T00:00:00Z").value();
  copy.tree = repo::Id::Of(AsBytes("tree"));
  copy.hostname = "prod";
  copy.paths = {"/shop/data-0"};
  copy.tags = {"policy=a"};
  copy.original = elsewhere;
  const repo::Id id = repository_->SaveSnapshot(copy, {}).value();
  Snapshot(1);
  options_.copies = true;
  options_.missing_ok = true;
  options_.ids = {elsewhere.Hex(), repo::Id::Of(AsBytes("never copied")).Hex()};
  EXPECT_EQ(TryForget()->removed, std::vector<repo::Id>({id}));
  EXPECT_EQ(TryForget()->removed, std::vector<repo::Id>());
  EXPECT_EQ(Left(), 1u);
}

TEST_F(ForgetTest, CopiesOfAnotherVolumeAreNotTaken) {
  repo::Snapshot copy;
  copy.tree = repo::Id::Of(AsBytes("tree"));
  copy.hostname = "prod";
  copy.paths = {"/shop/data-1"};
  copy.tags = {"policy=a"};
  copy.original = repo::Id::Of(AsBytes("elsewhere"));
  repository_->SaveSnapshot(copy, {}).value();
  options_.copies = true;
  options_.ids = {copy.original->Hex()};
  EXPECT_EQ(TryForget().error().code, Code::kInvalid);
  EXPECT_EQ(Left(), 1u);
}

TEST_F(ForgetTest, DryRunRemovesNothing) {
  Snapshot(1);
  Snapshot(2);
  options_.policy.keep[0] = 1;
  options_.dry_run = true;
  EXPECT_EQ(TryForget()->removed.size(), 1u);
  EXPECT_EQ(Left(), 2u);
}

TEST_F(ForgetTest, ByIdWhateverTheVolumeIfNoneIsGiven) {
  const repo::Id other = Snapshot(1, "/shop/data-1");
  options_.identity = {};
  options_.tag.clear();
  options_.ids = {other.Hex()};
  EXPECT_EQ(TryForget()->removed, std::vector<repo::Id>({other}));
  const auto again = TryForget();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kNotFound);
}

TEST_F(ForgetTest, AnIdOfAnotherVolumeOrPolicyRemovesNothingAtAll) {
  const repo::Id own = Snapshot(1);
  for (const repo::Id& other :
       {Snapshot(2, "/shop/data-1"), Snapshot(3, "/shop/data-0", "policy=b")}) {
    options_.ids = {own.Hex(), other.Hex()};
    const auto refused = TryForget();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalid);
  }
  EXPECT_EQ(Left(), 3u);
}

TEST_F(ForgetTest, IdsThatAreGoneMayBePassedOver) {
  const repo::Id own = Snapshot(1);
  options_.ids = {std::string(64, 'a'), own.Hex()};
  EXPECT_EQ(TryForget().error().code, Code::kNotFound);
  options_.missing_ok = true;
  EXPECT_EQ(TryForget()->removed, std::vector<repo::Id>({own}));
  EXPECT_TRUE(TryForget()->removed.empty());
}

TEST_F(ForgetTest, GroupsAreCountedEachByItself) {
  const repo::Id old = Snapshot(1);
  Snapshot(2);
  const repo::Id other = Snapshot(1, "/shop/data-1");
  options_.identity = {};
  options_.tag.clear();
  options_.policy.keep[0] = 1;
  options_.group_by = ParseGrouping("host,paths").value();
  EXPECT_EQ(TryForget()->removed, std::vector<repo::Id>({old}));
  options_.group_by = ParseGrouping("").value();
  EXPECT_EQ(TryForget()->removed, std::vector<repo::Id>({other}));
  EXPECT_FALSE(ParseGrouping("colour"));
}

TEST_F(ForgetTest, RefusesAPolicyWithoutRulesOrVolume) {
  Snapshot(1);
  EXPECT_EQ(TryForget().error().code, Code::kInvalid);
  options_.policy.keep[0] = 1;
  options_.identity.host.clear();
  EXPECT_EQ(TryForget().error().code, Code::kInvalid);
  EXPECT_EQ(Left(), 1u);
}

}  // namespace
}  // namespace holdfast::engine
