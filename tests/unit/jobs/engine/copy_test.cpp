// Copies between repositories in memory.
#include <gmock/gmock.h>

#include "jobs/engine/copier.h"
#include "tests/fakes/fault_backend.h"
#include "tests/unit/jobs/engine/repositories.h"

namespace holdfast::engine {
namespace {

using storage::FileType;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Result<CopyReport> TryCopy(storage::Backend& from, storage::Backend& to) {
  auto source = OpenRepository(from);
  auto key = repo::FindKey(to, "pw", {});
  if (!key) return tl::make_unexpected(key.error());
  TRY(auto destination, repo::Repository::Open(to, std::move((*key)->master), SmallPacks(), {}));
  TRY(const auto there, destination->ListSnapshots({}));
  TRY_VOID(destination->LoadIndex({}));
  Meter meter;
  TRY(const auto snapshots, source->ListSnapshots({}));
  return Copy(*source, snapshots, *destination, there, meter, {});
}

class CopyTest : public testing::Test {
 protected:
  CopyTest() {
    InitRepository(from_);
    InitRepository(to_);
  }
  void Save(int files, int hour) {
    contents_.push_back(RandomContent(random_, files));
    SaveContent(*OpenRepository(from_), contents_.back(), hour);
  }
  void ExpectAll(storage::Backend& storage) {
    auto repository = OpenRepository(storage);
    const auto snapshots = repository->ListSnapshots({}).value();
    ASSERT_EQ(snapshots.size(), contents_.size());
    for (std::size_t i = 0; i < snapshots.size(); ++i) {
      EXPECT_THAT(Differences(*repository, snapshots[i], contents_[i]), IsEmpty());
      EXPECT_TRUE(snapshots[i].original);
    }
    Meter meter;
    const auto check = Check(*repository, snapshots, DataSubset::All(), meter, {});
    EXPECT_THAT(check->damage.first(), IsEmpty());
  }

  storage::Memory from_, to_;
  std::mt19937 random_{3};
  std::vector<Content> contents_;  // oldest first
};

TEST_F(CopyTest, EverySnapshotArrivesOnce) {
  Save(20, 1);
  Save(25, 2);
  const CopyReport report = TryCopy(from_, to_).value();
  EXPECT_THAT(report.copied, SizeIs(2));
  EXPECT_GT(report.bytes_added, 10'000u);
  ExpectAll(to_);
  Save(5, 3);
  const CopyReport again = TryCopy(from_, to_).value();
  EXPECT_EQ(again.skipped, 2u);
  EXPECT_THAT(again.copied, SizeIs(1));
  ExpectAll(to_);
}

TEST_F(CopyTest, WhatWentThereAndCameBackIsKnown) {
  Save(5, 1);
  ASSERT_TRUE(TryCopy(from_, to_));
  EXPECT_EQ(TryCopy(to_, from_)->skipped, 1u);
}

TEST_F(CopyTest, TheSameRepositoryIsRefused) {
  Save(5, 1);
  EXPECT_EQ(TryCopy(from_, from_).error().code, Code::kInvalid);
}

TEST_F(CopyTest, DamageAtTheSourceSavesNoSnapshot) {
  Save(20, 1);
  const std::string name = NamesIn(from_, FileType::kPack).front();
  Bytes bytes = from_.Load({FileType::kPack, name}, 0, 0, {}).value();
  bytes[20] ^= 1;
  ASSERT_TRUE(from_.Remove({FileType::kPack, name}, {}));
  ASSERT_TRUE(from_.Save({FileType::kPack, name}, bytes, {}));
  const auto report = TryCopy(from_, to_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->damaged.count(), 1u);
  EXPECT_THAT(NamesIn(to_, FileType::kSnapshot), IsEmpty());
}

// Power loss at the destination at every operation: what is there is whole, and the next run
// finishes.
TEST_F(CopyTest, InterruptedAnywhereTheNextRunFinishes) {
  Save(12, 1);
  Save(12, 2);
  std::uint64_t operations = 0;
  {
    storage::Memory copy;
    CopyStorage(to_, copy);
    fakes::FaultBackend counting(copy, {});
    ASSERT_TRUE(TryCopy(from_, counting));
    operations = counting.operations();
  }
  ASSERT_GT(operations, 5u);
  for (const fakes::FaultKind kind : {fakes::FaultKind::kFail, fakes::FaultKind::kLoseAnswer}) {
    for (std::uint64_t at = 1; at <= operations; ++at) {
      storage::Memory copy;
      CopyStorage(to_, copy);
      fakes::FaultBackend faulty(copy, {.kind = kind, .at = at, .dead_after = true});
      static_cast<void>(TryCopy(from_, faulty));
      {
        auto repository = OpenRepository(copy);
        Meter meter;
        const auto check =
            Check(*repository, repository->ListSnapshots({}).value(), DataSubset::All(), meter, {});
        ASSERT_THAT(check->damage.first(), IsEmpty()) << "operation " << at;
      }
      ASSERT_TRUE(TryCopy(from_, copy)) << "operation " << at;
      ExpectAll(copy);
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace holdfast::engine
