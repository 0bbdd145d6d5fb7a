// What went wrong with single files while the rest went on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/engine/directory.h"

namespace holdfast::engine {

// Counts every problem and keeps the first of them in words. Not safe from many threads.
class ProblemList {
 public:
  // `path` may hold any bytes.
  void Add(std::string_view path, std::string_view reason) {
    ++count_;
    if (first_.size() < kKept) first_.push_back(Printable(path) + ": " + std::string(reason));
  }

  // Those of another list, after these.
  void Add(const ProblemList& more) {
    count_ += more.count_;
    for (const std::string& problem : more.first_) {
      if (first_.size() < kKept) first_.push_back(problem);
    }
  }

  std::uint64_t count() const { return count_; }
  const std::vector<std::string>& first() const { return first_; }

 private:
  // More than the termination message can hold.
  static constexpr std::size_t kKept = 100;

  std::uint64_t count_ = 0;
  std::vector<std::string> first_;
};

}  // namespace holdfast::engine
