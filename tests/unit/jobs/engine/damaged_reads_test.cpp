// Who reads goes on beside damage and says what was left out: ls, find, diff, stats, dump, copy.
#include <sstream>

#include <gmock/gmock.h>

#include "jobs/engine/copier.h"
#include "jobs/engine/differ.h"
#include "jobs/engine/dumper.h"
#include "jobs/engine/finder.h"
#include "jobs/engine/listing.h"
#include "jobs/engine/stats.h"
#include "jobs/engine/tree_walk.h"
#include "tests/unit/jobs/engine/repositories.h"

namespace holdfast::engine {
namespace {

using repo::BlobHandle;
using repo::BlobType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class DamagedReadsTest : public testing::Test {
 protected:
  DamagedReadsTest() : repository_(InitRepository(storage_)) {
    before_ = SaveContent(*repository_, {{"a1", 1}, {"b1", 20}, {"c1", 60}}, 1);
    after_ = SaveContent(*repository_, {{"a1", 1}, {"a2", 5}, {"b1", 30}, {"c1", 70}}, 2);
  }

  repo::Node NodeAt(const repo::Snapshot& snapshot, const std::string& path) {
    return FindNode(*repository_, snapshot.tree, path, {}).value();
  }
  BlobHandle TreeAt(const repo::Snapshot& snapshot, const std::string& path) {
    return {BlobType::kTree, *NodeAt(snapshot, path).subtree};
  }
  BlobHandle PieceOfFile(const repo::Snapshot& snapshot, const std::string& path,
                         std::size_t number) {
    return {BlobType::kData, NodeAt(snapshot, path).content->at(number)};
  }
  // One bit of the blob, where it lies.
  void Damage(const BlobHandle& handle) {
    const auto place = repository_->index().Lookup(handle).value();
    const storage::Handle pack{storage::FileType::kPack, place.pack.Hex()};
    Bytes bytes = storage_.Load(pack, 0, 0, {}).value();
    bytes[place.blob.offset + 20] ^= 1;
    ASSERT_TRUE(storage_.Remove(pack, {}));
    ASSERT_TRUE(storage_.Save(pack, bytes, {}));
  }

  Result<DumpReport> DumpAll(std::string& out) {
    const ByteSink sink = [&](ByteView bytes) -> Result<void> {
      out += AsText(bytes);
      return {};
    };
    return Dump(*repository_, after_.tree, "/", false, sink, {});
  }
  std::vector<repo::Snapshot> Both() const { return {before_, after_}; }

  storage::Memory storage_;
  std::unique_ptr<repo::Repository> repository_;
  repo::Snapshot before_, after_;
};

TEST_F(DamagedReadsTest, LsShowsTheRest) {
  Damage(TreeAt(after_, "/b"));
  std::ostringstream out;
  const ProblemList damaged = PrintTree(out, *repository_, after_, "/", TreeFormat{}, {}).value();
  EXPECT_EQ(out.str(), "/a\n/a/a1\n/a/a2\n/b\n/c\n/c/c1\n");
  EXPECT_THAT(damaged.first(), ElementsAre(HasSubstr("/b: ")));
}

TEST_F(DamagedReadsTest, FindFindsTheRest) {
  Damage(TreeAt(after_, "/b"));
  std::ostringstream out;
  const FindReport report =
      Find(out, *repository_, Both(), {.patterns = {"?1"}}, false, {}).value();
  EXPECT_EQ(report.found, 5u);
  EXPECT_THAT(report.damaged.first(),
              ElementsAre(HasSubstr("snapshot " + after_.id.Short() + ", /b: ")));
}

TEST_F(DamagedReadsTest, DiffLeavesOutWhatOneSideLost) {
  Damage(TreeAt(before_, "/b"));
  std::vector<std::string> changes;
  const auto note = [&](const std::string& marks, const std::string& path) {
    changes.push_back(marks + " " + path);
  };
  const DiffReport report = Diff(*repository_, before_.tree, after_.tree, false, note, {}).value();
  EXPECT_THAT(changes, ElementsAre("+ /a/a2", "M /c/c1"));
  EXPECT_THAT(report.damaged.first(), ElementsAre(HasSubstr("/b/: "))) << "said once";
}

TEST_F(DamagedReadsTest, StatsCountTheRest) {
  const auto size = [](int seed) { return PieceOf(seed).size() + PieceOf(seed + 1).size(); };
  Damage(TreeAt(before_, "/b"));
  for (const StatsMode mode : {StatsMode::kRestoreSize, StatsMode::kFilesByContents,
                               StatsMode::kBlobsPerFile, StatsMode::kRawData}) {
    const StatsReport report = CountStats(*repository_, std::vector{before_}, mode, {}).value();
    const bool raw = mode == StatsMode::kRawData;
    EXPECT_EQ(raw ? report.blobs : report.bytes, raw ? 4u + 4u : size(1) + size(60));
    EXPECT_THAT(report.damaged.first(), SizeIs(1));
  }
}

TEST_F(DamagedReadsTest, DumpLeavesOutWhatIsKnownToBeDamagedBeforeItIsWritten) {
  Damage(PieceOfFile(after_, "/a/a2", 0));
  Damage(TreeAt(after_, "/c"));
  std::string out;
  const DumpReport report = DumpAll(out).value();
  EXPECT_THAT(out, HasSubstr("a/a1"));
  EXPECT_THAT(out, Not(HasSubstr("a/a2")));
  EXPECT_THAT(out, HasSubstr("b/b1"));
  EXPECT_THAT(report.damaged.first(), ElementsAre(HasSubstr("/a/a2: "), HasSubstr("/c: ")));
}

TEST_F(DamagedReadsTest, DumpEndsInAFileThatCannotBeTakenBack) {
  Damage(PieceOfFile(after_, "/a/a2", 1));
  std::string out;
  const auto report = DumpAll(out);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kCorrupt);
  EXPECT_THAT(report.error().message, HasSubstr("/a/a2: "));
  EXPECT_THAT(out, Not(HasSubstr("b/b1")));
}

class DamagedCopyTest : public DamagedReadsTest {
 protected:
  Result<CopyReport> CopyBoth() {
    auto destination = OpenRepository(to_);
    Meter meter;
    return Copy(*repository_, Both(), *destination, destination->ListSnapshots({}).value(), meter,
                {});
  }
  void ExpectOnlyTheFirstArrives() {
    InitRepository(to_);
    const CopyReport report = CopyBoth().value();
    EXPECT_THAT(report.copied, SizeIs(1));
    EXPECT_THAT(report.damaged.first(),
                ElementsAre(HasSubstr("snapshot " + after_.id.Short() + ": ")));
    auto copy = OpenRepository(to_);
    const auto snapshots = copy->ListSnapshots({}).value();
    ASSERT_THAT(snapshots, SizeIs(1));
    EXPECT_EQ(snapshots[0].original, before_.id);
    Meter meter;
    EXPECT_THAT(Check(*copy, snapshots, DataSubset::All(), meter, {})->damage.first(), IsEmpty());
  }

  storage::Memory to_;
};

TEST_F(DamagedCopyTest, ASnapshotWithoutAPieceStaysBehind) {
  Damage(PieceOfFile(after_, "/a/a2", 1));
  ExpectOnlyTheFirstArrives();
}

TEST_F(DamagedCopyTest, ASnapshotWithoutADirectoryStaysBehind) {
  Damage(TreeAt(after_, "/b"));
  ExpectOnlyTheFirstArrives();
}

TEST_F(DamagedCopyTest, ASnapshotWithoutItsOwnTreeStaysBehind) {
  Damage({BlobType::kTree, after_.tree});
  ExpectOnlyTheFirstArrives();
}

// Once the source is whole again the rest follows.
TEST_F(DamagedCopyTest, WhatIsMendedFollows) {
  InitRepository(to_);
  const BlobHandle piece = PieceOfFile(after_, "/a/a2", 1);
  Damage(piece);
  ASSERT_THAT(CopyBoth()->copied, SizeIs(1));
  Damage(piece);  // the same bit again
  const CopyReport report = CopyBoth().value();
  EXPECT_EQ(report.skipped, 1u);
  EXPECT_THAT(report.copied, SizeIs(1));
  EXPECT_THAT(report.damaged.first(), IsEmpty());
}

}  // namespace
}  // namespace holdfast::engine
