// find, diff, stats, dump and keys over a repository in memory.
#include <sstream>

#include <gmock/gmock.h>

#include "jobs/engine/differ.h"
#include "jobs/engine/dumper.h"
#include "jobs/engine/finder.h"
#include "jobs/engine/key_ring.h"
#include "jobs/engine/listing.h"
#include "jobs/engine/stats.h"
#include "tests/unit/jobs/engine/repositories.h"

namespace holdfast::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ListsTest : public testing::Test {
 protected:
  ListsTest() : repository_(InitRepository(storage_)) {
    before_ = SaveContent(*repository_, {{"a1", 1}, {"b1", 20}, {"b2", 40}}, 1);
    after_ = SaveContent(*repository_, {{"a1", 1}, {"b1", 21}, {"c1", 60}}, 2);
  }
  std::string Found(FindOptions options, bool json = false) {
    std::ostringstream out;
    EXPECT_TRUE(Find(out, *repository_, std::vector{before_, after_}, options, json, {}));
    return out.str();
  }
  StatsReport Stats(StatsMode mode) {
    return CountStats(*repository_, std::vector{before_, after_}, mode, {}).value();
  }

  storage::Memory storage_;
  std::unique_ptr<repo::Repository> repository_;
  repo::Snapshot before_, after_;
};

TEST_F(ListsTest, FindNamesEntriesAndNotWhatLiesBelow) {
  const std::string found = Found({.patterns = {"b"}});
  EXPECT_THAT(found, HasSubstr("snapshot " + before_.id.Short()));
  EXPECT_THAT(found, HasSubstr("\n/b\n"));
  EXPECT_THAT(found, Not(HasSubstr("/b/")));
  EXPECT_THAT(Found({.patterns = {"B1"}}), IsEmpty());
  EXPECT_THAT(Found({.patterns = {"B1"}, .ignore_case = true}), HasSubstr("/b/b1\n"));
  EXPECT_THAT(Found({.patterns = {"/b/*"}}), HasSubstr("/b/b2\n"));
  EXPECT_THAT(Found({.patterns = {"b*"}, .type = repo::NodeType::kDir}), Not(HasSubstr("/b1")));
  EXPECT_THAT(Found({.patterns = {"*"}, .newer = ParseTime("2020-01-01T00:00:00Z").value()}),
              IsEmpty())
      << "they are of 1970";
  EXPECT_THAT(Found({.patterns = {"c1"}}, true), HasSubstr("\"snapshot\":\"" + after_.id.Hex()));
}

// A directory's own entries, of which nothing but their parent is read.
TEST_F(ListsTest, ListsOneDirectoryOrAllBelowIt) {
  const auto listed = [&](const std::string& path, bool recurse) {
    std::ostringstream out;
    EXPECT_TRUE(PrintTree(out, *repository_, before_, path, {.recurse = recurse}, {}));
    return out.str();
  };
  EXPECT_EQ(listed("/", false), "/a\n/b\n");
  EXPECT_EQ(listed("/b", false), "/b/b1\n/b/b2\n");
  EXPECT_EQ(listed("/b/b1", false), "/b/b1\n");
  EXPECT_EQ(listed("/", true), "/a\n/a/a1\n/b\n/b/b1\n/b/b2\n");
}

TEST_F(ListsTest, DiffMarksAndCounts) {
  std::vector<std::string> changes;
  const auto note = [&](const std::string& marks, const std::string& path) {
    changes.push_back(marks + " " + path);
  };
  const DiffReport report = Diff(*repository_, before_.tree, after_.tree, true, note, {}).value();
  EXPECT_THAT(changes, ElementsAre("U /b/", "M /b/b1", "- /b/b2", "+ /c/", "+ /c/c1"));
  EXPECT_EQ(report.changed_files, 1u);
  EXPECT_EQ(report.added.files, 1u);
  EXPECT_EQ(report.added.dirs, 1u);
  EXPECT_EQ(report.removed.files, 1u);
  // b1 has pieces 20 and 21, then 21 and 22; b2 40 and 41; c1 60 and 61.
  EXPECT_EQ(report.removed.data_blobs, 3u);
  EXPECT_EQ(report.added.data_blobs, 3u);
  EXPECT_EQ(report.removed.tree_blobs, 2u) << "the root and b";
  EXPECT_EQ(report.added.tree_blobs, 3u) << "and c";
}

TEST_F(ListsTest, StatsCountInFourWays) {
  const auto size = [](int seed) { return PieceOf(seed).size() + PieceOf(seed + 1).size(); };
  const std::uint64_t all = 2 * size(1) + size(20) + size(40) + size(21) + size(60);
  EXPECT_EQ(Stats(StatsMode::kRestoreSize).bytes, all);
  EXPECT_EQ(Stats(StatsMode::kFilesByContents).bytes, all - size(1));
  // Of b1 the piece 21 is counted once.
  EXPECT_EQ(Stats(StatsMode::kBlobsPerFile).bytes, all - size(1) - PieceOf(21).size());
  const StatsReport raw = Stats(StatsMode::kRawData);
  EXPECT_EQ(raw.blobs, 9u + 6u) << "pieces; trees: two roots, a, b twice, c";
  EXPECT_LT(raw.bytes, raw.uncompressed);
}

TEST_F(ListsTest, DumpGivesTheBytes) {
  std::string out;
  const ByteSink sink = [&](ByteView bytes) -> Result<void> {
    out += AsText(bytes);
    return {};
  };
  ASSERT_TRUE(Dump(*repository_, before_.tree, "/a/a1", false, sink, {}));
  EXPECT_EQ(out, PieceOf(1) + PieceOf(2));
  EXPECT_EQ(Dump(*repository_, before_.tree, "/a/none", false, sink, {}).error().code,
            Code::kNotFound);
  const auto full = [](ByteView) -> Result<void> { return Fail(Code::kNoSpace, "full"); };
  EXPECT_EQ(Dump(*repository_, before_.tree, "/a/a1", false, full, {}).error().code,
            Code::kNoSpace);
  EXPECT_EQ(Dump(*repository_, before_.tree, "/", false, full, {}).error().code, Code::kNoSpace);
}

TEST_F(ListsTest, KeysAreAddedChangedAndRemovedButNeverTheOneInUse) {
  const repo::Id own = repo::FindKey(storage_, "pw", {}).value()->file;
  const TimePoint now = SystemClock().Now();
  const repo::Id second = AddKey(*repository_, "second", now, {}).value();
  EXPECT_EQ(repo::FindKey(storage_, "second", {}).value()->file, second);
  EXPECT_THAT(ListKeys(*repository_, {}).value(), SizeIs(2));
  EXPECT_EQ(RemoveKey(*repository_, own.Hex(), own, {}).error().code, Code::kInvalid);
  EXPECT_EQ(RemoveKey(*repository_, "zz", own, {}).error().code, Code::kNotFound);
  EXPECT_EQ(RemoveKey(*repository_, "", own, {}).error().code, Code::kNotFound);
  ASSERT_TRUE(RemoveKey(*repository_, second.Short(), own, {}));
  EXPECT_FALSE(repo::FindKey(storage_, "second", {}).value());
  ASSERT_TRUE(ChangeKey(*repository_, "new", own, now, {}));
  EXPECT_FALSE(repo::FindKey(storage_, "pw", {}).value());
  EXPECT_TRUE(repo::FindKey(storage_, "new", {}).value());
  EXPECT_EQ(AddKey(*repository_, "", now, {}).error().code, Code::kInvalid);
}

TEST(DataSubsetTest, IsABucketAShareOrASize) {
  EXPECT_EQ(ParseDataSubset("2/5")->bucket, 2u);
  EXPECT_EQ(ParseDataSubset("2/5")->buckets, 5u);
  EXPECT_EQ(ParseDataSubset("2.5%")->percent, 2.5);
  EXPECT_EQ(ParseDataSubset("1Ki")->bytes, 1024u);
  for (const char* wrong : {"", "0/5", "6/5", "1/300", "0%", "101%", "x%", "1/", "/1", "0"})
    EXPECT_FALSE(ParseDataSubset(wrong)) << wrong;
}

// Of one snapshot all is read that it needs, and nothing that others need.
TEST_F(ListsTest, ACheckOfASnapshotReadsItsPacks) {
  Meter meter;
  const auto check = [&](const repo::Snapshot& snapshot) {
    return CheckSnapshots(*repository_, {snapshot}, meter, {}).value();
  };
  const CheckReport before = check(before_);
  EXPECT_EQ(before.damage.count(), 0u);
  EXPECT_EQ(before.snapshots, 1u);
  EXPECT_GT(before.packs_read, 0u);
  EXPECT_LT(before.packs_read, NamesIn(storage_, storage::FileType::kPack).size());

  const repo::Id piece = repo::Id::Of(AsBytes(PieceOf(60)));  // of `after_` alone
  const auto place = repository_->index().Lookup({repo::BlobType::kData, piece});
  ASSERT_TRUE(place);
  const storage::Handle handle{storage::FileType::kPack, place->pack.Hex()};
  Bytes content = storage_.Load(handle, 0, 0, {}).value();
  content[place->blob.offset + 5] ^= 1;
  ASSERT_TRUE(storage_.Remove(handle, {}));
  ASSERT_TRUE(storage_.Save(handle, content, {}));
  EXPECT_EQ(check(before_).damage.count(), 0u);
  EXPECT_EQ(check(after_).damage.count(), 1u);
  ASSERT_TRUE(storage_.Remove(handle, {}));
  EXPECT_EQ(check(after_).damage.count(), 1u) << "one that is gone";
}

TEST_F(ListsTest, FivePartsOfFiveReadAllPacksOnce) {
  std::uint64_t read = 0;
  Meter meter;
  const auto snapshots = repository_->ListSnapshots({}).value();
  for (unsigned part = 1; part <= 5; ++part) {
    DataSubset subset;
    subset.bucket = part;
    subset.buckets = 5;
    read += Check(*repository_, snapshots, subset, meter, {})->packs_read;
  }
  EXPECT_EQ(read, Check(*repository_, snapshots, DataSubset::All(), meter, {})->packs);
  EXPECT_EQ(Check(*repository_, snapshots, {.percent = 1}, meter, {})->packs_read, 1u);
  EXPECT_EQ(Check(*repository_, snapshots, {.bytes = 1}, meter, {})->packs_read, 1u);
}

}  // namespace
}  // namespace holdfast::engine
