// Who may come in: by a service account's token, for the path of its own namespace, if the
// definition is shared with that.
#pragma once

#include <map>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "jobs/gateway/cluster.h"

namespace holdfast::gateway {

struct DoormanOptions {
  std::string definition;  // "namespace/name", for messages
  // The user that alone may remove what is no lock, below any path that is shared.
  std::string remover;  // "system:serviceaccount:holdfast-system:holdfast-remover"
};

// What holds for one request.
struct Pass {
  Definition definition;
  bool may_remove = false;
};

// A token and the definition are looked at once a minute for each token, which is remembered by its
// hash; one that is not known, every ten seconds.
//
// Threads: safe from many threads.
class Doorman {
 public:
  // Both must outlive it.
  Doorman(Cluster& cluster, const Clock& clock, DoormanOptions options)
      : cluster_(cluster), clock_(clock), options_(std::move(options)) {}

  // `authorization` is the header's value: "Bearer TOKEN", or, for clients that know nothing else,
  // Basic with the token as the password of any user.
  struct Refusal {
    int status = 403;  // HTTP's
    std::string sentence;
  };
  tl::expected<Pass, Refusal> Admit(const std::string& authorization, const std::string& ns,
                                    std::stop_token stop);

 private:
  struct Visitor {
    std::string user;
    Definition definition;
  };
  struct Verdict {
    tl::expected<Visitor, Refusal> visitor;
    TimePoint expires;
  };

  tl::expected<Visitor, Refusal> Know(const std::string& token, std::stop_token stop);
  tl::expected<Visitor, Refusal> Review(const std::string& token, std::stop_token stop);

  Cluster& cluster_;
  const Clock& clock_;
  const DoormanOptions options_;
  std::mutex mutex_;
  std::map<std::string, Verdict> verdicts_;  // by the token's hash; guarded by mutex_
};

}  // namespace holdfast::gateway
