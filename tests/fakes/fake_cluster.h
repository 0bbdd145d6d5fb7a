// A cluster whose tokens are the names of their users, for the gateway's tests.
#pragma once

#include <mutex>
#include <string>

#include "jobs/gateway/cluster.h"

namespace holdfast::fakes {

class FakeCluster final : public gateway::Cluster {
 public:
  static std::string TokenOf(const std::string& ns, const std::string& account = "default") {
    return "system:serviceaccount:" + ns + ":" + account;
  }

  Result<std::string> UserOf(const std::string& token, std::stop_token) override {
    const std::lock_guard lock(mutex_);
    ++reviews_;
    if (down_) return Fail(Code::kUnavailable, "down");
    if (!token.starts_with("system:")) return Fail(Code::kDenied, "nobody knows this token");
    return token;
  }
  Result<gateway::Definition> ReadDefinition(std::stop_token) override {
    const std::lock_guard lock(mutex_);
    if (!exists_) return Fail(Code::kNotFound, "there is none");
    return definition_;
  }

  void Share(std::vector<std::string> namespaces) {
    const std::lock_guard lock(mutex_);
    definition_.namespaces = std::move(namespaces);
  }
  void SetLocation(std::string location) {
    const std::lock_guard lock(mutex_);
    definition_.location = std::move(location);
  }
  void SetDown(bool down) {
    const std::lock_guard lock(mutex_);
    down_ = down;
  }
  void SetExists(bool exists) {
    const std::lock_guard lock(mutex_);
    exists_ = exists;
  }
  int reviews() {
    const std::lock_guard lock(mutex_);
    return reviews_;
  }

 private:
  std::mutex mutex_;
  gateway::Definition definition_{
      .location = "memory:", .region = "", .virtual_host_style = false, .namespaces = {}};
  bool down_ = false;
  bool exists_ = true;
  int reviews_ = 0;
};

}  // namespace holdfast::fakes
