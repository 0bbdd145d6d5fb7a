#include "jobs/protocol/progress.h"

#include "base/json.h"

namespace holdfast::protocol {
namespace {

std::uint64_t Count(const Json& line, const char* name) {
  const auto value = FindInt(line, {name});
  return value && *value > 0 ? static_cast<std::uint64_t>(*value) : 0;
}

}  // namespace

std::string EncodeLine(const Progress& progress) {
  Json line = {{"type", "progress"},
               {"phase", progress.phase},
               {"filesDone", progress.files_done},
               {"filesTotal", progress.files_total},
               {"bytesDone", progress.bytes_done},
               {"bytesTotal", progress.bytes_total},
               {"bytesPerSecond", progress.bytes_per_second}};
  if (progress.eta_seconds) line["etaSeconds"] = *progress.eta_seconds;
  return DumpJson(line) + "\n";
}

std::optional<Progress> DecodeLine(std::string_view line) {
  const auto parsed = ParseJson(line);
  if (!parsed || FindString(*parsed, {"type"}) != "progress") return std::nullopt;
  Progress progress;
  progress.phase = FindString(*parsed, {"phase"});
  progress.files_done = Count(*parsed, "filesDone");
  progress.files_total = Count(*parsed, "filesTotal");
  progress.bytes_done = Count(*parsed, "bytesDone");
  progress.bytes_total = Count(*parsed, "bytesTotal");
  progress.bytes_per_second = Count(*parsed, "bytesPerSecond");
  if (FindInt(*parsed, {"etaSeconds"})) progress.eta_seconds = Count(*parsed, "etaSeconds");
  return progress;
}

std::optional<Progress> LastProgress(std::string_view log) {
  std::size_t end = log.rfind('\n');
  while (end != log.npos) {
    const std::size_t before = end == 0 ? log.npos : log.rfind('\n', end - 1);
    const std::size_t start = before == log.npos ? 0 : before + 1;
    if (auto progress = DecodeLine(log.substr(start, end - start))) return progress;
    end = before;
  }
  return std::nullopt;
}

}  // namespace holdfast::protocol
