#include "tests/e2e/terminal.h"

#include <array>
#include <stdexcept>

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast::e2e {
namespace {

[[noreturn]] void Become(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  _exit(127);
}

}  // namespace

Output RunOnTerminal(const std::vector<std::string>& words,
                     const std::vector<std::pair<std::string, std::string>>& answers) {
  int terminal = -1;
  const winsize size{.ws_row = 50, .ws_col = 160, .ws_xpixel = 0, .ws_ypixel = 0};
  const pid_t child = forkpty(&terminal, nullptr, nullptr, &size);
  if (child < 0) throw std::runtime_error("forkpty failed");
  if (child == 0) Become(words);
  Output output;
  std::size_t seen = 0;
  std::size_t next = 0;
  std::array<char, 4096> buffer;
  // The terminal gives EIO once the program has gone.
  for (ssize_t count; (count = read(terminal, buffer.data(), buffer.size())) > 0;) {
    output.text.append(buffer.data(), static_cast<std::size_t>(count));
    while (next < answers.size()) {
      const std::size_t at = output.text.find(answers[next].first, seen);
      if (at == output.text.npos) break;
      seen = at + answers[next].first.size();
      const std::string& typed = answers[next++].second;
      if (write(terminal, typed.data(), typed.size()) < 0)
        throw std::runtime_error("the terminal takes no input");
    }
  }
  close(terminal);
  int status = 0;
  waitpid(child, &status, 0);
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

}  // namespace holdfast::e2e
