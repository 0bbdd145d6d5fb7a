#include "jobs/engine/verb.h"
#include "jobs/storage/sleeper.h"

namespace holdfast::engine {

using protocol::MoverResult;

// Told to stop, it has done what it was for.
Try<MoverResult> Execute(const StayRequest& request, const Surroundings&, std::stop_token stop) {
  const auto waited = storage::SystemSleeper().Sleep(request.period, stop);
  if (!waited && waited.error().code != Code::kCancelled)
    return tl::make_unexpected(Failure(waited.error()));
  return MoverResult{};
}

}  // namespace holdfast::engine
