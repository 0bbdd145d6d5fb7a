// A transport whose credential a program made, and makes anew before it ends: those of clouds are
// good for minutes, and a restore may take hours.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "operator/kube/config.h"

namespace holdfast::plugin {

// Keeps the last configuration, until it is about to expire. Threads: safe from many threads.
class ConfigSource {
 public:
  // `clock` outlives it.
  ConfigSource(kube::LoadConfig load, const Clock& clock) : load_(std::move(load)), clock_(clock) {}

  Result<kube::ClientConfig> Current();
  // So many times it was loaded.
  int generation();

 private:
  const kube::LoadConfig load_;
  const Clock& clock_;
  std::mutex mutex_;
  std::optional<kube::ClientConfig> config_;
  int generation_ = 0;
};

// `source` outlives it. `make` as of MakeReloadingTransport.
Result<std::unique_ptr<kube::Transport>> MakeRenewingTransport(
    ConfigSource& source, kube::MakeFromConfig make = kube::MakeTransport);

}  // namespace holdfast::plugin
