#include "jobs/engine/resources.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace holdfast::engine {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// The process itself with its libraries; chunks, compressor and small files of one thread; the same
// of each further one. Measured, and rounded up.
constexpr std::uint64_t kBase = 18 * kMiB;
constexpr std::uint64_t kFirstThread = 14 * kMiB;
constexpr std::uint64_t kThread = 7 * kMiB;
constexpr std::size_t kMinPacks = 3;
constexpr std::size_t kRemotePacks = 6;
constexpr std::size_t kRemoteLoaders = 4;
constexpr std::size_t kSmallestPack = 4 * kMiB;

std::optional<std::string> ReadSystemFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

// "max" and version 1's huge default are no limit.
std::optional<std::uint64_t> Limit(const ReadFile& read, const std::string& path) {
  const auto text = read(path);
  const auto limit = text ? Number(*text) : std::nullopt;
  if (!limit || *limit >= (std::uint64_t{1} << 60)) return std::nullopt;
  return limit;
}

// "QUOTA PERIOD", both in microseconds, as whole processors.
std::optional<std::size_t> Processors(std::string_view quota, std::string_view period) {
  const auto used = Number(quota);
  const auto of = Number(period);
  if (!used || !of || *of == 0 || *used == 0) return std::nullopt;
  return static_cast<std::size_t>((*used + *of - 1) / *of);
}

// The cgroup's path in the hierarchy of a version 1 controller, or in version 2's for "".
std::string PathOf(const ReadFile& read, std::string_view controller) {
  std::istringstream lines(read("/proc/self/cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool match = controller.empty() ? controllers == ",,"
                                          : controllers.find("," + std::string(controller) + ",") !=
                                                std::string::npos;
    if (match) return line.substr(second + 1);
  }
  return "/";
}

// Calls `look` with the cgroup's folder and those above it. In a container the path may name a
// folder that only the host sees; the mount's own root is then the cgroup.
template <typename Look>
void ForEachFolder(const std::string& mount, std::string path, const Look& look) {
  while (path.size() > 1) {
    look(mount + path);
    path = path.substr(0, path.rfind('/'));
  }
  look(mount);
}

}  // namespace

Resources ResourcesOf(const ReadFile& read, std::size_t processors) {
  Resources resources{std::max<std::size_t>(processors, 1), 0};
  const auto limit_memory = [&](const std::string& file) {
    const auto limit = Limit(read, file);
    if (limit && (resources.memory == 0 || *limit < resources.memory)) resources.memory = *limit;
  };
  const auto limit_processors = [&](std::string_view quota, std::string_view period) {
    if (const auto allowed = Processors(quota, period))
      resources.processors = std::min(resources.processors, *allowed);
  };
  ForEachFolder("/sys/fs/cgroup", PathOf(read, ""), [&](const std::string& folder) {
    limit_memory(folder + "/memory.max");
    limit_memory(folder + "/memory.high");
    const std::string cpu = read(folder + "/cpu.max").value_or("");
    const std::size_t space = std::min(cpu.find(' '), cpu.size());
    limit_processors(std::string_view(cpu).substr(0, space),
                     std::string_view(cpu).substr(std::min(space + 1, cpu.size())));
  });
  ForEachFolder("/sys/fs/cgroup/memory", PathOf(read, "memory"), [&](const std::string& folder) {
    limit_memory(folder + "/memory.limit_in_bytes");
  });
  ForEachFolder("/sys/fs/cgroup/cpu", PathOf(read, "cpu"), [&](const std::string& folder) {
    limit_processors(read(folder + "/cpu.cfs_quota_us").value_or(""),
                     read(folder + "/cpu.cfs_period_us").value_or(""));
  });
  return resources;
}

Resources DetectResources() {
  return ResourcesOf(ReadSystemFile, std::thread::hardware_concurrency());
}

std::size_t ThreadCount(std::size_t asked) {
  return asked != 0 ? asked : std::max(1U, std::thread::hardware_concurrency());
}

WorkPlan PlanFor(const Resources& resources, bool remote) {
  WorkPlan plan;
  plan.threads = resources.processors;
  if (remote) plan.repository.packs = kRemotePacks;
  if (remote) plan.repository.loaders = kRemoteLoaders;
  const auto needed = [&] {
    return kBase + kFirstThread + (plan.threads - 1) * kThread +
           static_cast<std::uint64_t>(plan.repository.packs) * plan.repository.pack_size;
  };
  const std::uint64_t memory = resources.memory == 0 ? UINT64_MAX : resources.memory;
  // What costs the least speed goes first.
  while (needed() > memory && plan.repository.packs > static_cast<int>(kMinPacks))
    --plan.repository.packs;
  while (needed() > memory && plan.repository.pack_size > kSmallestPack)
    plan.repository.pack_size /= 2;
  while (needed() > memory && plan.threads > 1) --plan.threads;
  if (needed() + kBase > memory) plan.repository.loaders = 1;
  plan.repository.uploads = plan.repository.packs - 1;
  return plan;
}

}  // namespace holdfast::engine
