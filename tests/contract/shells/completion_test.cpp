// What a TAB does in real shells, for kubectl-holdfast by its own name and as kubectl calls it.
// There is no cluster: commands and options are completed all the same.
#include <cstdlib>
#include <filesystem>
#include <ostream>

#include <gtest/gtest.h>

#include "tests/e2e/terminal.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

struct Shell {
  std::vector<std::string> words;
  std::string set_up;
  std::string program;  // whose words are completed

  friend std::ostream& operator<<(std::ostream& out, const Shell& shell) {
    return out << shell.program << " in " << shell.words.front();
  }
};

class CompletionTest : public ::testing::TestWithParam<Shell> {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / "holdfast-completion-XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    for (const char* name : {"kubectl-holdfast", "kubectl_complete-holdfast"})
      fs::create_symlink(HOLDFAST_KUBECTL_PLUGIN, fs::path(folder_) / name);
    if (const char* kubectl = std::getenv("HOLDFAST_KUBECTL"))
      fs::create_symlink(kubectl, fs::path(folder_) / "kubectl");
  }
  void TearDown() override { fs::remove_all(folder_); }

  // In a shell that is started and set up; what is on its terminal at the end.
  std::string Typed(std::vector<std::pair<std::string, std::string>> answers) const {
    const Shell& shell = GetParam();
    // One that waits for ever would be stopped without a word.
    std::vector<std::string> words = {"timeout",
                                      "--foreground",
                                      "60",
                                      "env",
                                      "PATH=" + folder_ + ":" + std::getenv("PATH"),
                                      "KUBECONFIG=" + folder_ + "/none",
                                      "HOME=" + folder_,
                                      "TERM=dumb",
                                      "PS1=ready> "};
    words.insert(words.end(), shell.words.begin(), shell.words.end());
    answers.insert(answers.begin(), {"ready> ", shell.set_up + "\n"});
    return e2e::RunOnTerminal(words, answers).text;
  }

  std::string folder_;
};

TEST_P(CompletionTest, ListsCommandsAndWritesWhatIsTheOnlyOne) {
  const std::string program = GetParam().program;
  const std::string clear_line = "\x15";
  const std::string shown = Typed({{"ready> ", program + " re\t"},
                                   {"report", ""},
                                   {"restore", clear_line + program + " rep\t--he\t\n"},
                                   {"Usage: kubectl holdfast report", "exit\n"}});
  EXPECT_NE(shown.find("Usage: kubectl holdfast report"), shown.npos) << shown;
}

const std::string kZsh = "autoload -Uz compinit && compinit -uD && source <(";

INSTANTIATE_TEST_SUITE_P(
    Shells, CompletionTest,
    ::testing::Values(
        Shell{{"bash", "--norc", "-i"},
              "bind 'set show-all-if-ambiguous on'; source <(kubectl-holdfast completion bash)",
              "kubectl-holdfast"},
        Shell{{"zsh", "-f", "-i"}, kZsh + "kubectl-holdfast completion zsh)", "kubectl-holdfast"},
        Shell{{"zsh", "-f", "-i"}, kZsh + "kubectl completion zsh)", "kubectl holdfast"}));

}  // namespace
}  // namespace holdfast
