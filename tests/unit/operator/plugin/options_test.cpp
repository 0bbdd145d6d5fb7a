#include "operator/plugin/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plugin/completion.h"

namespace holdfast::plugin {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

template <typename C>
C Parsed(const std::vector<std::string>& words) {
  const auto options = ParseOptions(words);
  EXPECT_TRUE(options) << options.error().message;
  if (!options || !std::holds_alternative<C>(options->command)) {
    ADD_FAILURE() << words.front() << " is another command";
    return {};
  }
  return std::get<C>(options->command);
}

TEST(PluginOptionsTest, ARestoreAsOfATime) {
  const auto command = Parsed<RestoreCommand>(
      {"restore", "sts/mysql", "--as-of", "yesterday 14:00", "--path", "/a", "--path", "/b"});
  EXPECT_EQ(command.what, "sts/mysql");
  EXPECT_EQ(command.as_of, "yesterday 14:00");
  EXPECT_THAT(command.paths, ElementsAre("/a", "/b"));
  EXPECT_TRUE(command.wait);
  EXPECT_FALSE(Parsed<RestoreCommand>({"restore", "sts/x", "--no-wait"}).wait);
  EXPECT_EQ(Parsed<RestoreCommand>({"restore", "sts/x", "--previous", "1"}).previous, 1);
}

TEST(PluginOptionsTest, EveryCommandIsThere) {
  EXPECT_EQ(Parsed<BackupCommand>({"backup", "sts/x", "--type=full", "--wait"}).wait, true);
  EXPECT_EQ(Parsed<StatusCommand>({"status"}).what, "");
  EXPECT_EQ(Parsed<StatusCommand>({"status", "rst/x", "-w"}).wait, true);
  EXPECT_EQ(Parsed<SnapshotsCommand>({"snapshots", "--repository", "r"}).repository, "r");
  const auto ls = Parsed<LsCommand>({"ls", "bk/x", "/a", "-lR", "-c", "data-x-0"});
  EXPECT_EQ(ls.path, "/a");
  EXPECT_EQ(ls.source.claim, "data-x-0");
  EXPECT_TRUE(ls.recursive && ls.long_format);
  EXPECT_EQ(Parsed<CatCommand>({"cat", "bk/x", "/a"}).path, "/a");
  EXPECT_EQ(Parsed<DownloadCommand>({"download", "bk/x", "/a", "--to", "-"}).to, "-");
  EXPECT_EQ(Parsed<VerifyCommand>({"verify", "bk/x"}).source.what, "bk/x");
  Parsed<ReportCommand>({"report"});
  EXPECT_EQ(Parsed<ImportCommand>({"import", "bkr/x", "--cluster", "c"}).newest, 100);
}

// Where kubectl users write them: before and after the command.
TEST(PluginOptionsTest, CommonOptionsStandAnywhere) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"-n", "shop", "-o", "json", "report", "-A"},
        std::vector<std::string>{"report", "-A", "--namespace=shop", "-o", "json"}}) {
    const auto options = ParseOptions(words);
    ASSERT_TRUE(options) << options.error().message;
    EXPECT_EQ(options->ns, "shop");
    EXPECT_TRUE(options->all_namespaces);
    EXPECT_EQ(options->output, OutputFormat::kJson);
  }
}

TEST(PluginOptionsTest, MistakesSayWhatToWrite) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"-n", "shop", "frob"}, "there is no command \"frob\""},
      {{"restor", "sts/x"}, "there is no command \"restor\"; there are status, backup, restore"},
      {{"restore"}, "kubectl holdfast restore --help"},
      {{"restore", "sts/x", "--as-of", "now", "--previous", "1"}, "excludes"},
      {{"restore", "sts/x", "--previous", "-1"}, "--previous"},
      {{"restore", "sts/x", "--previous", std::string(300, '9')}, "not in range 0 to 10000"},
      {{"restore", "sts/x", "--backup=", "-y"}, "--backup= has no value; write --backup=VALUE"},
      {{"backup", "sts/x", "--type", "Half"}, "Half"},
      {{"status", "-o", "xml"}, "\"xml\" is none of wide, json and yaml"},
      {{"cat", "bk/x"}, "PATH is missing: A file in the volume"},
      {{"completion", "fish"}, "fish"},
  };
  for (const auto& [words, says] : cases) {
    const auto options = ParseOptions(words);
    ASSERT_FALSE(options) << says;
    EXPECT_EQ(options.error().code, Code::kInvalid);
    EXPECT_THAT(options.error().message, HasSubstr(says));
  }
}

TEST(PluginOptionsTest, HelpVersionAndCompletionArePrinted) {
  EXPECT_THAT(ParseOptions({"--help"})->print_only, HasSubstr("download"));
  EXPECT_THAT(ParseOptions({})->print_only, HasSubstr("download"));
  EXPECT_THAT(ParseOptions({"-n", "shop"})->print_only, HasSubstr("download"));
  const std::vector<std::vector<std::string>> asked = {
      {"restore", "--help"}, {"restore", "sts/x", "-h"}, {"help", "restore"}};
  for (const std::vector<std::string>& words : asked)
    EXPECT_THAT(ParseOptions(words)->print_only,
                AllOf(HasSubstr("Usage: kubectl holdfast restore [OPTIONS] OBJECT\n"),
                      HasSubstr("--as-of TIME "), HasSubstr("--wait, --no-wait "),
                      HasSubstr("restore sts/mysql --as-of \"yesterday 14:00\"")));
  EXPECT_THAT(ParseOptions({"--version"})->print_only, HasSubstr("kubectl-holdfast "));
  EXPECT_THAT(ParseOptions({"completion", "bash"})->print_only, HasSubstr("complete -F"));
  EXPECT_THAT(ParseOptions({"completion", "zsh"})->print_only, HasSubstr("compdef"));
}

Completer ShopCompleter() {
  return {[](ObjectKind kind) {
            if (kind == ObjectKind::kStatefulSet) return std::vector<std::string>{"mysql", "web"};
            if (kind == ObjectKind::kRepository) return std::vector<std::string>{"offsite"};
            return std::vector<std::string>{"nightly-1", "nightly-2"};
          },
          [](const std::string& source, const std::string& directory) {
            EXPECT_EQ(source, "bk/nightly-1");
            return std::vector<std::string>{directory + "etc/", directory + "end"};
          }};
}

std::vector<std::string> Completed(const std::vector<std::string>& words) {
  return Complete(words, ShopCompleter());
}

TEST(CompletionTest, CommandsOptionsKindsAndNames) {
  EXPECT_THAT(Completed({"re"}), ElementsAre("report", "restore"));
  EXPECT_THAT(Completed({"-n", "shop", "re"}), ElementsAre("report", "restore"));
  EXPECT_THAT(Completed({"restore", "s"}), ElementsAre("sts/"));
  EXPECT_THAT(Completed({"restore", "sts/"}), ElementsAre("sts/mysql", "sts/web"));
  EXPECT_THAT(Completed({"restore", "sts/m"}), ElementsAre("sts/mysql"));
  EXPECT_THAT(Completed({"import", ""}), ElementsAre("bkr/offsite"));
  EXPECT_THAT(Completed({"restore", "--as"}), ElementsAre("--as-of"));
  EXPECT_THAT(Completed({"restore", "sts/web", "--"}), Contains("--namespace"));
  EXPECT_THAT(Completed({"restore", "--backup", "n"}), ElementsAre("nightly-1", "nightly-2"));
  EXPECT_THAT(Completed({"report", "-o", ""}), ElementsAre("json", "wide", "yaml"));
  EXPECT_THAT(Completed({"restore", "--wait", "s"}), ElementsAre("sts/"));
  EXPECT_THAT(Completed({"completion", "b"}), ElementsAre("bash"));
  EXPECT_THAT(Completed({}), Contains("status"));
  EXPECT_THAT(Completed({"nonsense", ""}), Contains("status"));
}

TEST(CompletionTest, PathsOfABackup) {
  EXPECT_THAT(Completed({"ls", "bk/nightly-1", ""}), ElementsAre("/end", "/etc/"));
  EXPECT_THAT(Completed({"cat", "bk/nightly-1", "/etc/e"}), ElementsAre("/etc/end", "/etc/etc/"));
  EXPECT_THAT(Completed({"verify", "bk/nightly-1", ""}), ElementsAre());
}

TEST(CompletionTest, KubectlReadsCobrasLines) {
  EXPECT_EQ(CobraAnswer({"a", "b"}), "a\nb\n:4\n");
  EXPECT_EQ(CobraAnswer({"sts/"}), "sts/\n:6\n");
  EXPECT_EQ(CobraAnswer({}), ":4\n");
}

}  // namespace
}  // namespace holdfast::plugin
