// Leader election by a coordination.k8s.io Lease, as client-go's leaderelection does it: the holder
// renews, others take over when the lease was not renewed for its duration as seen by their own
// steady clock (so clocks of different machines need not agree).
//
// The times: a candidate looks every second, give or take a fifth. After a crash of the holder it
// may have seen the last renewal 1.2 s late, waits for 10 s, and finds the lease free up to 1.2 s
// late: 12.4 s. After a graceful stop it takes one look.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "operator/kube/api.h"
#include "operator/kube/exec.h"
#include "operator/kube/transport.h"

namespace holdfast::kube {

struct LeaseOptions {
  ObjectKey key;
  std::string identity;  // unique per process: pod name + random
  std::chrono::seconds duration{10};
  // Stop leading when not renewed for so long. Shorter than `duration` by at least a second or two:
  // what `lead` does must have ended when another one may start.
  std::chrono::milliseconds renew_deadline{6000};
  std::chrono::milliseconds retry_period{2000};  // of the holder; candidates look twice as often
};

// Passes writes on only while the lease is ours by this process's own steady clock, which runs on
// while the process itself is stopped or starved. Reads always pass. Closed at first.
//
// Threads: safe from many threads.
class WriteFence final : public Transport {
 public:
  using Timer = std::chrono::steady_clock;

  explicit WriteFence(Transport& next) : next_(next) {}

  void OpenUntil(Timer::time_point time);
  bool IsOpen() const;

  // Cancelled for a write while closed. A write may take no longer than the fence stays open.
  Result<Response> Send(const Request& request, std::stop_token stop) override;
  Result<Response> Stream(const Request& request,
                          const std::function<Result<void>(std::string_view)>& on_line,
                          std::stop_token stop) override;

 private:
  Transport& next_;
  std::atomic<Timer::rep> open_until_{Timer::time_point::min().time_since_epoch().count()};
};

// The same for commands in containers, each of which counts as a write: Cancelled while the fence
// is closed. One that has begun goes on; whoever runs it breaks it off when leadership is lost.
class FencedExecutor final : public Executor {
 public:
  // Both must outlive it.
  FencedExecutor(Executor& next, const WriteFence& fence) : next_(next), fence_(fence) {}

  Result<int> Run(const ExecRequest& request, const ExecSink& on_stdout, const ExecSink& on_stderr,
                  std::stop_token stop) override;

 private:
  Executor& next_;
  const WriteFence& fence_;
};

// Blocks until this process leads, calls `lead` on another thread with a stop token that fires when
// leadership is lost or `stop` fires, and returns when `lead` has returned. A graceful stop
// releases the lease, so that the next one need not wait. Unavailable when the lease was lost.
//
// `api` is for the lease itself and must not go through `fence`, which each renewal opens until a
// second before others may take the lease.
Result<void> RunAsLeader(const Api& api, const Clock& clock, const LeaseOptions& options,
                         WriteFence& fence, const std::function<void(std::stop_token)>& lead,
                         std::stop_token stop);

}  // namespace holdfast::kube
