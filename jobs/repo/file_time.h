// A file's time as the kernel keeps it, beyond what TimePoint can hold, and as trees spell it
// (FORMAT.md, "Trees").
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::repo {

struct FileTime {
  std::int64_t seconds = 0;  // since 1970, UTC
  std::uint32_t nanos = 0;   // below 1e9

  friend auto operator<=>(const FileTime&, const FileTime&) = default;
};

// RFC 3339 in UTC with the fraction's trailing zeros left out, as Go's RFC3339Nano. Years before 0
// and after 9999 become 0 and 9999, as restic does.
std::string FormatFileTime(FileTime time);

// Any RFC 3339 time of the years 0 to 9999. Invalid otherwise.
Result<FileTime> ParseFileTime(std::string_view text);

}  // namespace holdfast::repo
