#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "operator/kube/config.h"
#include "operator/kube/wait.h"

namespace holdfast::kube {
namespace {

namespace fs = std::filesystem;

// Answers with what its configuration said of the CA.
class Echo final : public Transport {
 public:
  explicit Echo(std::string text) : text_(std::move(text)) {}
  Result<Response> Send(const Request&, std::stop_token) override {
    return Response{200, text_, std::nullopt};
  }
  Result<Response> Stream(const Request&, const std::function<Result<void>(std::string_view)>&,
                          std::stop_token) override {
    return Response{200, text_, std::nullopt};
  }

 private:
  const std::string text_;
};

class ReloadingTransportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("reloading-" + std::to_string(reinterpret_cast<std::uintptr_t>(this)));
    fs::create_directories(folder_);
    Write("first");
    auto made = MakeReloadingTransport(
        [this]() -> Result<ClientConfig> {
          std::ifstream in(File());
          ClientConfig config;
          in >> config.ca_pem;
          config.files = {File()};
          if (config.ca_pem == "unreadable") return Fail(Code::kInvalid, "half written");
          return config;
        },
        [](const ClientConfig& config) -> Result<std::unique_ptr<Transport>> {
          if (config.ca_pem == "unusable") return Fail(Code::kInvalid, "not of this key");
          return std::make_unique<Echo>(config.ca_pem);
        });
    ASSERT_TRUE(made);
    transport_ = std::move(*made);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string File() const { return (folder_ / "ca.crt").string(); }
  // Each time a second later, however coarse the file system's clock is.
  void Write(const std::string& text) {
    std::ofstream(File()) << text;
    fs::last_write_time(File(), fs::file_time_type::clock::now() + std::chrono::seconds(++writes_));
  }
  std::string Ask() { return transport_->Send({}, {})->body; }
  // Whether the answer becomes `text`.
  bool Becomes(const std::string& text) {
    for (int looks = 0; looks < 500; ++looks) {
      if (Ask() == text) return true;
      WaitFor(std::chrono::milliseconds(20), {});
    }
    return false;
  }

  fs::path folder_;
  int writes_ = 0;
  std::unique_ptr<Transport> transport_;
};

TEST_F(ReloadingTransportTest, TakesUpAChangedFile) {
  EXPECT_EQ(Ask(), "first");
  Write("second");
  EXPECT_TRUE(Becomes("second"));
}

TEST_F(ReloadingTransportTest, KeepsTheLastWhileTheNewCannotBeUsed) {
  for (const char* bad : {"unreadable", "unusable"}) {
    Write(bad);
    // Longer than the period of the looks, so that there was one.
    WaitFor(std::chrono::milliseconds(1100), {});
    EXPECT_EQ(Ask(), "first") << bad;
  }
  fs::remove(File());
  EXPECT_EQ(Ask(), "first");
  Write("second");
  EXPECT_TRUE(Becomes("second"));
}

}  // namespace
}  // namespace holdfast::kube
