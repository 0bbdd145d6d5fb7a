#include "base/log.h"

#include <atomic>
#include <iterator>

#include <spdlog/sinks/stdout_sinks.h>

#include "base/clock.h"
#include "base/json.h"

namespace holdfast {
namespace {

std::atomic<LogFormat> g_format{LogFormat::kText};

std::string JsonLine(spdlog::level::level_enum level, std::string_view component,
                     std::string_view message, std::initializer_list<LogField> fields) {
  nlohmann::ordered_json line;
  line["ts"] = FormatTimeMicros(SystemClock().Now());
  const auto name = spdlog::level::to_string_view(level);
  line["level"] = std::string(name.data(), name.size());
  line["logger"] = component;
  line["msg"] = message;
  for (const auto& [key, value] : fields) line[std::string(key)] = value;
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string TextLine(spdlog::level::level_enum level, std::string_view component,
                     std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = fmt::format("{} {:<5} {}: {}", FormatTime(SystemClock().Now()),
                                 spdlog::level::to_string_view(level), component, message);
  for (const auto& [key, value] : fields)
    fmt::format_to(std::back_inserter(line), " {}={}", key, value);
  return line;
}

}  // namespace

Result<void> SetUpLogging(LogFormat format, std::string_view level) {
  const auto parsed = spdlog::level::from_str(std::string(level));
  if (parsed == spdlog::level::off && level != "off")
    return Fail(Code::kInvalid,
                fmt::format("\"{}\" is not a log level; use debug, info, warning or error", level));
  g_format = format;
  auto logger = spdlog::stderr_logger_mt("holdfast");
  logger->set_pattern("%v");
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  return {};
}

void Log(spdlog::level::level_enum level, std::string_view component, std::string_view message,
         std::initializer_list<LogField> fields) {
  spdlog::logger* logger = spdlog::default_logger_raw();
  if (!logger->should_log(level)) return;
  logger->log(level, g_format == LogFormat::kJson ? JsonLine(level, component, message, fields)
                                                  : TextLine(level, component, message, fields));
}

}  // namespace holdfast
