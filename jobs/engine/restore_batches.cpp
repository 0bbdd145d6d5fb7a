#include "jobs/engine/restore_batches.h"

#include <chrono>
#include <utility>

namespace holdfast::engine {
namespace {

// Less is not worth starting threads for.
constexpr std::size_t kFewEntries = 512;

}  // namespace

RestoreBatches::RestoreBatches(repo::Repository& repository, int target,
                               const BatchOptions& options, Meter& meter, std::stop_token stop)
    : forward_(std::move(stop), [this] { stopped_.request_stop(); }),
      batches_{{{repository, target, options, meter, stopped_.get_token()},
                {repository, target, options, meter, stopped_.get_token()}}} {}

RestoreBatches::~RestoreBatches() {
  stopped_.request_stop();
  if (under_way_.valid()) under_way_.wait();
}

bool RestoreBatches::Idle() const {
  return !under_way_.valid() ||
         under_way_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

Result<void> RestoreBatches::Await() {
  if (!under_way_.valid()) return {};
  TRY_VOID(under_way_.get());
  report_.Add(batches_[1 - planned_].TakeReport());
  return {};
}

Result<void> RestoreBatches::Advance() {
  RestoreBatch& batch = planned();
  if (batch.pieces_full()) {
    TRY_VOID(Await());
    return batch.FlushPieces();
  }
  if (batch.in_file()) return {};
  const bool due = batch.full() || (batch.entries() >= kFewEntries && Idle());
  if (!due) return {};
  TRY_VOID(Await());
  planned_ = 1 - planned_;
  under_way_ = std::async(std::launch::async, [&batch] { return batch.Flush(); });
  return {};
}

Result<RestoreReport> RestoreBatches::Finish() {
  TRY_VOID(Await());
  TRY_VOID(planned().Flush());
  report_.Add(planned().TakeReport());
  return std::exchange(report_, {});
}

}  // namespace holdfast::engine
