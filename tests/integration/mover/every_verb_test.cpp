// What holds for every verb: it stops within a second and leaves no lock, wherever it is told to;
// and with --json each line of its output is an object.
#include <chrono>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>

#include "base/json.h"
#include "jobs/repo/key.h"
#include "jobs/repo/lock.h"
#include "jobs/storage/local.h"
#include "tests/integration/mover/run.h"

namespace holdfast::engine {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

using CommandLine = std::vector<std::string>;

class EveryVerbTest : public MoverTest {
 protected:
  // Its index takes about 100 KB.
  void SetUp() override {
    MoverTest::SetUp();
    for (int i = 0; i < 2000; ++i)
      WriteFile(source_ + "/" + std::to_string(i), Noise(200, static_cast<std::uint64_t>(i)));
    MoverSucceeds({"init"});
    MoverSucceeds(BackupWords());
  }

  // Those that need the index, the trees or the packs.
  std::vector<CommandLine> Readers() {
    return {BackupWords({"--type=full"}),
            {"restore", "latest", "--target=" + target_},
            {"ls", "latest"},
            {"dump", "latest", "/shop/data-0"},
            {"find", "17"},
            {"diff", "latest", "latest"},
            {"stats", "--mode=raw-data"},
            {"check", "--read-data"},
            {"prune"},
            {"migrate", "upgrade_repo_v2"}};
  }
  std::vector<CommandLine> Others() {
    return {{"snapshots"},
            {"forget", "--keep-last=1", "--group-by=host,paths"},
            {"key", "list"},
            {"key", "add", "--new-password-file=" + PasswordFile()},
            {"key", "passwd", "--new-password-file=" + PasswordFile()}};
  }
  std::vector<CommandLine> WithALock() {
    std::vector<CommandLine> verbs = Readers();
    const std::vector<CommandLine> others = Others();
    verbs.insert(verbs.end(), others.begin(), others.end());
    return verbs;
  }

  // Starts a verb, waits until it has `begun`, and expects that it stops.
  template <typename Begun>
  void ExpectStops(CommandLine words, const CommandLine& more, Begun begun) {
    SCOPED_TRACE(testing::PrintToString(words));
    words.insert(words.end(), more.begin(), more.end());
    words.push_back("--repo=" + repo_);
    const std::size_t locks = Count("locks");
    ::unlink(output_.c_str());
    Process process(Words(HOLDFAST_MOVER, words), output_);
    for (int i = 0; i < 3000 && !begun(); ++i) std::this_thread::sleep_for(10ms);
    ASSERT_TRUE(begun()) << ReadFile(output_);
    const auto start = std::chrono::steady_clock::now();
    process.Signal(SIGTERM);
    const Finished finished = process.Wait();
    // One second, and as much again for a busy machine.
    EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
    EXPECT_EQ(finished.exit, 130) << finished.output;
    EXPECT_LE(Count("locks"), locks);
  }
};

TEST_F(EveryVerbTest, StopsWhileItWaitsForALock) {
  storage::Local storage(repo_);
  auto key = repo::FindKey(storage, kPassword, {}).value();
  const auto repository = repo::Repository::Open(storage, std::move(key->master), {}, {}).value();
  repo::LockRequest request;
  request.holder = "somebody";
  request.exclusive = true;
  const auto lock = repo::Lock::Acquire(*repository, request, {}).value();
  // Said at debug level, with every request.
  const auto waits = [&] { return ReadFile(output_).find("waiting") != std::string::npos; };
  for (const CommandLine& verb : WithALock())
    ExpectStops(verb, {"--lock-wait=10m", "--verbose"}, waits);
  EXPECT_EQ(Count("locks"), 1u) << "somebody's own";
}

// The store is so slow that reading the index takes minutes.
TEST_F(EveryVerbTest, StopsWhileItReads) {
  const auto locked = [&] { return Count("locks") == 1; };
  for (const CommandLine& verb : Readers()) ExpectStops(verb, {"--limit-download=1000"}, locked);
  ResticSucceeds({"check"});
}

// Without a lock there is nothing but the store to wait for.
TEST_F(EveryVerbTest, StopsWhileItOpensTheRepository) {
  const auto opens = [&] { return ReadFile(output_).find("load") != std::string::npos; };
  for (const CommandLine& verb : {CommandLine{"init", "--open-only"}, CommandLine{"unlock"}})
    ExpectStops(verb, {"--limit-download=1", "--verbose"}, opens);
}

TEST_F(EveryVerbTest, WritesJsonObjectsOnly) {
  std::vector<CommandLine> verbs = WithALock();
  std::erase_if(verbs, [](const CommandLine& verb) { return verb[0] == "dump"; });  // the content
  verbs.push_back({"init", "--open-only"});
  verbs.push_back({"unlock"});
  for (CommandLine verb : verbs) {
    verb.push_back("--json");
    MoverSucceeds(verb);
    Json last;
    std::istringstream lines(ReadFile(output_));
    for (std::string line; std::getline(lines, line);) {
      const auto json = ParseJson(line);
      ASSERT_TRUE(json && json->is_object()) << verb[0] << ": " << line;
      last = *json;
    }
    EXPECT_EQ(FindString(last, {"verb"}), verb[0]);
  }
}

// A terminal gets a bar on its error output.
TEST_F(EveryVerbTest, ShowsABarOnATerminal) {
  // More than packs and chunks hold that wait for the upload: for seconds it is seen half done.
  WriteFile(source_ + "/large", Noise(100'000'000, 3));
  std::string command = HOLDFAST_MOVER;
  for (const std::string& word :
       {std::string("backup"), std::string("--limit-upload=15Mi"), "--repo=" + repo_, source_})
    command += " " + word;
  const Finished finished =
      Process({"script", "--quiet", "--return", "--command", command, "/dev/null"}, output_).Wait();
  ASSERT_EQ(finished.exit, 0) << finished.output;
  EXPECT_THAT(finished.output, testing::ContainsRegex("\\[#+\\.+\\] +[0-9]+%  .* of .*/s"));
  EXPECT_THAT(finished.output, HasSubstr(" left"));
}

}  // namespace
}  // namespace holdfast::engine
