// What must come back, as a property of random trees: names, types, content, holes, owners, modes,
// times, links, attributes and ACLs are after a restore what they were before the backup.
#include <gmock/gmock.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#include "jobs/engine/tree_walk.h"
#include "tests/unit/jobs/engine/random_tree.h"
#include "tests/unit/jobs/engine/vault.h"

namespace holdfast::engine {
namespace {

using ::testing::IsEmpty;

class RandomTreesTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override { ASSERT_EQ(::geteuid(), 0u) << "needs root for owners and devices"; }

  ArchiveReport BackUp() {
    repository_ = TryOpen(storage_).value();
    auto report = ArchiveInto(*repository_, source_);
    EXPECT_TRUE(report) << report.error().message;
    EXPECT_THAT(report->unreadable.first(), IsEmpty());
    EXPECT_EQ(report->changed_while_read, 0u);
    return *report;
  }
  void Bring(const repo::Snapshot& snapshot, const std::string& target, bool delete_extra) {
    RestoreOptions options;
    options.target = target;
    options.delete_extra = delete_extra;
    Meter meter;
    const auto report = Restore(*repository_, snapshot, options, meter, {});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_THAT(report->failed.first(), IsEmpty());
    EXPECT_EQ(report->metadata_failures, 0u);
    EXPECT_THAT(TreeComparer::Compare(source_, target), IsEmpty());
    EXPECT_LE(Blocks(target), Blocks(source_) + 64) << "holes stay holes in " << target;
  }
  // Of 512 bytes, by the regular files of a tree.
  static std::uint64_t Blocks(const std::string& root) {
    std::uint64_t blocks = 0;
    std::set<ino_t> seen;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      struct stat status {};
      if (::lstat(entry.path().c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
          seen.insert(status.st_ino).second)
        blocks += static_cast<std::uint64_t>(status.st_blocks);
    }
    return blocks;
  }

  TempDir place_{QuickPlace()};
  const std::string source_ = place_.Make("source"), target_ = place_.Make("target");
  storage::Memory storage_;
  std::unique_ptr<repo::Repository> repository_ = MakeRepository(storage_);
};

TEST_P(RandomTreesTest, ComeBack) {
  RandomTree tree(source_, GetParam(), {});
  const ArchiveReport first = BackUp();
  EXPECT_EQ(first.sockets_skipped, tree.sockets());
  tree.RemoveSockets();
  Bring(first.snapshot, target_, false);

  // Over the first state, and into nothing.
  tree.Change();
  const ArchiveReport second = BackUp();
  EXPECT_EQ(second.snapshot.parent, first.snapshot.id);
  tree.RemoveSockets();
  Bring(second.snapshot, target_, true);
  Bring(second.snapshot, place_.Make("second"), false);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTreesTest, testing::Range(1U, 13U));

// A disk of 3 MiB with something on it, as a loop device, or as its file where there are none.
TEST(BlockDeviceTest, IsOneFile) {
  TempDir place{std::filesystem::temp_directory_path()};
  const std::string disk = place.path() + "/disk", content = Noise(3 << 20, 1);
  WriteFile(disk, content);
  std::string source = disk;
  const Fd control(::open("/dev/loop-control", O_RDWR));
  const int number = control.valid() ? ::ioctl(control.get(), LOOP_CTL_GET_FREE) : -1;
  const Fd loop(::open(("/dev/loop" + std::to_string(number)).c_str(), O_RDWR));
  const Fd file(::open(disk.c_str(), O_RDWR));
  const bool is_device = loop.valid() && ::ioctl(loop.get(), LOOP_SET_FD, file.get()) == 0;
  if (is_device) source = "/dev/loop" + std::to_string(number);

  storage::Memory storage;
  const auto repository = MakeRepository(storage);
  const auto report = ArchiveInto(*repository, source);
  if (is_device) ::ioctl(loop.get(), LOOP_CLR_FD, 0);
  ASSERT_TRUE(report) << report.error().message;
  const auto node = FindNode(*repository, report->snapshot.tree, kVolume, {});
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->type, repo::NodeType::kFile);
  EXPECT_EQ(node->size, content.size());
  std::string stored;
  for (const repo::Id& id : *node->content)
    stored += AsText(repository->LoadBlob({repo::BlobType::kData, id}, {}).value());
  EXPECT_EQ(stored, content);
}

}  // namespace
}  // namespace holdfast::engine
