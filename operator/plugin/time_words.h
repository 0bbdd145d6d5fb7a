// Times as people say them. Pure.
//
//   2026-08-01T14:00:00Z        RFC 3339
//   2026-08-01 14:00            in the zone given, as are all below; seconds may follow
//   yesterday 14:00, today 9:30, monday 14:00 (the last one), 14:00 (the last one)
//   2h ago, 1h30m ago, 3 days ago, now
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace date {
class time_zone;
}

namespace holdfast::plugin {

// Invalid, with what to write instead, for anything else: also for a day without a time, for a time
// that the zone's clocks skipped and for one that is still to come. Of one that came twice the
// first is meant.
Result<TimePoint> ParseTimeWords(std::string_view text, TimePoint now, const date::time_zone& zone);

// "2026-08-01 14:00:00 CEST"
std::string LocalTime(TimePoint time, const date::time_zone& zone);

// "just now", "5m ago", "3d4h ago".
std::string Age(TimePoint time, TimePoint now);

// $TZ, else the machine's, else UTC.
const date::time_zone& LocalZone();

}  // namespace holdfast::plugin
