// The mover as a process: with restic in both directions, and when it is stopped or killed.
#include <chrono>
#include <thread>

#include <gmock/gmock.h>

#include "jobs/protocol/progress.h"
#include "tests/integration/mover/run.h"

namespace holdfast::engine {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<std::string> kRestore = {"restore", "latest", "--json", "--host=prod",
                                           "--as-path=/shop/data-0"};

class InteropTest : public MoverTest {
 protected:
  std::vector<std::string> RestoreWords(std::vector<std::string> more = {}) {
    std::vector<std::string> words = kRestore;
    words.push_back("--target=" + target_);
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

TEST_F(InteropTest, ResticReadsWhatWeWrite) {
  MakeAwkwardTree(source_);
  MoverSucceeds({"init"});
  MoverSucceeds(BackupWords({"--tag=policy=x"}));
  ResticSucceeds({"check", "--read-data"});
  ResticSucceeds({"restore", "latest", "--target", target_});
  EXPECT_THAT(TreeComparer::Compare(source_, target_ + "/shop/data-0"), IsEmpty());
}

TEST_F(InteropTest, WeReadWhatResticWrites) {
  MakeAwkwardTree(source_);
  for (const char* version : {"1", "2"}) {
    std::filesystem::remove_all(repo_);
    ResticSucceeds({"init", "--repository-version", version});
    ResticSucceeds({"backup", source_});
    MoverSucceeds({"check", "--read-data"});
    const std::string target = dir_.Make("target-v" + std::string(version));
    MoverSucceeds({"restore", "latest:" + source_, "--target=" + target});
    EXPECT_THAT(TreeComparer::Compare(source_, target), IsEmpty()) << "version " << version;
  }
}

TEST_F(InteropTest, APlainSnapshotOfResticKeepsItsPaths) {
  WriteFile(source_ + "/f", "x");
  ResticSucceeds({"init"});
  ResticSucceeds({"backup", source_});
  MoverSucceeds({"restore", "latest", "--target=" + target_});
  EXPECT_EQ(ReadFile(target_ + source_ + "/f"), "x");
}

TEST_F(InteropTest, BothWriteIntoOneRepository) {
  WriteFile(source_ + "/f", Noise(3'000'000, 9));
  ResticSucceeds({"init"});
  ResticSucceeds({"backup", source_});
  MoverSucceeds(BackupWords());
  EXPECT_LT(Result().bytes_added, 100'000u) << "restic's chunks are ours";
  ResticSucceeds({"check", "--read-data"});
}

TEST_F(InteropTest, PathsBeyondPathMax) {
  MakeDeep(source_, 6000);
  MoverSucceeds({"init"});
  MoverSucceeds(BackupWords());
  MoverSucceeds(RestoreWords());
  EXPECT_THAT(TreeComparer::Compare(source_, target_), IsEmpty());
  ResticSucceeds({"check", "--read-data"});
}

TEST_F(InteropTest, InitOpensCreatesAndRefuses) {
  EXPECT_EQ(Mover({"init", "--open-only"}).exit, 10);
  MoverSucceeds({"init", "--if-missing"});
  EXPECT_TRUE(Result().created);
  MoverSucceeds({"init", "--if-missing"});
  EXPECT_FALSE(Result().created);
  EXPECT_EQ(Result().repository_id.size(), 64u);
  EXPECT_NE(Mover({"init"}).exit, 0);
  WriteFile(dir_.path() + "/wrong", "wrong\n");
  EXPECT_EQ(Mover({"init", "--open-only", "--password-file=" + dir_.path() + "/wrong"}).exit, 12);
}

TEST_F(InteropTest, AnInitThatWasKilledBeforeTheConfigIsFinished) {
  for (const char* word : {"--if-missing", ""}) {
    std::filesystem::remove_all(repo_);
    MoverSucceeds({"init"});
    std::filesystem::remove(repo_ + "/config");
    EXPECT_EQ(Mover({"init", "--open-only"}).exit, 10);
    std::vector<std::string> words = {"init"};
    if (*word != '\0') words.emplace_back(word);
    MoverSucceeds(words);
    EXPECT_TRUE(Result().created);
    EXPECT_EQ(Count("keys"), 1u);
    ResticSucceeds({"check"});
  }
}

TEST_F(InteropTest, TheLastProgressLineSaysThatAllIsDone) {
  WriteFile(source_ + "/f", Noise(3'000'000, 9));
  MoverSucceeds({"init"});
  const auto last = [&](const std::vector<std::string>& words) {
    const Finished finished = Mover(words);
    EXPECT_EQ(finished.exit, 0) << finished.output;
    return protocol::LastProgress(finished.output).value_or(protocol::Progress{});
  };
  for (const auto& words : {BackupWords(), RestoreWords()}) {
    const protocol::Progress progress = last(words);
    EXPECT_EQ(progress.bytes_done, 3'000'000u) << words.front();
    EXPECT_EQ(progress.bytes_total, 3'000'000u);
    EXPECT_EQ(progress.files_done, 1u);
    EXPECT_EQ(progress.files_total, 1u);
  }
}

TEST_F(InteropTest, NothingFoundHasItsOwnCode) {
  MoverSucceeds({"init"});
  EXPECT_EQ(Mover(RestoreWords()).exit, 25);
  MoverSucceeds(BackupWords());
  EXPECT_EQ(Mover(RestoreWords({"--path=/none"})).exit, 25);
  EXPECT_EQ(
      Mover({"restore", "latest", "--host=other", "--as-path=/shop/data-0", "--target=" + target_})
          .exit,
      25);
}

TEST_F(InteropTest, UnreadableFilesAreCountedAndFail) {
  ASSERT_EQ(::geteuid(), 0u) << "needs root to become somebody else";
  WriteFile(source_ + "/open", "x");
  WriteFile(source_ + "/secret", "x");
  ::chmod((source_ + "/secret").c_str(), 0600);
  std::filesystem::create_directory(source_ + "/lost+found");
  ::chmod((source_ + "/lost+found").c_str(), 0700);
  std::filesystem::create_directory(repo_);
  ::chmod(repo_.c_str(), 0777);
  ASSERT_EQ(Mover({"init"}, kNobody).exit, 0) << ReadFile(output_);
  EXPECT_EQ(Mover(BackupWords({"--unreadable=fail"}), kNobody).exit, 3);
  const protocol::MoverResult result = Result();
  EXPECT_EQ(result.unreadable, 2u);
  EXPECT_EQ(result.files, 1u);
  EXPECT_EQ(result.snapshot.size(), 64u);
  EXPECT_THAT(result.unreadable_paths, Contains(HasSubstr("/shop/data-0/secret")));
  EXPECT_EQ(Mover(BackupWords({"--unreadable=warn"}), kNobody).exit, 0);
  EXPECT_EQ(Result().unreadable, 2u);
  ResticSucceeds({"check"});
}

class StoppedTest : public InteropTest {
 protected:
  void SetUp() override {
    InteropTest::SetUp();
    for (int i = 0; i < 24; ++i)
      WriteFile(source_ + "/" + std::to_string(i),
                Noise(20'000'000, static_cast<std::uint64_t>(i)));
    MoverSucceeds({"init"});
  }
  // A backup that has stored some packs and has many to go.
  std::unique_ptr<Process> StartBackup() {
    std::vector<std::string> words = BackupWords({"--holder=shop/pod-1"});
    words.push_back("--repo=" + repo_);
    auto process = std::make_unique<Process>(Words(HOLDFAST_MOVER, words), output_);
    for (int i = 0; i < 3000 && Count("data") < 2; ++i) std::this_thread::sleep_for(10ms);
    return process;
  }
};

TEST_F(StoppedTest, TermStopsWithinASecondAndLeavesTheRepositoryClean) {
  const auto process = StartBackup();
  const auto start = std::chrono::steady_clock::now();
  process->Signal(SIGTERM);
  const Finished finished = process->Wait();
  // One second, and as much again for a sanitized build on a busy machine.
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
  EXPECT_EQ(finished.exit, 130) << finished.output;
  EXPECT_EQ(Result().exit, protocol::ExitCode::kInterrupted);
  EXPECT_EQ(Count("locks"), 0u);
  EXPECT_EQ(Count("snapshots"), 0u);
  ResticSucceeds({"check"});
}

TEST_F(StoppedTest, AKilledMoversLockGoesWithItsHolder) {
  const auto process = StartBackup();
  process->Signal(SIGKILL);
  process->Wait();
  EXPECT_EQ(Count("locks"), 1u);
  MoverSucceeds({"init", "--open-only"});
  EXPECT_EQ(Result().lock_holders, std::vector<std::string>({"shop/pod-1"}));
  MoverSucceeds(BackupWords({"--holder=shop/pod-2", "--dead-holder=shop/pod-1"}));
  EXPECT_EQ(Count("locks"), 0u);
  ResticSucceeds({"check", "--read-data"});
  MoverSucceeds(RestoreWords());
  EXPECT_THAT(TreeComparer::Compare(source_, target_), IsEmpty());
}

TEST_F(StoppedTest, AnInterruptedRestoreGoesOn) {
  MoverSucceeds(BackupWords());
  std::vector<std::string> words = RestoreWords();
  words.push_back("--repo=" + repo_);
  {
    Process process(Words(HOLDFAST_MOVER, words), output_);
    for (int i = 0; i < 3000 && std::filesystem::is_empty(target_); ++i)
      std::this_thread::sleep_for(10ms);
    std::this_thread::sleep_for(300ms);
    process.Signal(SIGTERM);
    EXPECT_EQ(process.Wait().exit, 130);
  }
  MoverSucceeds(RestoreWords());
  EXPECT_LT(Result().bytes_added, Result().bytes) << "what was there is not written again";
  EXPECT_THAT(TreeComparer::Compare(source_, target_), IsEmpty());
}

}  // namespace
}  // namespace holdfast::engine
