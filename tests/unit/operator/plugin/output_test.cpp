// Names, tables, YAML, the screen and files: what a user writes and reads.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plugin/download_file.h"
#include "operator/plugin/object_name.h"
#include "operator/plugin/screen.h"
#include "operator/plugin/table.h"

namespace holdfast::plugin {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(ObjectNameTest, TakesEverySpellingOfKubectl) {
  const std::pair<const char*, ObjectName> cases[] = {
      {"mysql", {ObjectKind::kBackup, "mysql"}},
      {"sts/mysql", {ObjectKind::kStatefulSet, "mysql"}},
      {"StatefulSet/mysql", {ObjectKind::kStatefulSet, "mysql"}},
      {"statefulset.apps/mysql", {ObjectKind::kStatefulSet, "mysql"}},
      {"backup.holdfast.dev/a.b-1", {ObjectKind::kBackup, "a.b-1"}},
      {"backuppolicies/x", {ObjectKind::kPolicy, "x"}},
      {"bkr/offsite", {ObjectKind::kRepository, "offsite"}},
      {"rst/x", {ObjectKind::kRestore, "x"}},
  };
  for (const auto& [text, expected] : cases) {
    const auto name = ParseObjectName(text, ObjectKind::kBackup);
    ASSERT_TRUE(name) << text << ": " << name.error().message;
    EXPECT_EQ(*name, expected) << text;
  }
  for (const char* text : {"", "sts/", "/x", "pod/x", "sts/a/b", "sts/UPPER", "sts/-x", "sts/x y"})
    EXPECT_FALSE(ParseObjectName(text, ObjectKind::kBackup)) << text;
  EXPECT_THAT(ParseObjectName("pod/x", ObjectKind::kBackup).error().message, HasSubstr("sts/NAME"));
}

TEST(TableTest, LinesUpAndLeavesWideColumnsOut) {
  const Table table{
      {"NAME", "SIZE", "NOTE"}, {{"a", "", "x"}, {"größer", "1 KiB", "b\x1b[31m"}}, 1};
  EXPECT_EQ(Format(table, false),
            "NAME     SIZE\n"
            "a        <none>\n"
            "größer   1 KiB\n");
  EXPECT_EQ(Format(table, true),
            "NAME     SIZE     NOTE\n"
            "a        <none>   x\n"
            "größer   1 KiB    b?[31m\n");
}

TEST(TableTest, YamlIsReadAsItWasWritten) {
  const Json value = {{"name", "mysql-0"},  {"yes", "yes"},
                      {"number", "007"},    {"empty", ""},
                      {"bytes", 5},         {"nothing", Json()},
                      {"lines", "a\nb: c"}, {"list", {{{"a", true}}, "x"}}};
  EXPECT_EQ(ToYaml(value),
            "bytes: 5\n"
            "empty: \"\"\n"
            "lines: \"a\\nb: c\"\n"
            "list:\n  - a: true\n  - x\n"
            "name: mysql-0\n"
            "nothing: ~\n"
            "number: \"007\"\n"
            "\"yes\": \"yes\"\n");
}

TEST(ScreenTest, RedrawsOnATerminalAlone) {
  std::ostringstream out, notes;
  {
    Screen screen(out, notes, nullptr, {.asks = false, .live = true, .width = 10});
    screen.Live({"one", "a long line"});
    screen.Live({"two"});
    screen.Note("stays");
  }
  EXPECT_EQ(notes.str(), "one\na long li\n\r\x1b[2A\x1b[Jtwo\n\r\x1b[1A\x1b[Jstays\n");
  std::ostringstream plain;
  Screen screen(out, plain, nullptr, {});
  screen.Live({"one"});
  screen.Note("stays");
  EXPECT_EQ(plain.str(), "stays\n");
}

TEST(ScreenTest, AsksAndTakesOnlyAYesForOne) {
  std::ostringstream out, notes;
  std::optional<std::string> answer;
  Screen screen(out, notes, [&] { return answer; }, {.asks = true, .live = false});
  for (const char* yes : {"y", "Y", "yes", " Yes \r"}) {
    answer = yes;
    EXPECT_TRUE(*screen.Confirm("Go on?")) << yes;
  }
  for (const char* no : {"", "n", "yeah", "no"}) {
    answer = no;
    EXPECT_FALSE(*screen.Confirm("Go on?")) << no;
  }
  answer.reset();
  EXPECT_EQ(screen.Confirm("Go on?").error().code, Code::kCancelled);
  EXPECT_THAT(notes.str(), HasSubstr("Go on? [y/N] "));
  Screen mute(out, notes, nullptr, {});
  EXPECT_THAT(mute.Confirm("Go on?").error().message, HasSubstr("-y"));
}

TEST(ScreenTest, BarsFillUp) {
  EXPECT_EQ(ProgressBar(0), "[>                      ]   0%");
  EXPECT_EQ(ProgressBar(50), "[===========>           ]  50%");
  EXPECT_EQ(ProgressBar(100), "[=======================] 100%");
  EXPECT_EQ(PercentOf("63%"), 63);
  EXPECT_EQ(PercentOf("63"), std::nullopt);
  EXPECT_EQ(PercentOf("x%"), std::nullopt);
}

class DownloadFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "download-test-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::size_t Files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  std::string Content(const std::string& name) const {
    std::ifstream in(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  fs::path folder_;
};

TEST_F(DownloadFileTest, IsThereOnceItIsWhole) {
  const std::string path = folder_ / "a";
  auto file = DownloadFile::Create(path, false);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->Write(std::string("x\0y", 3)));
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE(file->Finish());
  EXPECT_EQ(Content("a"), std::string("x\0y", 3));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(Files(), 1u);
}

TEST_F(DownloadFileTest, LeavesNothingUnlessFinished) {
  {
    auto file = DownloadFile::Create(folder_ / "a", false);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->Write("half"));
    const DownloadFile moved(*std::move(file));
  }
  EXPECT_EQ(Files(), 0u);
}

TEST_F(DownloadFileTest, ReplacesOnlyWhenToldTo) {
  std::ofstream(folder_ / "a") << "old";
  const auto refused = DownloadFile::Create(folder_ / "a", false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kAlreadyExists);
  EXPECT_THAT(refused.error().message, HasSubstr("--force"));
  auto file = DownloadFile::Create(folder_ / "a", true);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->Write("new"));
  EXPECT_EQ(Content("a"), "old");
  ASSERT_TRUE(file->Finish());
  EXPECT_EQ(Content("a"), "new");
  EXPECT_FALSE(DownloadFile::Create(folder_, true)) << "a directory";
}

}  // namespace
}  // namespace holdfast::plugin
