// What this process may use, and how a verb divides it (docs/performance.md, "Memory").
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "jobs/repo/repository.h"

namespace holdfast::engine {

struct Resources {
  std::size_t processors = 1;
  std::uint64_t memory = 0;  // bytes that the cgroup allows; 0: no limit
};

// The processors this process may run on, fewer where a cgroup's quota gives fewer; the smallest
// memory limit of the cgroup and those above it. Versions 1 and 2.
Resources DetectResources();

// The same from a cgroup's files: `read` gives a file's content by its path, nullopt when absent;
// `processors` is what the scheduler allows.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;
Resources ResourcesOf(const ReadFile& read, std::size_t processors);

// How many threads a verb works with that is asked for so many; 0: one for each processor.
std::size_t ThreadCount(std::size_t asked);

struct WorkPlan {
  std::size_t threads = 1;
  repo::RepositoryOptions repository;
};

// The most that fits into the memory; below 48 MiB as if it were 48. A store behind a network gets
// more uploads at a time where there is room.
WorkPlan PlanFor(const Resources& resources, bool remote);

}  // namespace holdfast::engine
