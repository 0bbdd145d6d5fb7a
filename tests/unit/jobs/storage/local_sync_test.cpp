// What a power cut can take from a folder: nothing that was acknowledged. The kernel keeps what was
// synced, so the order of syncs and renames is what is looked at.
#include <array>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jobs/storage/local.h"

namespace {

// What happened below `watched`, while it is not empty.
std::string watched;
std::vector<std::string> events;

void Note(const std::string& what, const std::string& path) {
  if (watched.empty() || !path.starts_with(watched)) return;
  std::string below = path.substr(watched.size());
  if (const auto mark = below.find(".tmp-"); mark != std::string::npos) below.resize(mark + 4);
  events.push_back(what + " " + below);
}

std::string PathOf(int descriptor) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  return ::readlink(link.c_str(), path.data(), path.size() - 1) < 0 ? "" : path.data();
}

}  // namespace

// In place of the C library's, for this whole program.
extern "C" int fsync(int descriptor) {
  Note("sync", PathOf(descriptor));
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

extern "C" int renameat2(int from_folder, const char* from, int to_folder, const char* to,
                         unsigned flags) noexcept {
  Note("rename to", to);
  return static_cast<int>(::syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}

extern "C" int rename(const char* from, const char* to) noexcept {
  Note("replace", to);
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

namespace holdfast::storage {
namespace {

using ::testing::ElementsAre;

class LocalSyncTest : public testing::Test {
 protected:
  LocalSyncTest() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-XXXXXX").native();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = std::filesystem::canonical(name);
    watched = folder_;
    events.clear();
  }
  ~LocalSyncTest() override {
    watched.clear();
    std::filesystem::remove_all(folder_);
  }
  std::vector<std::string> Take() { return std::exchange(events, {}); }

  std::string folder_;
  const std::string name_ = std::string(64, 'a');
  const Handle pack_{FileType::kPack, name_};
};

TEST_F(LocalSyncTest, AnObjectAndItsFoldersAreThereBeforeSaveReturns) {
  Local local(folder_ + "/r");
  ASSERT_TRUE(local.Save(pack_, AsBytes("x"), {}));
  const std::string pack = "/r/data/aa/" + name_;
  EXPECT_THAT(Take(), ElementsAre("sync ", "sync /r", "sync /r/data", "sync " + pack + ".tmp",
                                  "rename to " + pack, "sync /r/data/aa"));
  ASSERT_TRUE(local.Save({FileType::kPack, "aa" + std::string(62, 'b')}, AsBytes("y"), {}));
  const std::string other = "/r/data/aa/aa" + std::string(62, 'b');
  EXPECT_THAT(Take(),
              ElementsAre("sync " + other + ".tmp", "rename to " + other, "sync /r/data/aa"));
}

TEST_F(LocalSyncTest, AReplacedConfigIsWholeBeforeItIsSeen) {
  Local local(folder_ + "/r");
  ASSERT_TRUE(local.Save({FileType::kConfig, ""}, AsBytes("old"), {}));
  Take();
  ASSERT_TRUE(local.Replace({FileType::kConfig, ""}, AsBytes("new"), {}));
  EXPECT_THAT(Take(), ElementsAre("sync /r/config.tmp", "replace /r/config", "sync /r"));
}

// Otherwise a pack could be gone and the index file that lists it back.
TEST_F(LocalSyncTest, WhatIsRemovedStaysRemoved) {
  Local local(folder_ + "/r");
  ASSERT_TRUE(local.Save(pack_, AsBytes("x"), {}));
  Take();
  ASSERT_TRUE(local.Remove(pack_, {}));
  EXPECT_THAT(Take(), ElementsAre("sync /r/data/aa"));
}

}  // namespace
}  // namespace holdfast::storage
