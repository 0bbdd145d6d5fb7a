#include <algorithm>

#include "jobs/engine/resources.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

using protocol::MoverResult;

// Of a watched directory: its inode and the watch in the kernel, which count as ours, and its path
// here.
constexpr std::uint64_t kBytesPerDirectory = 2048;

// Half of the memory, so that directories of many files can be read too.
std::size_t MostDirectories(const Resources& resources) {
  if (resources.memory == 0) return kMostDirectories;
  return std::min<std::size_t>(kMostDirectories, resources.memory / 2 / kBytesPerDirectory);
}

}  // namespace

Try<MoverResult> Execute(const WatchRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  WatchOptions options = request.watch;
  options.most_directories = MostDirectories(DetectResources());
  TRY(const WatchReport report, WatchVolume(options, around.clock, std::move(stop)));
  MoverResult result;
  result.changed_since = FormatTimeNanos(report.changed_since);
  result.changed_until = FormatTimeNanos(report.changed_until);
  result.quiet_ms = static_cast<std::uint64_t>(report.quiet.count());
  result.message = report.note;
  return result;
}

}  // namespace holdfast::engine
