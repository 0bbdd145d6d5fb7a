// The verbs beside backup and restore as processes, with stock restic as the judge.
#include <chrono>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>

#include "base/json.h"
#include "tests/integration/mover/run.h"

namespace holdfast::engine {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class VerbsTest : public MoverTest {
 protected:
  // Files that share content between generations, written by both programs in turn.
  void Generation(int number, bool by_restic) {
    for (int i = number; i < number + 6; ++i)
      WriteFile(source_ + "/f" + std::to_string(i),
                Noise(700'000, static_cast<std::uint64_t>(i)) + std::string(300'000, 'x'));
    std::filesystem::remove(source_ + "/f" + std::to_string(number - 1));
    if (by_restic) {
      ResticSucceeds({"backup", source_});
    } else {
      MoverSucceeds({"backup", source_});
    }
  }
  std::vector<std::string> SnapshotIds() {
    std::vector<std::string> ids;
    for (const auto& entry : std::filesystem::directory_iterator(repo_ + "/snapshots"))
      ids.push_back(entry.path().filename());
    return ids;
  }
  void ExpectLatestRestores() {
    std::filesystem::remove_all(target_);
    ResticSucceeds({"restore", "latest", "--target", target_});
    EXPECT_THAT(TreeComparer::Compare(source_, target_ + source_), IsEmpty());
  }
  // The last line of the last output that is JSON.
  Json LastJson() {
    Json last;
    std::istringstream lines(ReadFile(output_));
    for (std::string line; std::getline(lines, line);)
      if (auto json = ParseJson(line)) last = *std::move(json);
    return last;
  }
};

TEST_F(VerbsTest, OurPruneAfterBothProgramsBackups) {
  for (const char* version : {"1", "2"}) {
    std::filesystem::remove_all(repo_);
    ResticSucceeds({"init", "--repository-version", version});
    for (int i = 0; i < 6; ++i) Generation(i, i % 2 == 0);
    ResticSucceeds({"forget", "--keep-last", "2", "--group-by", ""});
    ASSERT_EQ(Count("snapshots"), 2u);
    MoverSucceeds({"prune", "--dry-run", "--max-unused=0%", "--json"});
    const std::uint64_t estimate = Result().bytes_freed;
    EXPECT_GT(estimate, 1'000'000u);
    MoverSucceeds({"prune", "--max-unused=0%", "--json"});
    EXPECT_EQ(Result().bytes_unused, 0u);
    EXPECT_GT(Result().bytes_freed, estimate * 9 / 10);
    ResticSucceeds({"check", "--read-data"});
    MoverSucceeds({"check", "--read-data"});
    ExpectLatestRestores();
    ResticSucceeds({"prune", "--max-unused", "0"});
    EXPECT_THAT(ReadFile(output_), HasSubstr("total prune:           0 blobs"))
        << "nothing was left";
  }
}

TEST_F(VerbsTest, ForgetInGroupsThenPrune) {
  MoverSucceeds({"init"});
  for (int i = 0; i < 3; ++i) Generation(i, false);
  MoverSucceeds({"forget", "--group-by=host,paths", "--keep-last=1", "--prune", "--json"});
  EXPECT_THAT(Result().removed, SizeIs(2));
  EXPECT_GT(Result().bytes_freed, 0u);
  ResticSucceeds({"check", "--read-data"});
  ExpectLatestRestores();
}

TEST_F(VerbsTest, PruneWaitsForOthersAndRefusesToGoWithoutALock) {
  MoverSucceeds({"init"});
  Generation(0, false);
  EXPECT_EQ(Mover({"prune", "--no-lock"}).exit, 2);
  WriteFile(source_ + "/big", Noise(60'000'000, 5));
  std::vector<std::string> words = BackupWords({"--limit-upload=40Mi"});
  words.push_back("--repo=" + repo_);
  Process backup(Words(HOLDFAST_MOVER, words), output_ + ".backup");
  for (int i = 0; i < 3000 && Count("locks") == 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(Mover({"prune"}).exit, 11);
  // Of a writer that was killed, as it would leave it.
  const std::string leftover = AnyPack() + ".tmp-0123456789abcdef";
  WriteFile(leftover, "half a pack");
  MoverSucceeds({"prune", "--lock-wait=2m"});
  EXPECT_FALSE(std::filesystem::exists(leftover));
  EXPECT_EQ(backup.Wait().exit, 0);
  ResticSucceeds({"check", "--read-data"});
}

TEST_F(VerbsTest, CopiesAreWhatResticTakesForCopies) {
  ResticSucceeds({"init"});
  for (int i = 0; i < 3; ++i) Generation(i, i == 1);
  const std::string source_repo = repo_ + "-from";
  std::filesystem::rename(repo_, source_repo);
  MoverSucceeds({"init", "--copy-chunker-params", "--from-repo=" + source_repo,
                 "--from-password-file=" + PasswordFile()});
  const std::vector<std::string> copy = {"copy", "--json", "--from-repo=" + source_repo,
                                         "--from-password-file=" + PasswordFile()};
  MoverSucceeds(copy);
  EXPECT_EQ(Result().snapshots, 3u);
  ResticSucceeds({"check", "--read-data"});
  ExpectLatestRestores();
  MoverSucceeds(copy);
  EXPECT_EQ(Result().snapshots, 0u);
  EXPECT_EQ(Result().kept, 3u);
  ResticSucceeds({"copy", "--from-repo", source_repo, "--from-password-file", PasswordFile()});
  EXPECT_EQ(Count("snapshots"), 3u) << "restic sees them too";
  MoverSucceeds(BackupWords());
  EXPECT_LT(Result().bytes_added, 100'000u) << "cut in the same places";
}

TEST_F(VerbsTest, MigratesToVersionTwoUnlessDamaged) {
  ResticSucceeds({"init", "--repository-version", "1"});
  Generation(0, true);
  const std::string pack = AnyPack();
  const std::string aside = dir_.path() + "/aside";
  std::filesystem::rename(pack, aside);
  EXPECT_EQ(Mover({"migrate", "upgrade_repo_v2"}).exit, 23);
  ResticSucceeds({"cat", "config"});
  EXPECT_THAT(ReadFile(output_), HasSubstr("\"version\": 1"));
  std::filesystem::rename(aside, pack);

  MoverSucceeds({"migrate", "upgrade_repo_v2"});
  ResticSucceeds({"cat", "config"});
  EXPECT_THAT(ReadFile(output_), HasSubstr("\"version\": 2"));
  MoverSucceeds({"prune", "--repack-uncompressed", "--json"});
  EXPECT_GT(Result().bytes_freed, 1'000'000u) << "the x are compressed";
  ResticSucceeds({"check", "--read-data"});
  ExpectLatestRestores();
  MoverSucceeds({"migrate", "upgrade_repo_v2"});
}

TEST_F(VerbsTest, KeysOpenForBothPrograms) {
  MoverSucceeds({"init"});
  const std::string file = dir_.path() + "/new";
  WriteFile(file, "new password\n");
  MoverSucceeds({"key", "add", "--new-password-file=" + file});
  ResticSucceeds({"--password-file", file, "cat", "config"});
  MoverSucceeds({"key", "list", "--json"});
  std::string own, other;
  std::istringstream lines(ReadFile(output_));
  for (std::string line; std::getline(lines, line);) {
    const auto json = ParseJson(line);
    if (json && json->contains("current"))
      ((*json)["current"].get<bool>() ? own : other) = FindString(*json, {"id"});
  }
  EXPECT_EQ(Mover({"key", "remove", own}).exit, 2);
  MoverSucceeds({"key", "remove", other});
  EXPECT_NE(Restic({"--password-file", file, "cat", "config"}).exit, 0);
  MoverSucceeds({"key", "passwd", "--new-password-file=" + file});
  EXPECT_EQ(Mover({"snapshots"}).exit, 12);
  ResticSucceeds({"--password-file", file, "check"});
}

TEST_F(VerbsTest, StatsAreRestics) {
  ResticSucceeds({"init"});
  MakeAwkwardTree(source_);
  for (int i = 0; i < 3; ++i) Generation(i, i == 1);
  for (const char* mode : {"restore-size", "files-by-contents", "blobs-per-file", "raw-data"}) {
    ResticSucceeds({"stats", "--json", "--mode", mode});
    const Json theirs = LastJson();
    ASSERT_EQ(Mover({"stats", "--json", "--mode", mode}).exit, 0);
    Json ours;
    std::istringstream lines(ReadFile(output_));
    for (std::string line; std::getline(lines, line);)
      if (const auto json = ParseJson(line); json && json->contains("total_size")) ours = *json;
    EXPECT_EQ(FindInt(ours, {"total_size"}), FindInt(theirs, {"total_size"})) << mode;
    EXPECT_EQ(FindInt(ours, {"total_file_count"}).value_or(0),
              FindInt(theirs, {"total_file_count"}).value_or(0))
        << mode;
    EXPECT_EQ(FindInt(ours, {"total_blob_count"}).value_or(0),
              FindInt(theirs, {"total_blob_count"}).value_or(0))
        << mode;
  }
}

TEST_F(VerbsTest, DiffSaysWhatResticsDiffSays) {
  ResticSucceeds({"init"});
  MakeAwkwardTree(source_);
  Generation(0, true);
  const std::string before = SnapshotIds().front();
  std::filesystem::remove_all(source_ + "/sticky");
  std::filesystem::create_directories(source_ + "/new/deeper");
  WriteFile(source_ + "/new/deeper/file", "x");
  std::filesystem::remove(source_ + "/fifo");
  WriteFile(source_ + "/fifo", "a file now");
  ::chmod((source_ + "/small").c_str(), 0600);
  Generation(1, true);
  std::vector<std::string> ids = SnapshotIds();
  const std::string after = ids[0] == before ? ids[1] : ids[0];
  const auto changes = [&] {
    std::set<std::string> lines;
    std::istringstream text(ReadFile(output_));
    for (std::string line; std::getline(text, line);) {
      const bool change = line.size() > 5 && line[5] == '/' &&
                          std::string("+-MUT").find(line[0]) != std::string::npos;
      if (change) lines.insert(line);
    }
    return lines;
  };
  ResticSucceeds({"diff", "--metadata", before, after});
  const auto theirs = changes();
  ASSERT_GT(theirs.size(), 5u);
  MoverSucceeds({"diff", "--metadata", before, after});
  EXPECT_EQ(changes(), theirs);
}

TEST_F(VerbsTest, DumpsAFileAndATarThatTarUnpacks) {
  MakeAwkwardTree(source_);
  MoverSucceeds({"init"});
  MoverSucceeds(BackupWords());
  ASSERT_EQ(Mover({"dump", "latest", "/shop/data-0/large"}).exit, 0);
  EXPECT_EQ(ReadFile(output_), ReadFile(source_ + "/large"));
  ASSERT_EQ(Mover({"dump", "latest", "/shop/data-0"}).exit, 0);
  const std::string tar = dir_.path() + "/dump.tar";
  std::filesystem::copy_file(output_, tar);
  const Finished unpacked = Process({"tar", "-x", "-p", "--numeric-owner", "--xattrs",
                                     "--xattrs-include=*", "-f", tar, "-C", target_},
                                    output_)
                                .Wait();
  ASSERT_EQ(unpacked.exit, 0) << unpacked.output;
  // The dumped folder itself is not in its archive.
  std::vector<std::string> differences = TreeComparer::Compare(source_, target_);
  std::erase_if(differences, [](const std::string& line) { return line.starts_with(":"); });
  EXPECT_THAT(differences, IsEmpty());
}

TEST_F(VerbsTest, FindsByName) {
  MoverSucceeds({"init"});
  Generation(0, false);
  MoverSucceeds({"find", "F3", "-i"});
  EXPECT_THAT(ReadFile(output_), HasSubstr(source_ + "/f3\n"));
  MoverSucceeds({"find", "none"});
  EXPECT_THAT(ReadFile(output_), IsEmpty());
}

// --- Beside damage ---

TEST_F(VerbsTest, ATornSnapshotCostsNoOther) {
  MoverSucceeds({"init"});
  Generation(0, false);
  const std::string whole = SnapshotIds().front();
  Generation(1, false);
  std::vector<std::string> ids = SnapshotIds();
  const std::string torn = ids[0] == whole ? ids[1] : ids[0];
  std::filesystem::permissions(repo_ + "/snapshots/" + torn, std::filesystem::perms::owner_all);
  WriteFile(repo_ + "/snapshots/" + torn, "torn");
  const auto expect_said = [&](const std::vector<std::string>& words) {
    const Finished finished = Mover(words);
    EXPECT_EQ(finished.exit, 23) << words[0] << ": " << finished.output;
    EXPECT_THAT(finished.output, HasSubstr("snapshot " + torn.substr(0, 8))) << words[0];
  };
  for (const char* verb : {"snapshots", "stats", "check"}) expect_said({verb});
  expect_said({"find", "f3"});
  EXPECT_THAT(ReadFile(output_), HasSubstr(source_ + "/f3\n"));
  EXPECT_EQ(Mover({"ls", whole}).exit, 0) << "which the damage does not concern";
  const std::string from = repo_ + "-from";
  std::filesystem::rename(repo_, from);
  MoverSucceeds({"init"});
  expect_said({"copy", "--from-repo=" + from, "--from-password-file=" + PasswordFile()});
  EXPECT_EQ(Count("snapshots"), 1u);
  MoverSucceeds({"check", "--read-data"});
}

TEST_F(VerbsTest, WithoutItsIndexARepositoryIsStillRead) {
  MoverSucceeds({"init"});
  Generation(0, false);
  std::filesystem::remove_all(repo_ + "/index");
  for (const char* verb : {"ls", "stats", "dump"}) {
    SCOPED_TRACE(verb);
    std::vector<std::string> words = {verb};
    if (words[0] != "stats") words.push_back("latest");
    if (words[0] == "dump") words.push_back(source_ + "/f3");
    const Finished finished = Mover(words);
    EXPECT_EQ(finished.exit, 0) << finished.output;
  }
  EXPECT_EQ(ReadFile(output_), ReadFile(source_ + "/f3"));
  EXPECT_EQ(Mover({"check"}).exit, 23);
  EXPECT_EQ(Mover({"prune"}).exit, 23);
}

// --- Stopped in the middle ---

class StoppedVerbTest : public VerbsTest {
 protected:
  void SetUp() override {
    VerbsTest::SetUp();
    for (int i = 0; i < 16; ++i)
      WriteFile(source_ + "/" + std::to_string(i),
                Noise(20'000'000, static_cast<std::uint64_t>(i)));
    MoverSucceeds({"init"});
    MoverSucceeds(BackupWords());
  }

  // Stops a verb once `begun`, made slow enough not to be done before.
  void Stop(std::vector<std::string> words, const std::function<bool()>& begun) {
    words.insert(words.end(), {"--json", "--limit-download=20Mi", "--repo=" + repo_});
    ::unlink(output_.c_str());  // what an earlier verb told of its bytes
    Process process(Words(HOLDFAST_MOVER, words), output_);
    for (int i = 0; i < 3000 && !begun(); ++i) std::this_thread::sleep_for(10ms);
    ASSERT_TRUE(begun());
    const auto start = std::chrono::steady_clock::now();
    process.Signal(SIGTERM);
    const Finished finished = process.Wait();
    // One second, and as much again for a sanitized build on a busy machine.
    EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
    EXPECT_EQ(finished.exit, 130) << finished.output;
    EXPECT_EQ(Count("locks"), 0u);
    ResticSucceeds({"check"});
  }
  // The verb is at its work: it has its lock, and has told of bytes.
  bool Moving() {
    const std::string text = ReadFile(output_);
    const std::size_t last = text.rfind("\"bytesDone\":");
    return last != std::string::npos && text.compare(last, 14, "\"bytesDone\":0,") != 0;
  }
};

TEST_F(StoppedVerbTest, Restore) {
  Stop({"restore", "latest", "--host=prod", "--as-path=/shop/data-0", "--target=" + target_},
       [&] { return !std::filesystem::is_empty(target_); });
}

TEST_F(StoppedVerbTest, Check) {
  Stop({"check", "--read-data"}, [&] { return Moving(); });
}

TEST_F(StoppedVerbTest, Prune) {
  for (int i = 0; i < 16; ++i) {
    std::string content = Noise(20'000'000, static_cast<std::uint64_t>(i));
    content.replace(5'000'000, 6'000'000, Noise(6'000'000, static_cast<std::uint64_t>(100 + i)));
    WriteFile(source_ + "/" + std::to_string(i), content);
  }
  const std::string old = SnapshotIds().front();
  MoverSucceeds(BackupWords());
  MoverSucceeds({"forget", old});
  Stop({"prune", "--max-unused=0%"}, [&] { return Moving(); });
  MoverSucceeds({"prune", "--max-unused=0%"});
  ResticSucceeds({"check", "--read-data"});
}

TEST_F(StoppedVerbTest, Copy) {
  const std::string from = repo_ + "-from";
  std::filesystem::rename(repo_, from);
  MoverSucceeds({"init"});
  Stop({"copy", "--from-repo=" + from, "--from-password-file=" + PasswordFile()},
       [&] { return Count("data") > 1; });
  std::filesystem::rename(repo_, repo_ + "-to");
  std::filesystem::rename(from, repo_);
  EXPECT_EQ(Count("locks"), 0u) << "nor at the source";
}

}  // namespace
}  // namespace holdfast::engine
