// The batches of a restore, two in turn: one is planned while the other is carried out.
#pragma once

#include <array>
#include <cstddef>
#include <future>
#include <stop_token>

#include "base/error.h"
#include "jobs/engine/meter.h"
#include "jobs/engine/restore_batch.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// Used by the thread that plans. Batches are carried out one after the other, in their order.
class RestoreBatches {
 public:
  // As for RestoreBatch.
  RestoreBatches(repo::Repository& repository, int target, const BatchOptions& options,
                 Meter& meter, std::stop_token stop);
  // Stops what is under way.
  ~RestoreBatches();

  // The batch that takes what is planned now. Asked for anew after each Advance.
  RestoreBatch& planned() { return batches_[planned_]; }

  // To be called after each addition. Has the batch carried out when it is full, which may wait for
  // the one before it, or when nothing is under way. Errors as of RestoreBatch::Flush, of any
  // batch.
  Result<void> Advance();
  // Carries out the rest. What happened in all batches.
  Result<RestoreReport> Finish();

 private:
  bool Idle() const;
  Result<void> Await();

  std::stop_source stopped_;
  const std::stop_callback<std::function<void()>> forward_;
  std::array<RestoreBatch, 2> batches_;
  std::size_t planned_ = 0;
  std::future<Result<void>> under_way_;  // of the other batch
  RestoreReport report_;
};

}  // namespace holdfast::engine
