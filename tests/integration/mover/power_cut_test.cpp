// A node that is lost in the middle of a restore leaves what its file systems had written down, and
// that may be a file's size and time without its content. Who trusts these goes on from there, and
// all files are whole in the end.
#include <chrono>
#include <thread>

#include "tests/integration/mover/run.h"

namespace holdfast::engine {
namespace {

using namespace std::chrono_literals;

void Execute(const std::vector<std::string>& words, const std::string& output) {
  const Finished finished = Process(words, output).Wait();
  ASSERT_EQ(finished.exit, 0) << words.front() << ": " << finished.output;
}

// A file system in a file; unmounted when it goes.
class Disk {
 public:
  Disk(const std::string& image, const std::string& point) : point_(point) {
    Execute({"mount", "-o", "loop", image, point_}, point_ + ".mount");
  }
  ~Disk() { Execute({"umount", point_}, point_ + ".mount"); }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

 private:
  const std::string point_;
};

class PowerCutTest : public MoverTest {
 protected:
  // Each of several pieces, of which a restore makes the file in its full size at first.
  static constexpr int kFiles = 12;
  static constexpr std::size_t kSize = 9'000'000;
  // They get their times after the files: so long is the moment at which the power is cut.
  static constexpr int kFolders = 400;

  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0u) << "needs root to mount";
    MoverTest::SetUp();
    for (int i = 0; i < kFiles; ++i)
      WriteFile(source_ + "/" + Name(i), Noise(kSize, static_cast<std::uint64_t>(i)));
    for (int i = 0; i < kFolders; ++i)
      std::filesystem::create_directory(source_ + "/folder-" + std::to_string(i));
    MoverSucceeds({"init"});
    MoverSucceeds(BackupWords());
    Execute({"truncate", "--size=300M", image_}, output_);
    Execute({"mkfs.ext4", "-q", "-m", "0", image_}, output_);
  }

  static std::string Name(int file) { return "file-" + std::to_string(file); }
  std::vector<std::string> RestoreInto(const std::string& target) const {
    return {"restore",
            "latest",
            "--host=prod",
            "--as-path=/shop/data-0",
            "--overwrite=if-changed",
            "--target=" + target};
  }
  // Of the source's size and time: one that a restore by these passes over.
  bool LooksWhole(const std::string& folder, int file) const {
    struct stat is {
    }, was{};
    if (::stat((folder + "/" + Name(file)).c_str(), &is) != 0 ||
        ::stat((source_ + "/" + Name(file)).c_str(), &was) != 0)
      return false;
    return is.st_size == was.st_size && is.st_mtim.tv_sec == was.st_mtim.tv_sec &&
           is.st_mtim.tv_nsec == was.st_mtim.tv_nsec;
  }
  bool IsWhole(const std::string& folder, int file) const {
    return ReadFile(folder + "/" + Name(file)) == ReadFile(source_ + "/" + Name(file));
  }

  // Stops the mover as soon as a file looks whole, and copies what is on the disk.
  void CutPower() {
    const Disk disk(image_, target_);
    std::vector<std::string> words = RestoreInto(target_);
    words.push_back("--repo=" + repo_);
    Process mover(Words(HOLDFAST_MOVER, words), output_);
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!LooksWhole(target_, 0) && std::chrono::steady_clock::now() < end)
      std::this_thread::yield();
    mover.Signal(SIGSTOP);
    ASSERT_TRUE(LooksWhole(target_, 0)) << ReadFile(output_);
    // What the file system does by itself every few seconds: metadata are written down.
    const int any = ::open((target_ + "/any").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ASSERT_EQ(::fsync(any), 0);
    ::close(any);
    Execute({"cp", "--sparse=always", image_, cut_}, output_ + ".cp");
  }

  const std::string image_ = dir_.path() + "/image";
  const std::string cut_ = dir_.path() + "/cut";
};

TEST_F(PowerCutTest, WhatLooksWholeIsWholeAndTheRestIsRestored) {
  ASSERT_NO_FATAL_FAILURE(CutPower());
  const Disk disk(cut_, target_);
  EXPECT_TRUE(LooksWhole(target_, 0)) << "so was it when the power was cut";
  for (int i = 0; i < kFiles; ++i)
    if (LooksWhole(target_, i)) {
      EXPECT_TRUE(IsWhole(target_, i)) << Name(i);
    }
  MoverSucceeds(RestoreInto(target_));
  for (int i = 0; i < kFiles; ++i) EXPECT_TRUE(IsWhole(target_, i)) << Name(i);
}

}  // namespace
}  // namespace holdfast::engine
