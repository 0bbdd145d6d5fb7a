#include <cstdio>
#include <fstream>
#include <limits>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/protocol/args.h"
#include "jobs/protocol/exit_code.h"
#include "jobs/protocol/progress.h"
#include "jobs/protocol/result.h"

namespace holdfast::protocol {
namespace {

TEST(ArgsTest, BackupSaysWholeIdentityAndPutsValuesInOneWord) {
  BackupArgs args;
  args.repository.location = "s3:https://s3.example/bucket";
  args.identity = {"prod", "/shop/data-mysql-0"};
  args.type = BackupType::kDifferential;
  args.excludes = {"--tmp"};
  const auto words = CommandLine(args);
  EXPECT_THAT(words, ::testing::IsSupersetOf({"--host=prod", "--as-path=/shop/data-mysql-0",
                                              "--type=differential", "--exclude=--tmp",
                                              "--unreadable=fail"}));
  EXPECT_EQ(words.front(), "backup");
  EXPECT_EQ(words.back(), kDataPath);
  EXPECT_THAT(words, ::testing::Not(::testing::Contains(::testing::HasSubstr("manifests"))));
}

TEST(ProgressTest, LastCompleteLineWins) {
  Progress first;
  first.phase = "scan";
  Progress second;
  second.phase = "transfer";
  second.bytes_done = 5;
  second.eta_seconds = 7;
  const std::string log = "noise\n" + EncodeLine(first) + EncodeLine(second) + R"({"type":"prog)";
  EXPECT_EQ(LastProgress(log), second);
  EXPECT_EQ(LastProgress("no newline"), std::nullopt);
  EXPECT_EQ(LastProgress("\n\n"), std::nullopt);
}

TEST(ResultTest, RoundTrip) {
  MoverResult result;
  result.verb = "backup";
  result.exit = ExitCode::kUnreadableFiles;
  result.snapshot = std::string(64, 'a');
  result.files = 3;
  result.unreadable = 1;
  result.unreadable_paths = {"/a"};
  result.changed_while_read = 2;
  result.skipped = 4;
  result.manifests = std::string(64, 'b');
  result.manifests_files = 5;
  result.manifests_bytes = 6;
  result.manifests_secrets = true;
  result.manifests_missing = {"ConfigMap/a"};
  result.manifests_error = "why";
  EXPECT_EQ(Decode(Encode(result)).value(), result);
}

TEST(ResultTest, RoundTripOfAWatch) {
  MoverResult result;
  result.verb = "watch";
  result.changed_since = "2026-06-01T10:00:00.000000001Z";
  result.changed_until = "2026-06-01T10:01:00Z";
  result.quiet_ms = 10'003;
  EXPECT_EQ(Decode(Encode(result)).value(), result);
}

TEST(ResultTest, RoundTripOfAPruneUnderObjectLock) {
  MoverResult result;
  result.verb = "prune";
  result.bytes_retained = 12;
  result.bytes_retained_until = "2026-06-01T10:00:00Z";
  result.objects_retained = 1234;
  result.not_retained = true;
  result.retained_until = "2026-07-01T10:00:00Z";
  EXPECT_EQ(Decode(Encode(result)).value(), result);
}

TEST(ResultTest, NeverLongerThanKubernetesKeeps) {
  MoverResult result;
  result.verb = "forget";
  result.message = std::string(9000, 'm');
  result.unreadable_paths.assign(500, std::string(255, 'p'));
  result.removed.assign(400, std::string(64, 'a'));
  result.changed_while_read = result.skipped = std::numeric_limits<std::int64_t>::max();
  const std::string text = Encode(result);
  EXPECT_LE(text.size(), kMaxResultBytes);
  const MoverResult decoded = Decode(text).value();
  EXPECT_TRUE(decoded.more) << "a cut list of removed snapshots must say so";
  EXPECT_GT(decoded.removed.size(), 20u);
  EXPECT_EQ(decoded.changed_while_read, result.changed_while_read) << "counts are never cut";
  EXPECT_EQ(decoded.skipped, result.skipped);
}

TEST(ExitCodeTest, UnknownNumbersAreFailures) {
  EXPECT_EQ(ExitCodeFromNumber(137), ExitCode::kFailed);
  EXPECT_EQ(ExitCodeFromNumber(12), ExitCode::kWrongPassword);
  EXPECT_FALSE(WorthRetrying(ExitCode::kWrongPassword));
}

// The table in the guide, and nothing else.
TEST(ExitCodeTest, EveryOneIsDocumented) {
  std::ifstream guide("docs/guide/mover.md");
  ASSERT_TRUE(guide) << "run in the checkout's root";
  std::set<int> documented;
  for (std::string line; std::getline(guide, line);) {
    int number = 0;
    if (std::sscanf(line.c_str(), "| %d |", &number) == 1) documented.insert(number);
  }
  std::set<int> existing;
  for (int number = 0; number < 256; ++number) {
    if (number == static_cast<int>(ExitCode::kFailed) ||
        ExitCodeFromNumber(number) != ExitCode::kFailed)
      existing.insert(number);
  }
  EXPECT_EQ(documented, existing);
}

}  // namespace
}  // namespace holdfast::protocol
