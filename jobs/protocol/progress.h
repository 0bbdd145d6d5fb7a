// A mover's progress: one JSON object a line on standard output, at most one a second, read by the
// operator through pods/log. Unknown members are ignored, so that either side may be newer.
//
//   {"type":"progress","phase":"transfer","filesDone":12,"filesTotal":40,"bytesDone":1048576,
//    "bytesTotal":4194304,"bytesPerSecond":524288,"etaSeconds":6}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::protocol {

struct Progress {
  std::string phase;  // "scan", "transfer", "verify", "finish"
  std::uint64_t files_done = 0;
  std::uint64_t files_total = 0;             // 0 while unknown
  std::uint64_t bytes_done = 0;              // of source data, before deduplication
  std::uint64_t bytes_total = 0;             // 0 while unknown
  std::uint64_t bytes_per_second = 0;        // smoothed
  std::optional<std::uint64_t> eta_seconds;  // absent while unknown

  friend bool operator==(const Progress&, const Progress&) = default;
};

std::string EncodeLine(const Progress& progress);  // with the newline

// nullopt for any line that is not a progress object: movers also print other things.
std::optional<Progress> DecodeLine(std::string_view line);

// The last progress line in a piece of log, complete lines only.
std::optional<Progress> LastProgress(std::string_view log);

}  // namespace holdfast::protocol
