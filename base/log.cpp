#include "base/log.h"

#include <atomic>
#include <iterator>
#include <map>
#include <memory>
#include <vector>

#include <spdlog/sinks/stdout_sinks.h>

#include "base/clock.h"
#include "base/json.h"

namespace holdfast {
namespace {

using Level = spdlog::level::level_enum;

struct Levels {
  Level others = Level::info;
  std::map<std::string, Level, std::less<>> components = {{"audit", Level::info}};

  Level Of(std::string_view component) const {
    const auto found = components.find(component);
    return found == components.end() ? others : found->second;
  }
};

std::atomic<LogFormat> g_format{LogFormat::kText};
std::atomic<std::shared_ptr<const Levels>> g_levels;
thread_local std::vector<LogField> t_scope;

Result<Level> ParseLevel(std::string_view text) {
  const Level level = spdlog::level::from_str(std::string(text));
  if (level == Level::off && text != "off")
    return Fail(Code::kInvalid,
                fmt::format("\"{}\" is not a log level; use debug, info, warning or error", text));
  return level;
}

Result<Levels> ParseLevels(std::string_view text) {
  Levels levels;
  constexpr std::string_view kSeparators = ", \t\r\n";
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(kSeparators), text.size()));
    if (text.empty()) return levels;
    const std::string_view word = text.substr(0, text.find_first_of(kSeparators));
    text.remove_prefix(word.size());
    const std::size_t equals = word.find('=');
    TRY(const Level level, ParseLevel(equals == word.npos ? word : word.substr(equals + 1)));
    if (equals == word.npos)
      levels.others = level;
    else
      levels.components[std::string(word.substr(0, equals))] = level;
  }
}

std::string JsonLine(Level level, std::string_view component, std::string_view message,
                     std::span<const LogField> fields) {
  nlohmann::ordered_json line;
  line["ts"] = FormatTimeMicros(SystemClock().Now());
  const auto name = spdlog::level::to_string_view(level);
  line["level"] = std::string(name.data(), name.size());
  line["logger"] = component;
  line["msg"] = message;
  for (const auto& [key, value] : fields) line[std::string(key)] = value;
  for (const auto& [key, value] : t_scope) line.emplace(std::string(key), value);
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string TextLine(Level level, std::string_view component, std::string_view message,
                     std::span<const LogField> fields) {
  std::string line = fmt::format("{} {:<5} {}: {}", FormatTime(SystemClock().Now()),
                                 spdlog::level::to_string_view(level), component, message);
  const auto add = [&line](const LogField& field) {
    fmt::format_to(std::back_inserter(line), " {}={}", field.first, field.second);
  };
  for (const LogField& field : fields) add(field);
  for (const LogField& field : t_scope) add(field);
  return line;
}

}  // namespace

Result<void> SetUpLogging(LogFormat format, std::string_view levels) {
  TRY_VOID(SetLogLevels(levels));
  g_format = format;
  auto logger = spdlog::stderr_logger_mt("holdfast");
  logger->set_pattern("%v");
  logger->set_level(Level::trace);  // Log decides
  logger->flush_on(Level::trace);
  spdlog::set_default_logger(std::move(logger));
  return {};
}

Result<void> SetLogLevels(std::string_view levels) {
  TRY(Levels parsed, ParseLevels(levels));
  g_levels = std::make_shared<const Levels>(std::move(parsed));
  return {};
}

void Log(Level level, std::string_view component, std::string_view message,
         std::initializer_list<LogField> fields) {
  Log(level, component, message, std::span(fields.begin(), fields.size()));
}

void Log(Level level, std::string_view component, std::string_view message,
         std::span<const LogField> fields) {
  const std::shared_ptr<const Levels> levels = g_levels;
  if (level < (levels ? levels->Of(component) : Level::info)) return;
  spdlog::default_logger_raw()->log(level, g_format == LogFormat::kJson
                                               ? JsonLine(level, component, message, fields)
                                               : TextLine(level, component, message, fields));
}

LogScope::LogScope(std::initializer_list<LogField> fields) : before_(t_scope.size()) {
  t_scope.insert(t_scope.end(), fields);
}

LogScope::~LogScope() { t_scope.resize(before_); }

}  // namespace holdfast
