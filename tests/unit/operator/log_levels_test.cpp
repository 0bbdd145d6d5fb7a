#include "operator/log_levels.h"

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include "base/log.h"

namespace holdfast::op {
namespace {

// Collects the lines; wakes who waits for one.
class Lines final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  bool Await(const std::string& part) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20),
                             [&] { return all_.find(part) != all_.npos; });
  }
  std::string All() {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::lock_guard lock(mutex_);
    all_.append(message.payload.data(), message.payload.size()).append("\n");
    changed_.notify_all();
  }
  void flush_() override {}

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string all_;
};

class LogLevelsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    before_ = spdlog::default_logger();
    auto logger = std::make_shared<spdlog::logger>("test", lines_);
    logger->set_level(spdlog::level::trace);
    spdlog::set_default_logger(logger);
    path_ =
        std::filesystem::temp_directory_path() / ("log-levels-test-" + std::to_string(::getpid()));
  }
  void TearDown() override {
    std::filesystem::remove(path_);
    spdlog::set_default_logger(before_);
    ASSERT_TRUE(SetLogLevels("info"));
  }

  // As the kubelet does: the new file takes the old one's place.
  void Write(const std::string& text) const {
    std::ofstream(path_ + ".new") << text;
    std::filesystem::rename(path_ + ".new", path_);
  }
  bool Says(std::string_view component, const std::string& message) {
    Log(spdlog::level::debug, component, message);
    return lines_->All().find(message) != std::string::npos;
  }

  const std::shared_ptr<Lines> lines_ = std::make_shared<Lines>();
  std::string path_;

 private:
  std::shared_ptr<spdlog::logger> before_;
};

TEST_F(LogLevelsTest, ChangesWithoutARestart) {
  Write("info\n");
  const LogLevelsFile file(path_, std::chrono::milliseconds(1));
  EXPECT_FALSE(Says("backup", "first"));
  Write("info,backup=debug\n");
  ASSERT_TRUE(lines_->Await("backup=debug"));
  EXPECT_TRUE(Says("backup", "second"));
  EXPECT_FALSE(Says("restore", "third"));
}

TEST_F(LogLevelsTest, NonsenseAndAbsenceLeaveTheLevels) {
  Write("info,backup=debug");
  const LogLevelsFile file(path_, std::chrono::milliseconds(1));
  EXPECT_TRUE(Says("backup", "first"));
  Write("loud");
  ASSERT_TRUE(lines_->Await("\"loud\" is not a log level"));
  EXPECT_TRUE(Says("backup", "second"));
  std::filesystem::remove(path_);
  ASSERT_TRUE(lines_->Await("cannot be opened"));
  EXPECT_TRUE(Says("backup", "third"));
  Write("warning");
  ASSERT_TRUE(lines_->Await("levels=warning"));
  EXPECT_FALSE(Says("backup", "fourth"));
}

}  // namespace
}  // namespace holdfast::op
