#include "base/log.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include "base/json.h"

namespace holdfast {
namespace {

using spdlog::level::debug;
using spdlog::level::err;
using spdlog::level::info;
using spdlog::level::warn;
using ::testing::HasSubstr;

// Catches what is logged, as JSON.
class LogTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(SetUpLogging(LogFormat::kJson, "info")); }

  void SetUp() override {
    before_ = spdlog::default_logger();
    auto logger = std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines_));
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::trace);
    spdlog::set_default_logger(logger);
    ASSERT_TRUE(SetLogLevels("info"));
  }
  void TearDown() override { spdlog::set_default_logger(before_); }

  // Whether a record of the component comes through.
  bool Says(std::string_view component, spdlog::level::level_enum level) {
    lines_.str("");
    Log(level, component, "x");
    return !lines_.str().empty();
  }
  Json Line() const { return Json::parse(lines_.str()); }

  std::ostringstream lines_;

 private:
  std::shared_ptr<spdlog::logger> before_;
};

TEST_F(LogTest, ARecordIsOneLineOfJson) {
  Log(warn, "backup", "a \"message\"\nin two lines", {{"object", "shop/db"}, {"bytes", "\xff"}});
  const std::string text = lines_.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  const Json line = Line();
  EXPECT_EQ(line["level"], "warning");
  EXPECT_EQ(line["logger"], "backup");
  EXPECT_EQ(line["msg"], "a \"message\"\nin two lines");
  EXPECT_EQ(line["object"], "shop/db");
  EXPECT_TRUE(line.contains("ts"));
}

TEST_F(LogTest, EveryRecordOfAScopeHasItsFields) {
  {
    const LogScope outer({{"object", "shop/db"}, {"reconcile", "r-1"}});
    {
      const LogScope inner({{"volume", "data"}});
      Log(info, "backup", "deep", {{"object", "its own"}});
      EXPECT_EQ(Line()["volume"], "data");
      EXPECT_EQ(Line()["reconcile"], "r-1");
      EXPECT_EQ(Line()["object"], "its own") << "the record's own field comes first";
    }
    lines_.str("");
    Log(info, "backup", "shallow");
    EXPECT_FALSE(Line().contains("volume"));
    EXPECT_EQ(Line()["object"], "shop/db");
  }
  lines_.str("");
  Log(info, "backup", "outside");
  EXPECT_FALSE(Line().contains("object"));
}

TEST_F(LogTest, ComponentsHaveLevelsOfTheirOwnThatChangeAtRunTime) {
  EXPECT_TRUE(Says("backup", info));
  EXPECT_FALSE(Says("backup", debug));
  ASSERT_TRUE(SetLogLevels("warning,\n backup=debug informer=error\n"));
  EXPECT_TRUE(Says("backup", debug));
  EXPECT_FALSE(Says("restore", info));
  EXPECT_TRUE(Says("restore", warn));
  EXPECT_FALSE(Says("informer", warn));
  EXPECT_TRUE(Says("informer", err));
  ASSERT_TRUE(SetLogLevels("debug"));
  EXPECT_TRUE(Says("informer", debug)) << "what was said before is gone";
}

TEST_F(LogTest, TheAuditStreamIsKeptUnlessItIsNamed) {
  ASSERT_TRUE(SetLogLevels("error"));
  EXPECT_TRUE(Says("audit", info));
  ASSERT_TRUE(SetLogLevels("error,audit=off"));
  EXPECT_FALSE(Says("audit", err));
}

TEST_F(LogTest, ABadLevelChangesNothing) {
  ASSERT_TRUE(SetLogLevels("backup=debug"));
  const auto set = SetLogLevels("error,backup=loud");
  EXPECT_EQ(set.error().code, Code::kInvalid);
  EXPECT_THAT(set.error().message, HasSubstr("\"loud\""));
  EXPECT_TRUE(Says("backup", debug));
  EXPECT_TRUE(Says("restore", info));
}

}  // namespace
}  // namespace holdfast
