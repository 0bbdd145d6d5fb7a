// Who may read /metrics: the bearer token is reviewed by the API server (TokenReview), and so is
// its user's right to get that path (SubjectAccessReview), as kube-rbac-proxy does.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/http/server.h"
#include "operator/kube/api.h"

namespace holdfast::op {

// Answers are remembered by the token's hash: a minute when it was let in, ten seconds when not.
//
// Threads: safe from many threads.
class AccessReview {
 public:
  // Both must outlive it.
  AccessReview(const kube::Api& api, const Clock& clock) : api_(api), clock_(clock) {}

  // nullopt lets the request in; otherwise 401 for no token or a bad one, 403 for a user without
  // the right, 503 when the API server does not say.
  std::optional<http::Answer> Refusal(const http::Request& request, std::stop_token stop);

 private:
  struct Verdict {
    std::optional<http::Answer> refusal;
    TimePoint expires;
  };

  Result<std::optional<http::Answer>> Review(const std::string& token, const std::string& path,
                                             std::stop_token stop) const;

  const kube::Api& api_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Verdict> verdicts_;  // guarded by mutex_
};

}  // namespace holdfast::op
