// A mover in a cgroup of 48 MiB works with fewer buffers instead of being killed.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/integration/mover/run.h"

namespace holdfast::engine {
namespace {

using ::testing::IsEmpty;

constexpr std::uint64_t kLimit = 48 << 20;

// A memory cgroup, of whichever version this machine has; removed when it goes.
class MemoryCgroup {
 public:
  explicit MemoryCgroup(std::uint64_t limit) {
    const std::string name = "holdfast-test-" + std::to_string(::getpid());
    const bool old = std::filesystem::exists("/sys/fs/cgroup/memory");
    if (!old) Write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
    path_ = (old ? "/sys/fs/cgroup/memory/" : "/sys/fs/cgroup/") + name;
    std::error_code error;
    std::filesystem::create_directory(path_, error);
    made_ = Write(path_ + (old ? "/memory.limit_in_bytes" : "/memory.max"), std::to_string(limit));
  }
  ~MemoryCgroup() { ::rmdir(path_.c_str()); }

  bool made() const { return made_; }
  // The program of `words`, started inside.
  std::vector<std::string> Inside(std::vector<std::string> words) const {
    words.insert(words.begin(), {"/bin/sh", "-c",
                                 "echo $$ > " + path_ + "/cgroup.procs && exec \"$@\"", "inside"});
    return words;
  }

 private:
  static bool Write(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    return static_cast<bool>(file << text << std::flush);
  }

  std::string path_;
  bool made_ = false;
};

class MemoryLimitTest : public MoverTest {
 protected:
  void Succeeds(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), HOLDFAST_MOVER);
    arguments.push_back("--repo=" + repo_);
    const Finished finished = Process(cgroup_.Inside(arguments), output_).Wait();
    ASSERT_EQ(finished.exit, 0) << arguments[1] << ": " << finished.output;
  }

  const MemoryCgroup cgroup_{kLimit};
};

TEST_F(MemoryLimitTest, EveryLongVerbFitsInto48MiB) {
  ASSERT_TRUE(cgroup_.made()) << "needs root and a memory cgroup that it may make";
  WriteFile(source_ + "/noise", Noise(150'000'000, 1));
  WriteFile(source_ + "/text", std::string(60'000'000, 'x'));
  for (int i = 0; i < 3000; ++i) WriteFile(source_ + "/small" + std::to_string(i), Noise(5000, i));

  Succeeds({"init"});
  Succeeds(BackupWords());
  std::filesystem::remove(source_ + "/text");
  Succeeds(BackupWords());
  Succeeds({"check", "--read-data"});
  Succeeds({"restore", "latest", "--host=prod", "--as-path=/shop/data-0", "--target=" + target_});
  EXPECT_THAT(TreeComparer::Compare(source_, target_), IsEmpty());
  Succeeds({"forget", "--keep-last=1", "--host=prod", "--as-path=/shop/data-0", "--prune"});
  Succeeds({"check"});
}

}  // namespace
}  // namespace holdfast::engine
