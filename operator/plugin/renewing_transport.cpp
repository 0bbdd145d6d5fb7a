#include "operator/plugin/renewing_transport.h"

namespace holdfast::plugin {
namespace {

// A request that is sent a moment before the end may arrive after it.
constexpr std::chrono::seconds kMargin{60};

class RenewingTransport final : public kube::Transport {
 public:
  RenewingTransport(ConfigSource& source, kube::MakeFromConfig make)
      : source_(source), make_(std::move(make)) {}

  Result<kube::Response> Send(const kube::Request& request, std::stop_token stop) override {
    TRY(const auto transport, Current());
    return Named(transport->Send(request, std::move(stop)));
  }
  Result<kube::Response> Stream(const kube::Request& request,
                                const std::function<Result<void>(std::string_view)>& on_bytes,
                                std::stop_token stop) override {
    TRY(const auto transport, Current());
    return Named(transport->Stream(request, on_bytes, std::move(stop)));
  }

  // Who has several clusters wants to know which one does not answer.
  Result<kube::Response> Named(Result<kube::Response> response) {
    if (response || response.error().code != Code::kUnavailable) return response;
    const std::lock_guard lock(mutex_);
    return tl::make_unexpected(WithContext(server_, std::move(response).error()));
  }

  // Requests under way keep theirs.
  Result<std::shared_ptr<kube::Transport>> Current() {
    const std::lock_guard lock(mutex_);
    TRY(const kube::ClientConfig config, source_.Current());
    if (made_ != nullptr && generation_ == source_.generation()) return made_;
    TRY(made_, make_(config));
    generation_ = source_.generation();
    server_ = config.server;
    return made_;
  }

 private:
  ConfigSource& source_;
  const kube::MakeFromConfig make_;
  std::mutex mutex_;
  std::shared_ptr<kube::Transport> made_;
  int generation_ = 0;
  std::string server_;
};

}  // namespace

Result<kube::ClientConfig> ConfigSource::Current() {
  const std::lock_guard lock(mutex_);
  if (config_ && (!config_->expires || clock_.Now() + kMargin < *config_->expires)) return *config_;
  TRY(config_, load_());
  ++generation_;
  return *config_;
}

int ConfigSource::generation() {
  const std::lock_guard lock(mutex_);
  return generation_;
}

Result<std::unique_ptr<kube::Transport>> MakeRenewingTransport(ConfigSource& source,
                                                               kube::MakeFromConfig make) {
  auto transport = std::make_unique<RenewingTransport>(source, std::move(make));
  TRY_VOID(transport->Current());
  return transport;
}

}  // namespace holdfast::plugin
