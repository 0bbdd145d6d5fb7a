// Back up and restore over a repository in memory.
#include <algorithm>
#include <optional>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/engine/archiver.h"
#include "jobs/engine/checker.h"
#include "jobs/engine/restorer.h"
#include "jobs/engine/tree_walk.h"
#include "jobs/storage/memory.h"
#include "tests/unit/jobs/engine/trees.h"

namespace holdfast::engine {
namespace {

using protocol::BackupType;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kPath = "/shop/data-mysql-0";

template <typename T>
RestoreOptions With(T RestoreOptions::*member, std::type_identity_t<T> value) {
  RestoreOptions options;
  options.*member = std::move(value);
  return options;
}

class ArchiveRestoreTest : public testing::Test {
 protected:
  ArchiveRestoreTest() : source_(dir_.Make("source")), target_(dir_.Make("target")) {
    repo::InitOptions options;
    options.kdf = repo::KdfParams{16, 1, 1};
    repository_ = repo::Repository::Init(storage_, "pw", options, {}).value();
  }

  Result<ArchiveReport> TryArchive(ArchiveOptions options) {
    const auto snapshots = repository_->ListSnapshots({}).value();
    return Archive(*repository_, snapshots, options, meter_, clock_, {});
  }
  ArchiveReport Backup(BackupType type = BackupType::kIncremental,
                       std::vector<std::string> excludes = {}) {
    auto report = TryArchive({source_, {"prod", kPath}, type, {"policy=x"}, std::move(excludes)});
    EXPECT_TRUE(report) << report.error().message;
    return *report;
  }
  Result<RestoreReport> TryRestore(const repo::Snapshot& snapshot, RestoreOptions options) {
    if (options.target.empty()) options.target = target_;
    return Restore(*repository_, snapshot, options, meter_, {});
  }
  RestoreReport Bring(const repo::Snapshot& snapshot, RestoreOptions options = {}) {
    auto report = TryRestore(snapshot, std::move(options));
    EXPECT_TRUE(report) << report.error().message;
    EXPECT_THAT(report->failed.first(), IsEmpty());
    EXPECT_THAT(report->mismatched.first(), IsEmpty());
    return *report;
  }
  std::string In(const std::string& directory, const std::string& name) {
    return directory + "/" + name;
  }
  // Stores a tree as a hostile repository may hold it, and a snapshot of it.
  repo::Snapshot Forge(const std::string& tree_json) {
    repo::Snapshot snapshot;
    snapshot.tree = repository_->SaveBlob(repo::BlobType::kTree, AsBytes(tree_json), {}).value().id;
    snapshot.paths = {"/x"};
    EXPECT_TRUE(repository_->SaveSnapshot(snapshot, {}));
    return snapshot;
  }

  TempDir dir_;
  std::string source_, target_;
  storage::Memory storage_;
  std::unique_ptr<repo::Repository> repository_;
  Meter meter_;
  SystemClock clock_;
};

TEST_F(ArchiveRestoreTest, AwkwardTreeComesBackEqual) {
  MakeAwkwardTree(source_);
  MakeDeep(source_, 6000);
  // Not in MakeAwkwardTree: restic 0.14 neither writes nor reads linktarget_raw.
  ASSERT_EQ(::symlink("not utf-8 \xff\xfe", In(source_, "raw-link").c_str()), 0);
  const ArchiveReport archived = Backup();
  EXPECT_THAT(archived.unreadable.first(), IsEmpty());
  const RestoreReport restored = Bring(archived.snapshot);
  EXPECT_EQ(restored.metadata_failures, 0u);
  EXPECT_THAT(TreeComparer::Compare(source_, target_), IsEmpty());
  struct stat sparse {};
  ASSERT_EQ(::stat(In(target_, "sparse").c_str(), &sparse), 0);
  EXPECT_LT(sparse.st_blocks, 100) << "zeros must become a hole";
}

// More than fits into the batches that are planned and restored side by side; names of one file and
// directories that lock their owner out lie far apart.
TEST_F(ArchiveRestoreTest, ManyEntriesComeBackEqual) {
  constexpr int kDirectories = 200, kFiles = 80;
  for (int d = 0; d < kDirectories; ++d) {
    const std::string directory = In(source_, "d" + std::to_string(d));
    ASSERT_EQ(::mkdir(directory.c_str(), 0755), 0);
    for (int f = 0; f < kFiles; ++f)
      WriteFile(In(directory, std::to_string(f)),
                std::string(static_cast<std::size_t>(f), 'x') + std::to_string(d % 7));
    const std::string linked = In(source_, "d0/0");
    if (d % 20 == 19) {
      ASSERT_EQ(::link(linked.c_str(), In(directory, "name").c_str()), 0);
    }
    if (d % 50 == 3) {
      ASSERT_EQ(::chmod(directory.c_str(), 0500), 0);
    }
  }
  const ArchiveReport archived = Backup();
  const RestoreReport restored = Bring(archived.snapshot);
  EXPECT_EQ(restored.files, kDirectories * kFiles + kDirectories / 20);
  EXPECT_EQ(restored.files_written, kDirectories * kFiles);
  EXPECT_EQ(restored.metadata_failures, 0U);
  EXPECT_THAT(TreeComparer::Compare(source_, target_), IsEmpty());
  // Again, over what is there.
  EXPECT_EQ(Bring(archived.snapshot).files_written, 0U);
}

// Chunks wait for each other, go from thread to thread half hashed, and find their places again.
TEST_F(ArchiveRestoreTest, LargeFilesAreTheSameOnAnyNumberOfThreads) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 12; ++i) {
    std::string content((512 << 10) + random() % (i % 4 == 0 ? 12 << 20 : 1 << 20), '\0');
    std::ranges::generate(content, [&] { return static_cast<char>(random()); });
    WriteFile(In(source_, "file" + std::to_string(i)), content);
  }
  std::optional<repo::Id> tree;
  for (const std::size_t threads : {7, 3, 2, 1}) {
    ArchiveOptions options{source_, {"prod", kPath}, BackupType::kFull, {}};
    options.threads = threads;
    const auto report = TryArchive(options);
    ASSERT_TRUE(report) << report.error().message;
    if (!tree) Bring(report->snapshot);
    EXPECT_EQ(report->snapshot.tree, tree.value_or(report->snapshot.tree)) << threads << " threads";
    tree = report->snapshot.tree;
  }
  EXPECT_THAT(TreeComparer::Compare(source_, target_), IsEmpty());
}

TEST_F(ArchiveRestoreTest, TotalsAreThoseOfTheParentThatIsComparedWith) {
  WriteFile(In(source_, "a"), "12345");
  WriteFile(In(source_, "b"), "678");
  const ArchiveReport first = Backup();
  ASSERT_EQ(::unlink(In(source_, "b").c_str()), 0);
  Backup();
  ArchiveOptions options{source_, {"prod", kPath}, BackupType::kIncremental, {}};
  options.parent = first.snapshot.id;
  Meter meter;
  const auto snapshots = repository_->ListSnapshots({}).value();
  ASSERT_TRUE(Archive(*repository_, snapshots, options, meter, clock_, {}));
  const protocol::Progress progress = meter.Sample(std::chrono::steady_clock::now());
  EXPECT_EQ(progress.files_total, 2u);
  EXPECT_EQ(progress.bytes_total, 8u);
}

TEST_F(ArchiveRestoreTest, SnapshotCarriesTheIdentity) {
  WriteFile(In(source_, "f"), "x");
  const repo::Snapshot snapshot = Backup(BackupType::kFull).snapshot;
  EXPECT_EQ(snapshot.hostname, "prod");
  EXPECT_EQ(snapshot.paths, std::vector<std::string>({kPath}));
  EXPECT_EQ(snapshot.tags, std::vector<std::string>({"policy=x", "type=full"}));
  EXPECT_TRUE(FindNode(*repository_, snapshot.tree, "/shop/data-mysql-0/f", {}));
}

TEST_F(ArchiveRestoreTest, EmptyVolume) {
  const ArchiveReport archived = Backup();
  EXPECT_EQ(archived.snapshot.summary->total_files_processed, 0u);
  EXPECT_EQ(Bring(archived.snapshot).files, 0u);
}

TEST_F(ArchiveRestoreTest, UnchangedFilesAreNotRead) {
  MakeAwkwardTree(source_);
  const ArchiveReport first = Backup();
  EXPECT_GT(first.bytes_read, 5'000'000u);
  const ArchiveReport second = Backup();
  EXPECT_EQ(second.snapshot.parent, first.snapshot.id);
  EXPECT_EQ(second.bytes_read, 0u);
  EXPECT_EQ(second.snapshot.summary->files_unmodified,
            second.snapshot.summary->total_files_processed);
  EXPECT_EQ(second.snapshot.summary->data_added, 0u);
  EXPECT_EQ(second.snapshot.tree, first.snapshot.tree);
}

TEST_F(ArchiveRestoreTest, ChangedNewAndRemovedFilesAreCounted) {
  for (const char* name : {"same", "changed", "removed"}) WriteFile(In(source_, name), name);
  Backup();
  WriteFile(In(source_, "changed"), "longer than before");
  WriteFile(In(source_, "new"), "new");
  std::filesystem::remove(In(source_, "removed"));
  const auto summary = *Backup().snapshot.summary;
  EXPECT_EQ(summary.files_new, 1u);
  EXPECT_EQ(summary.files_changed, 1u);
  EXPECT_EQ(summary.files_unmodified, 1u);
}

TEST_F(ArchiveRestoreTest, FullReadsAllAndDifferentialComparesWithIt) {
  WriteFile(In(source_, "f"), Noise(1000, 1));
  const ArchiveReport full = Backup(BackupType::kFull);
  const ArchiveReport incremental = Backup();
  const ArchiveReport differential = Backup(BackupType::kDifferential);
  EXPECT_EQ(full.snapshot.parent, std::nullopt);
  EXPECT_EQ(incremental.snapshot.parent, full.snapshot.id);
  EXPECT_EQ(differential.snapshot.parent, full.snapshot.id);
  const ArchiveReport again = Backup(BackupType::kFull);
  EXPECT_EQ(again.bytes_read, 1000u);
  EXPECT_EQ(again.snapshot.summary->data_added, 0u);
}

TEST_F(ArchiveRestoreTest, AnotherVolumeIsNoParent) {
  WriteFile(In(source_, "f"), "x");
  Backup();
  const auto other = TryArchive({source_, {"prod", "/shop/data-mysql-1"}, {}, {}, {}});
  EXPECT_EQ(other->snapshot.parent, std::nullopt);
  const auto host = TryArchive({source_, {"staging", kPath}, {}, {}, {}});
  EXPECT_EQ(host->snapshot.parent, std::nullopt);
}

TEST_F(ArchiveRestoreTest, ExcludesAreAnchoredAtTheVolume) {
  for (const char* name : {"cache", "keep"}) dir_.Make("source/" + std::string(name));
  WriteFile(In(source_, "cache/a"), "x");
  WriteFile(In(source_, "keep/cache"), "x");
  WriteFile(In(source_, "keep/b.tmp"), "x");
  Bring(Backup(BackupType::kFull, {"/cache", "*.tmp"}).snapshot);
  EXPECT_FALSE(std::filesystem::exists(In(target_, "cache")));
  EXPECT_TRUE(std::filesystem::exists(In(target_, "keep/cache")));
  EXPECT_FALSE(std::filesystem::exists(In(target_, "keep/b.tmp")));
}

TEST_F(ArchiveRestoreTest, AFileThatVanishesIsListed) {
  // Large files are opened when their turn comes, the last of a directory first.
  WriteFile(In(source_, "a"), Noise(1'000'000, 8));
  WriteFile(In(source_, "z"), Noise(30'000'000, 7));
  std::jthread remover([&](std::stop_token stop) {
    while (!stop.stop_requested() && meter_.Sample({}).bytes_done == 0) std::this_thread::yield();
    ::unlink(In(source_, "a").c_str());
  });
  ArchiveOptions options{source_, {"prod", kPath}, {}, {}, {}};
  options.threads = 1;
  const ArchiveReport report = TryArchive(options).value();
  ASSERT_THAT(report.unreadable.first(), SizeIs(1));
  EXPECT_EQ(report.unreadable.first().front(),
            "/shop/data-mysql-0/a: vanished while the backup ran");
  EXPECT_EQ(report.snapshot.summary->total_files_processed, 1u);
}

TEST_F(ArchiveRestoreTest, UnusableSourceIsASentence) {
  WriteFile(In(source_, "file"), "x");
  ASSERT_EQ(::mkfifo(In(source_, "fifo").c_str(), 0600), 0);
  for (const std::string& source : {dir_.path() + "/none", In(source_, "fifo"), std::string("-")}) {
    const auto report = TryArchive({source, {"prod", kPath}, {}, {}, {}});
    ASSERT_FALSE(report) << source;
    EXPECT_EQ(report.error().code, Code::kInvalid) << source;
  }
}

TEST_F(ArchiveRestoreTest, SocketsAreCounted) {
  ASSERT_EQ(::mknod(In(source_, "socket").c_str(), S_IFSOCK | 0600, 0), 0);
  EXPECT_EQ(Backup().sockets_skipped, 1u);
}

TEST_F(ArchiveRestoreTest, StopEndsABackup) {
  WriteFile(In(source_, "f"), "x");
  std::stop_source source;
  source.request_stop();
  const auto report = Archive(*repository_, {}, {source_, {"prod", kPath}, {}, {}, {}}, meter_,
                              clock_, source.get_token());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kCancelled);
}

TEST_F(ArchiveRestoreTest, SecondRestoreWritesOnlyWhatDiffers) {
  WriteFile(In(source_, "large"), Noise(9'000'000, 3));  // more than one chunk, wherever it is cut
  WriteFile(In(source_, "small"), "abc");
  const repo::Snapshot snapshot = Backup().snapshot;
  EXPECT_EQ(Bring(snapshot).files_written, 2u);
  EXPECT_EQ(Bring(snapshot).files_written, 0u);

  std::string content = ReadFile(In(target_, "large"));
  content[8'900'000] ^= 1;
  WriteFile(In(target_, "large"), content);
  const RestoreReport mended = Bring(snapshot);
  EXPECT_EQ(mended.files_written, 1u);
  EXPECT_LT(mended.bytes_written, 9'000'000u);
  EXPECT_THAT(TreeComparer::Compare(source_, target_), IsEmpty());
}

TEST_F(ArchiveRestoreTest, IfChangedTrustsSizeAndTimeOnly) {
  WriteFile(In(source_, "f"), "content");
  const repo::Snapshot snapshot = Backup().snapshot;
  Bring(snapshot);
  struct stat status {};
  ::stat(In(target_, "f").c_str(), &status);
  WriteFile(In(target_, "f"), "CONTENT");
  SetTime(In(target_, "f"), status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  Bring(snapshot, With(&RestoreOptions::overwrite, Overwrite::kIfChanged));
  EXPECT_EQ(ReadFile(In(target_, "f")), "CONTENT");
  SetTime(In(target_, "f"), 1, 1);
  Bring(snapshot, With(&RestoreOptions::overwrite, Overwrite::kIfChanged));
  EXPECT_EQ(ReadFile(In(target_, "f")), "content");
}

TEST_F(ArchiveRestoreTest, NeverLeavesWhatExists) {
  WriteFile(In(source_, "f"), "content");
  WriteFile(In(source_, "g"), "other");
  const repo::Snapshot snapshot = Backup().snapshot;
  WriteFile(In(target_, "f"), "mine");
  Bring(snapshot, With(&RestoreOptions::overwrite, Overwrite::kNever));
  EXPECT_EQ(ReadFile(In(target_, "f")), "mine");
  EXPECT_EQ(ReadFile(In(target_, "g")), "other");
}

TEST_F(ArchiveRestoreTest, OtherTypesInTheWayAreReplaced) {
  dir_.Make("source/dir");
  WriteFile(In(source_, "dir/f"), "f");
  WriteFile(In(source_, "file"), "file");
  ASSERT_EQ(::symlink("file", In(source_, "link").c_str()), 0);
  const repo::Snapshot snapshot = Backup().snapshot;
  const std::string outside = dir_.Make("outside");
  ASSERT_EQ(::symlink(outside.c_str(), In(target_, "dir").c_str()), 0);
  ASSERT_EQ(::symlink((outside + "/x").c_str(), In(target_, "file").c_str()), 0);
  WriteFile(In(target_, "link"), "no link");
  Bring(snapshot);
  EXPECT_THAT(TreeComparer::Compare(source_, target_), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(outside));
}

TEST_F(ArchiveRestoreTest, DeleteExtraRemovesOnlyWhatTheSnapshotLacks) {
  dir_.Make("source/dir");
  WriteFile(In(source_, "dir/f"), "f");
  const repo::Snapshot snapshot = Backup().snapshot;
  for (const char* name : {"dir", "lost+found", "old/deep"})
    dir_.Make("target/" + std::string(name));
  WriteFile(In(target_, "dir/extra"), "x");
  WriteFile(In(target_, "old/deep/extra"), "x");
  const RestoreReport report = Bring(snapshot, With(&RestoreOptions::delete_extra, true));
  EXPECT_EQ(report.entries_removed, 2u);
  EXPECT_FALSE(std::filesystem::exists(In(target_, "old")));
  EXPECT_FALSE(std::filesystem::exists(In(target_, "dir/extra")));
  EXPECT_TRUE(std::filesystem::exists(In(target_, "lost+found")));
}

TEST_F(ArchiveRestoreTest, AMissingTargetIsMadeWithItsParents) {
  WriteFile(In(source_, "f"), "x");
  const repo::Snapshot snapshot = Backup().snapshot;
  for (const char* name : {"new", "a/b/c", "d/e/", "d//g"}) {
    const std::string target = In(dir_.path(), name);
    EXPECT_TRUE(CheckTarget(target));
    EXPECT_FALSE(std::filesystem::exists(target)) << "checking makes nothing";
    Bring(snapshot, With(&RestoreOptions::target, target));
    EXPECT_EQ(ReadFile(In(target, "f")), "x");
  }
}

TEST_F(ArchiveRestoreTest, ATargetThatIsNoDirectoryIsRefused) {
  const repo::Snapshot snapshot = Backup().snapshot;
  WriteFile(In(dir_.path(), "file"), "mine");
  for (const char* name : {"file", "file/below"}) {
    const std::string target = In(dir_.path(), name);
    EXPECT_EQ(CheckTarget(target).error().code, Code::kInvalid) << name;
    EXPECT_FALSE(TryRestore(snapshot, With(&RestoreOptions::target, target)));
  }
  EXPECT_EQ(ReadFile(In(dir_.path(), "file")), "mine");
}

// The target is made only once it is known what is to be written.
TEST_F(ArchiveRestoreTest, NothingIsMadeForWhatIsNotThere) {
  RestoreOptions options = With(&RestoreOptions::root, "/none");
  options.target = In(dir_.path(), "new");
  EXPECT_FALSE(TryRestore(Backup().snapshot, options));
  EXPECT_FALSE(std::filesystem::exists(options.target));
}

TEST_F(ArchiveRestoreTest, PathsChoose) {
  for (const char* name : {"a", "b/c"}) dir_.Make("source/" + std::string(name));
  for (const char* name : {"a/1", "a/2", "b/c/3", "b/4"}) WriteFile(In(source_, name), name);
  const repo::Snapshot snapshot = Backup().snapshot;
  EXPECT_EQ(Bring(snapshot, With(&RestoreOptions::paths,
                                 std::vector<std::string>{"/a/1", "/shop/data-mysql-0/b/c"}))
                .files,
            2u);
  EXPECT_TRUE(std::filesystem::exists(In(target_, "a/1")));
  EXPECT_TRUE(std::filesystem::exists(In(target_, "b/c/3")));
  EXPECT_FALSE(std::filesystem::exists(In(target_, "b/4")));
  const auto missing =
      TryRestore(snapshot, With(&RestoreOptions::paths, std::vector<std::string>{"/none"}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
}

TEST_F(ArchiveRestoreTest, RootCanBeChosenAndMustExist) {
  WriteFile(In(source_, "f"), "x");
  const repo::Snapshot snapshot = Backup().snapshot;
  Bring(snapshot, With(&RestoreOptions::root, std::optional<std::string>("/")));
  EXPECT_TRUE(std::filesystem::exists(In(target_, "shop/data-mysql-0/f")));
  const auto other = TryRestore(
      snapshot, With(&RestoreOptions::root, std::optional<std::string>("/shop/data-mysql-1")));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kNotFound);
}

TEST_F(ArchiveRestoreTest, NamesThatLeaveTheTargetAreRefused) {
  for (const char* name : {"../escaped", "..", "a/b", "."}) {
    const repo::Snapshot snapshot =
        Forge(R"({"nodes":[{"name":")" + std::string(name) +
              R"(","type":"file","mode":420,"mtime":"2026-01-01T00:00:00Z",)"
              R"("atime":"2026-01-01T00:00:00Z","ctime":"2026-01-01T00:00:00Z","uid":0,"gid":0,)"
              R"("content":[]}]})"
              "\n");
    const auto report =
        TryRestore(snapshot, With(&RestoreOptions::root, std::optional<std::string>("/")));
    EXPECT_TRUE(!report || report->failed.count() != 0) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(dir_.path() + "/escaped"));
  EXPECT_TRUE(std::filesystem::is_empty(target_));
}

TEST_F(ArchiveRestoreTest, LostPackFailsItsFilesOnlyAndCheckFindsIt) {
  WriteFile(In(source_, "a"), Noise(1000, 5));
  const repo::Snapshot first = Backup().snapshot;
  WriteFile(In(source_, "b"), Noise(1000, 6));
  const repo::Snapshot second = Backup().snapshot;
  const auto tree =
      repository_->LoadTree(FindNode(*repository_, first.tree, kPath, {})->subtree.value(), {});
  const auto place =
      repository_->index().Lookup({repo::BlobType::kData, tree->Find("a")->content->front()});
  ASSERT_TRUE(storage_.Remove({storage::FileType::kPack, place->pack.Hex()}, {}));

  const RestoreReport report = TryRestore(second, {}).value();
  EXPECT_TRUE(report.damaged);
  ASSERT_THAT(report.failed.first(), SizeIs(1));
  EXPECT_THAT(report.failed.first().front(), HasSubstr("a: "));
  EXPECT_EQ(ReadFile(In(target_, "b")), Noise(1000, 6));

  const auto check =
      Check(*repository_, repository_->ListSnapshots({}).value(), DataSubset::None(), meter_, {});
  EXPECT_THAT(check->damage.first(), SizeIs(1));
}

TEST_F(ArchiveRestoreTest, CheckReadsEveryPack) {
  MakeAwkwardTree(source_);
  Backup();
  const auto snapshots = repository_->ListSnapshots({}).value();
  auto report = Check(*repository_, snapshots, DataSubset::All(), meter_, {});
  EXPECT_THAT(report->damage.first(), IsEmpty());
  EXPECT_GT(report->packs_read, 1u);

  const auto packs = repository_->ListFiles(storage::FileType::kPack, {}).value();
  const storage::Handle handle{storage::FileType::kPack, packs.front().id.Hex()};
  Bytes content = storage_.Load(handle, 0, 0, {}).value();
  content[content.size() / 3] ^= 1;
  ASSERT_TRUE(storage_.Remove(handle, {}));
  ASSERT_TRUE(storage_.Save(handle, content, {}));
  report = Check(*repository_, snapshots, DataSubset::All(), meter_, {});
  EXPECT_GE(report->damage.count(), 1u);
}

}  // namespace
}  // namespace holdfast::engine
