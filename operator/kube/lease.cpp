#include "operator/kube/lease.h"

#include <algorithm>
#include <thread>

#include "base/log.h"
#include "operator/kube/lease_record.h"
#include "operator/kube/wait.h"

namespace holdfast::kube {
namespace {

using Timer = LeaseObserver::Timer;

// Bounds every request, so that one that hangs cannot outlast the lease, and leaves overload to the
// elector's own rhythm.
class ShortRequests final : public Transport {
 public:
  ShortRequests(Transport& next, std::chrono::seconds most) : next_(next), most_(most) {}

  Result<Response> Send(const Request& request, std::stop_token stop) override {
    Request bounded = request;
    bounded.timeout = most_;
    TRY(Response response, next_.Send(bounded, stop));
    response.retry_after.reset();
    return response;
  }

  Result<Response> Stream(const Request& request,
                          const std::function<Result<void>(std::string_view)>& on_bytes,
                          std::stop_token stop) override {
    return next_.Stream(request, on_bytes, stop);
  }

 private:
  Transport& next_;
  const std::chrono::seconds most_;
};

// A request that starts just before the renew deadline must end before others may take the lease.
std::chrono::seconds LongestRequest(const LeaseOptions& options) {
  const auto spare =
      std::chrono::duration_cast<std::chrono::seconds>(options.duration - options.renew_deadline);
  return std::max(std::chrono::seconds(1), spare / 2);
}

class Elector {
 public:
  Elector(const Api& api, const Clock& clock, const LeaseOptions& options)
      : transport_(api.transport(), LongestRequest(options)),
        api_(transport_),
        clock_(clock),
        options_(options) {}

  // Whether the lease is ours now. Conflict counts as "not ours this time".
  Result<bool> TakeOrRenew(std::stop_token stop) {
    Result<Json> lease = api_.Get(kLeases, options_.key, stop);
    if (!lease && IsAbsent(lease.error())) return Written(Create(stop));
    if (!lease) return tl::unexpected(lease.error());
    observer_.Observe(DecodeLease(*lease), Timer::now());
    if (!observer_.MayTake(options_.identity, Timer::now())) return false;
    return Written(Write(Ours(), stop));
  }

  // Best effort: whoever comes next waits for the lease's duration otherwise. A renewal that the
  // stop cut short may still arrive at the server, so the lease is read afresh and a Conflict tried
  // again.
  void Release() {
    for (int tries = 0; tries < 3; ++tries) {
      const Result<Json> lease = api_.Get(kLeases, options_.key, {});
      if (!lease) return;
      LeaseRecord record = DecodeLease(*lease);
      if (record.holder != options_.identity) return;
      record.holder.clear();
      record.duration = std::chrono::seconds(1);
      record.renewed = clock_.Now();
      const Result<Json> written = Write(record, {});
      if (written || written.error().code != Code::kConflict) return;
    }
  }

  const std::string& holder() const { return observer_.record().holder; }

 private:
  LeaseRecord Ours() const {
    LeaseRecord record = observer_.record();
    const TimePoint now = clock_.Now();
    if (record.holder != options_.identity) {
      record.holder = options_.identity;
      record.acquired = now;
      ++record.transitions;
    }
    record.duration = options_.duration;
    record.renewed = now;
    return record;
  }

  Result<Json> Create(std::stop_token stop) const {
    LeaseRecord record = Ours();
    record.transitions = 0;
    const Json lease = {{"apiVersion", kLeases.ApiVersion()},
                        {"kind", kLeases.kind},
                        {"metadata", {{"name", options_.key.name}, {"namespace", options_.key.ns}}},
                        {"spec", LeaseSpec(record)}};
    return api_.Create(kLeases, options_.key.ns, lease, stop);
  }

  // The resourceVersion makes the write fail with Conflict when somebody else was first.
  Result<Json> Write(const LeaseRecord& record, std::stop_token stop) const {
    const Json patch = {{"metadata", {{"resourceVersion", record.resource_version}}},
                        {"spec", LeaseSpec(record)}};
    return api_.MergePatch(kLeases, options_.key, patch, stop);
  }

  Result<bool> Written(const Result<Json>& lease) {
    if (lease) {
      observer_.Observe(DecodeLease(*lease), Timer::now());
      return true;
    }
    const Code code = lease.error().code;
    if (code == Code::kConflict || code == Code::kAlreadyExists) return false;
    return tl::unexpected(lease.error());
  }

  ShortRequests transport_;
  const Api api_;
  const Clock& clock_;
  const LeaseOptions& options_;
  LeaseObserver observer_;
};

// For how long after the beginning of a renewal writes may pass.
Timer::duration Trusted(const LeaseOptions& options) {
  return options.duration -
         std::min<Timer::duration>(std::chrono::seconds(1), options.duration / 2);
}

// Returns whether the lease was taken before the stop.
bool Acquire(Elector& elector, const LeaseOptions& options, WriteFence& fence,
             std::stop_token stop) {
  std::string told;
  do {
    const Timer::time_point tried = Timer::now();
    const Result<bool> taken = elector.TakeOrRenew(stop);
    if (taken && *taken) {
      fence.OpenUntil(tried + Trusted(options));
      return true;
    }
    if (!taken && !stop.stop_requested()) Log(spdlog::level::warn, "lease", taken.error().message);
    if (taken && elector.holder() != told) {
      told = elector.holder();
      Log(spdlog::level::info, "lease", "another one leads", {{"holder", told}});
    }
  } while (WaitFor(Jittered(options.retry_period / 2, 0.2), stop));
  return false;
}

// Renews until the stop, the leader's own return, or the loss of the lease. Returns whether the
// lease is still ours.
bool Keep(Elector& elector, const LeaseOptions& options, WriteFence& fence, std::stop_token stop) {
  Timer::time_point renewed = Timer::now();
  while (WaitFor(options.retry_period, stop)) {
    const Timer::time_point tried = Timer::now();
    const Result<bool> ours = elector.TakeOrRenew(stop);
    if (ours && *ours) {
      renewed = tried;
      fence.OpenUntil(tried + Trusted(options));
      continue;
    }
    if (ours && !elector.holder().empty() && elector.holder() != options.identity) return false;
    if (Timer::now() - renewed >= options.renew_deadline) return false;
  }
  return true;
}

}  // namespace

void WriteFence::OpenUntil(Timer::time_point time) {
  open_until_ = time.time_since_epoch().count();
}

bool WriteFence::IsOpen() const {
  return Timer::now() < Timer::time_point(Timer::duration(open_until_));
}

Result<Response> WriteFence::Send(const Request& request, std::stop_token stop) {
  if (request.method == Method::kGet) return next_.Send(request, stop);
  const Timer::time_point until{Timer::duration(open_until_)};
  const Timer::time_point now = Timer::now();
  if (now >= until) return Fail(Code::kCancelled, "not written: the lease may be another's");
  Request bounded = request;
  if (until - now < request.timeout)
    bounded.timeout = std::max(std::chrono::seconds(1),
                               std::chrono::duration_cast<std::chrono::seconds>(until - now));
  return next_.Send(bounded, stop);
}

Result<Response> WriteFence::Stream(const Request& request,
                                    const std::function<Result<void>(std::string_view)>& on_line,
                                    std::stop_token stop) {
  return next_.Stream(request, on_line, stop);
}

Result<int> FencedExecutor::Run(const ExecRequest& request, const ExecSink& on_stdout,
                                const ExecSink& on_stderr, std::stop_token stop) {
  if (!fence_.IsOpen()) return Fail(Code::kCancelled, "not run: the lease may be another's");
  return next_.Run(request, on_stdout, on_stderr, stop);
}

Result<void> RunAsLeader(const Api& api, const Clock& clock, const LeaseOptions& options,
                         WriteFence& fence, const std::function<void(std::stop_token)>& lead,
                         std::stop_token stop) {
  Elector elector(api, clock, options);
  if (!Acquire(elector, options, fence, stop)) return {};
  Log(spdlog::level::info, "lease", "leading", {{"identity", options.identity}});

  std::stop_source until;  // fires on stop, on loss, and when `lead` has returned
  const std::stop_callback on_stop(stop, [&until] { until.request_stop(); });
  bool ours = true;
  {
    std::jthread leader([&] {
      lead(until.get_token());
      until.request_stop();
    });
    ours = Keep(elector, options, fence, until.get_token());
    until.request_stop();
  }
  fence.OpenUntil(Timer::time_point::min());
  if (!ours)
    return Fail(Code::kUnavailable,
                "lost the lease " + ToString(options.key) + ": stopped leading");
  elector.Release();
  return {};
}

}  // namespace holdfast::kube
