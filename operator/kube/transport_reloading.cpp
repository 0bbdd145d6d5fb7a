#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "operator/kube/config.h"

namespace holdfast::kube {
namespace {

namespace fs = std::filesystem;
using Timer = std::chrono::steady_clock;

constexpr std::chrono::seconds kLookPeriod{1};

// When each file was last written; a file that cannot be looked at is left out.
std::map<std::string, fs::file_time_type> StampsOf(const std::vector<std::string>& files) {
  std::map<std::string, fs::file_time_type> stamps;
  for (const std::string& file : files) {
    std::error_code error;
    const auto written = fs::last_write_time(file, error);
    if (!error) stamps[file] = written;
  }
  return stamps;
}

class ReloadingTransport final : public Transport {
 public:
  ReloadingTransport(LoadConfig load, MakeFromConfig make)
      : load_(std::move(load)), make_(std::move(make)) {}

  // The stamps are taken first: a change while loading is seen at the next look.
  Result<void> Load() {
    auto stamps = StampsOf(files_);
    TRY(const ClientConfig config, load_());
    if (config.files != files_) stamps = StampsOf(config.files);
    TRY(current_, make_(config));
    files_ = config.files;
    stamps_ = std::move(stamps);
    looked_ = Timer::now();
    return {};
  }

  Result<Response> Send(const Request& request, std::stop_token stop) override {
    return Current()->Send(request, std::move(stop));
  }

  Result<Response> Stream(const Request& request,
                          const std::function<Result<void>(std::string_view)>& on_line,
                          std::stop_token stop) override {
    return Current()->Stream(request, on_line, std::move(stop));
  }

 private:
  std::shared_ptr<Transport> Current() {
    const std::lock_guard lock(mutex_);
    if (Timer::now() - looked_ >= kLookPeriod) Look();
    return current_;
  }

  void Look() {
    looked_ = Timer::now();
    if (StampsOf(files_) == stamps_) return;
    const Result<void> loaded = Load();
    if (loaded) {
      told_.clear();
      Log(spdlog::level::info, "transport", "certificates or kubeconfig changed: loaded anew");
    } else if (loaded.error().message != told_) {
      told_ = loaded.error().message;
      Log(spdlog::level::warn, "transport", "what changed on disk cannot be used yet: " + told_);
    }
  }

  const LoadConfig load_;
  const MakeFromConfig make_;
  std::mutex mutex_;  // guards what follows
  std::shared_ptr<Transport> current_;
  std::vector<std::string> files_;
  std::map<std::string, fs::file_time_type> stamps_;
  Timer::time_point looked_;
  std::string told_;
};

}  // namespace

Result<std::unique_ptr<Transport>> MakeReloadingTransport(LoadConfig load, MakeFromConfig make) {
  auto transport = std::make_unique<ReloadingTransport>(std::move(load), std::move(make));
  TRY_VOID(transport->Load());
  return transport;
}

}  // namespace holdfast::kube
