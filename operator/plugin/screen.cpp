#include "operator/plugin/screen.h"

#include <algorithm>
#include <charconv>

#include <spdlog/fmt/fmt.h>

#include "operator/plugin/table.h"

namespace holdfast::plugin {

Result<void> Screen::Write(std::string_view bytes) {
  ClearLive();
  if (out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size())) && out_.flush())
    return {};
  return Fail(Code::kInternal, "standard output was closed or is full");
}

void Screen::Note(std::string_view line) {
  ClearLive();
  notes_ << line << '\n' << std::flush;
}

// Lines are cut so that none takes two of the terminal's.
void Screen::Live(const std::vector<std::string>& lines) {
  if (!settings_.live) return;
  ClearLive();
  for (const std::string& line : lines)
    notes_ << Plain(line).substr(0, settings_.width - 1) << '\n';
  notes_ << std::flush;
  drawn_ = lines.size();
}

void Screen::ClearLive() {
  // Up by the lines that were drawn, and everything below away (ECMA-48: CUU, ED).
  if (drawn_ != 0) notes_ << fmt::format("\r\x1b[{}A\x1b[J", drawn_) << std::flush;
  drawn_ = 0;
}

Result<bool> Screen::Confirm(std::string_view question) {
  if (!settings_.asks)
    return Fail(Code::kInvalid,
                "there is no terminal to ask on; with -y it is done without a question");
  notes_ << question << " [y/N] " << std::flush;
  const auto line = read_line_();
  if (!line) return Fail(Code::kCancelled, "there was no answer; nothing was done");
  std::string answer;
  for (const char c : *line)
    if (c != ' ' && c != '\r') answer += static_cast<char>(c | 0x20);
  return answer == "y" || answer == "yes";
}

std::string ProgressBar(int percent) {
  constexpr int kColumns = 23;
  const int done = std::clamp(percent, 0, 100) * kColumns / 100;
  std::string bar(static_cast<std::size_t>(done), '=');
  if (done < kColumns) bar += '>';
  bar.resize(kColumns, ' ');
  return fmt::format("[{}] {:>3}%", bar, percent);
}

std::optional<int> PercentOf(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, value);
  if (error != std::errc() || end != text.data() + text.size() - 1) return std::nullopt;
  return value;
}

}  // namespace holdfast::plugin
