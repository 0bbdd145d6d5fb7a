// When a volume that changes is to be backed up: once nothing has changed for a quiet period, or
// once the first change has waited for long enough. Pure.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace holdfast::engine {

class CutTimer {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Span = std::chrono::milliseconds;

  CutTimer(Span quiet_period, Span max_interval) : quiet_(quiet_period), most_(max_interval) {}

  // Something changed, at `now` at the latest.
  void Note(Time now) {
    if (!first_) first_ = now;
    last_ = now;
  }

  bool changed() const { return first_.has_value(); }
  // Of the last change; only when there was one.
  Time last() const { return last_; }

  // When it will have been quiet for long enough, if nothing changes; only after a change.
  Time QuietAt() const { return last_ + quiet_; }
  // When it is time even if writing goes on; only after a change.
  Time OverdueAt() const { return *first_ + most_; }

 private:
  Span quiet_;
  Span most_;
  std::optional<Time> first_;
  Time last_;
};

}  // namespace holdfast::engine
