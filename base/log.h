// Logs by spdlog, to standard error: one line a record, as text on a terminal and as JSON objects
// {"ts","level","logger","msg", ...fields} in a cluster. Secrets are never logged.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/error.h"

namespace holdfast {

enum class LogFormat { kText, kJson };

// Call once, before any thread starts. Invalid for a level that spdlog does not know.
Result<void> SetUpLogging(LogFormat format, std::string_view level);

using LogField = std::pair<std::string_view, std::string>;

// One record with fields: Log(spdlog::level::info, "backup", "job created", {{"job", name}}).
void Log(spdlog::level::level_enum level, std::string_view component, std::string_view message,
         std::initializer_list<LogField> fields = {});

}  // namespace holdfast
