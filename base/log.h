// Logs by spdlog, to standard error: one line a record, as text on a terminal and as JSON objects
// {"ts","level","logger","msg", ...fields} in a cluster. Secrets are never logged.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/error.h"

namespace holdfast {

enum class LogFormat { kText, kJson };

// Call once, before any thread starts. Invalid as SetLogLevels.
Result<void> SetUpLogging(LogFormat format, std::string_view levels);

// A level for all components, and others for some: "info", "warning,backup=debug,informer=error".
// Commas, blanks and line ends separate. The component "audit" stays at info unless it is named:
// who wants less noise does not lose the record. Any thread, any time; Invalid for a level that
// there is not, and then nothing changes.
Result<void> SetLogLevels(std::string_view levels);

using LogField = std::pair<std::string_view, std::string>;

// One record with fields: Log(spdlog::level::info, "backup", "job created", {{"job", name}}).
void Log(spdlog::level::level_enum level, std::string_view component, std::string_view message,
         std::span<const LogField> fields);
void Log(spdlog::level::level_enum level, std::string_view component, std::string_view message,
         std::initializer_list<LogField> fields = {});

// While it lives, every record of its thread has these fields too, behind the record's own. Scopes
// nest.
class LogScope {
 public:
  LogScope(std::initializer_list<LogField> fields);
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

 private:
  const std::size_t before_;
};

}  // namespace holdfast
