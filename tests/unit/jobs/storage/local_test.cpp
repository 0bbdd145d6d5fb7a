// What only a folder has: modes, temporary files, full disks and missing mounts.
#include "jobs/storage/local.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <gmock/gmock.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/storage/layout.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

const Handle kPack{FileType::kPack, std::string(64, 'a')};

class LocalTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "holdfast-XXXXXX").native();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    root_ = folder_ / "repository";
  }
  void TearDown() override { fs::remove_all(folder_); }

  mode_t ModeOf(const fs::path& path) const {
    struct stat status = {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }
  // All regular files below the root.
  std::vector<std::string> Files() const {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(root_))
      if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(root_));
    return files;
  }
  static int CountOf(Local& local, FileType type) {
    int count = 0;
    const auto visit = [&](const FileInfo&) -> Result<void> {
      ++count;
      return {};
    };
    EXPECT_TRUE(local.List(type, visit, {}));
    return count;
  }

  fs::path folder_;
  fs::path root_;
};

TEST_F(LocalTest, ModesAreRestics) {
  Local local(root_);
  ASSERT_TRUE(local.Save(kPack, AsBytes("x"), {}));
  EXPECT_EQ(ModeOf(root_ / PathOf(kPack).value()), 0400u);
  EXPECT_EQ(ModeOf(root_), 0700u);
  EXPECT_EQ(ModeOf(root_ / "data"), 0700u);
  EXPECT_EQ(ModeOf(root_ / "data/aa"), 0700u);
}

TEST_F(LocalTest, SaveLeavesNothingButTheObject) {
  Local local(root_);
  ASSERT_TRUE(local.Save(kPack, AsBytes("x"), {}));
  EXPECT_EQ(local.Save(kPack, AsBytes("y"), {}).error().code, Code::kAlreadyExists);
  EXPECT_EQ(Files(), std::vector{PathOf(kPack).value()});
}

TEST_F(LocalTest, LeftoversOfDeadWritersAreNotListed) {
  Local local(root_);
  ASSERT_TRUE(local.Save(kPack, AsBytes("x"), {}));
  std::ofstream(root_ / "data/aa" / (kPack.name + ".tmp-0123456789abcdef")) << "half";
  std::ofstream(root_ / "data/stray") << "file";
  fs::create_directory(root_ / "data/aa" / std::string(64, 'b'));
  EXPECT_EQ(CountOf(local, FileType::kPack), 1);
}

TEST_F(LocalTest, LeftoversOfDeadWritersAreRemoved) {
  Local local(root_);
  for (const FileType type : {FileType::kPack, FileType::kLock, FileType::kIndex})
    ASSERT_TRUE(local.Save({type, kPack.name}, AsBytes("x"), {}));
  ASSERT_TRUE(local.Save({FileType::kConfig, ""}, AsBytes("x"), {}));
  const std::vector<std::string> objects = Files();
  const auto leave = [&](const std::string& name) { std::ofstream(root_ / name) << "half"; };
  leave("data/aa/" + kPack.name + ".tmp-0123456789abcdef");
  leave("index/" + kPack.name + "-tmp-123456789");  // restic's
  leave("config.tmp-0123456789abcdef");
  const std::string being_written = "locks/" + kPack.name + ".tmp-0123456789abcdef";
  const std::string old = "locks/" + kPack.name + ".tmp-0123456789abcdee";
  leave(being_written);
  leave(old);
  fs::last_write_time(root_ / old, fs::file_time_type::clock::now() - std::chrono::hours(1));
  const std::vector<std::string> strange = {"data/aa/notes.tmp-1", "readme"};
  for (const std::string& name : strange) leave(name);

  EXPECT_EQ(local.RemoveLeftovers({}).value(), 4u);
  std::vector<std::string> left = objects;
  left.insert(left.end(), strange.begin(), strange.end());
  left.push_back(being_written);
  EXPECT_THAT(Files(), testing::UnorderedElementsAreArray(left));
  EXPECT_EQ(Local(folder_ / "absent").RemoveLeftovers({}).value(), 0u);
}

TEST_F(LocalTest, RootIsMadeButNotTheFolderAboveIt) {
  const Result<void> saved = Local(folder_ / "missing/repository").Save(kPack, AsBytes("x"), {});
  EXPECT_EQ(saved.error().code, kNoPlace);
  EXPECT_EQ(saved.error().message, (folder_ / "missing").native() +
                                       " does not exist: create it, or mount the volume there");
  EXPECT_TRUE(Local(root_.native() + "//").Save(kPack, AsBytes("x"), {}));
}

gid_t GroupOf(const fs::path& path) {
  struct stat status = {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_gid;
}

TEST_F(LocalTest, AGroupSharesFilesFoldersAndWhatIsMissingAboveThem) {
  const gid_t group = ::geteuid() == 0 ? 65532 : ::getegid();
  const fs::path deep = folder_ / "shop/production";
  Local local(deep, {group});
  ASSERT_TRUE(local.Save(kPack, AsBytes("x"), {}));
  ASSERT_TRUE(local.Save({FileType::kConfig, ""}, AsBytes("x"), {}));
  for (const fs::path& made : {folder_ / "shop", deep, deep / "data", deep / "data/aa"}) {
    EXPECT_EQ(ModeOf(made), 02770u) << made;
    EXPECT_EQ(GroupOf(made), group) << made;
  }
  for (const fs::path& made : {deep / PathOf(kPack).value(), deep / "config"}) {
    EXPECT_EQ(ModeOf(made), 0440u) << made;
    EXPECT_EQ(GroupOf(made), group) << made;
  }
}

// In a process of its own, which `body` may change as it likes; prints the message of the error.
template <typename Body>
[[noreturn]] void PrintError(Body body) {
  const Result<void> done = body();
  std::cerr << (done ? "no error"
                     : std::string(CodeName(done.error().code)) + ": " + done.error().message);
  ::_exit(0);
}

void Become(uid_t user, const std::vector<gid_t>& groups) {
  if (::setgroups(groups.size(), groups.data()) != 0 || ::setresgid(user, user, user) != 0 ||
      ::setresuid(user, user, user) != 0)
    ::_exit(1);
}

TEST_F(LocalTest, UsersOfOneGroupWorkInOneRepository) {
  ASSERT_EQ(::geteuid(), 0u) << "needs root to become somebody else, or to mount";
  ASSERT_EQ(::chmod(folder_.c_str(), 0777), 0);
  const auto write_as = [&](uid_t user, FileType type) {
    return [this, user, type]() -> Result<void> {
      Become(user, {65532});
      return Local(root_, {65532}).Save({type, kPack.name}, AsBytes("x"), {});
    };
  };
  EXPECT_EXIT(PrintError(write_as(1000, FileType::kPack)), testing::ExitedWithCode(0), "no error");
  EXPECT_EXIT(PrintError(write_as(2000, FileType::kLock)), testing::ExitedWithCode(0), "no error");
  const auto read_and_remove = [&]() -> Result<void> {
    Become(3000, {65532});
    Local local(root_, {65532});
    if (auto data = local.Load(kPack, 0, 0, {}); !data) return tl::make_unexpected(data.error());
    return local.Remove({FileType::kLock, kPack.name}, {});
  };
  EXPECT_EXIT(PrintError(read_and_remove), testing::ExitedWithCode(0), "no error");
}

TEST_F(LocalTest, WhoIsRefusedIsToldAsWhom) {
  ASSERT_EQ(::geteuid(), 0u) << "needs root to become somebody else, or to mount";
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  const auto write = [&]() -> Result<void> {
    Become(1000, {65532});
    return Local(root_, {65532}).Save(kPack, AsBytes("x"), {});
  };
  EXPECT_EXIT(PrintError(write), testing::ExitedWithCode(0),
              "Denied: make folder .*Permission denied; this process is user 1000 with the groups "
              "1000, 65532, and must be able to read and write the folder");
}

TEST_F(LocalTest, AFullFileSystemSaysHowMuchRoomThereIs) {
  ASSERT_EQ(::geteuid(), 0u) << "needs root to become somebody else, or to mount";
  const auto fill = [&]() -> Result<void> {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", folder_.c_str(), "tmpfs", 0, "size=64k") != 0)
      ::_exit(1);
    return Local(root_).Save(kPack, Bytes(200'000), {});
  };
  EXPECT_EXIT(PrintError(fill), testing::ExitedWithCode(0),
              "NoSpace: write .*No space left on device; of 64.0 KiB there 0 B are free, and");
}

// A limit on the size of files stands in for a full disk: the write fails half-way.
TEST_F(LocalTest, WriteThatFailsLeavesNothing) {
  Local local(root_);
  ASSERT_TRUE(local.Save({FileType::kConfig, ""}, AsBytes("x"), {}));
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{4096, before.rlim_max};
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Result<void> saved = local.Save(kPack, Bytes(100'000), {});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_FALSE(saved);
  EXPECT_EQ(Files(), std::vector<std::string>{"config"});
}

}  // namespace
}  // namespace holdfast::storage
