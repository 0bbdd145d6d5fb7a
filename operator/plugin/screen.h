// What a command shows and asks: results on standard output, all else on standard error. On a
// terminal the last lines are redrawn as work goes on; elsewhere only lines that stay are printed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::plugin {

class Screen {
 public:
  struct Settings {
    bool asks = false;  // somebody answers
    bool live = false;  // lines can be redrawn
    std::size_t width = 80;
  };
  // A line of the user's, without its end; nullopt at the end of the input or on a stop.
  using ReadLine = std::function<std::optional<std::string>()>;

  // The streams outlive the Screen.
  Screen(std::ostream& out, std::ostream& notes, ReadLine read_line, Settings settings)
      : out_(out), notes_(notes), read_line_(std::move(read_line)), settings_(settings) {}
  ~Screen() { KeepLive(); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  const Settings& settings() const { return settings_; }

  // To standard output. Internal when it is closed or full.
  Result<void> Write(std::string_view bytes);
  // A line that stays, above what is live.
  void Note(std::string_view line);
  // Replaces what is live; nothing where nothing can be redrawn.
  void Live(const std::vector<std::string>& lines);
  // What is live stays as it is.
  void KeepLive() { drawn_ = 0; }
  void ClearLive();
  // Yes only for y or yes. Invalid when nobody can answer; Cancelled when nobody does.
  Result<bool> Confirm(std::string_view question);

 private:
  std::ostream& out_;
  std::ostream& notes_;
  const ReadLine read_line_;
  const Settings settings_;
  std::size_t drawn_ = 0;  // lines
};

// "[=========>          ]  45%": 30 columns.
std::string ProgressBar(int percent);
// Of "63%"; nullopt for anything else.
std::optional<int> PercentOf(std::string_view text);

}  // namespace holdfast::plugin
