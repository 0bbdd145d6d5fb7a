#include "tests/e2e/kubectl.h"

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast::e2e {
namespace {

std::string Join(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

std::string KubectlProgram() {
  const char* program = std::getenv("HOLDFAST_KUBECTL");
  return program == nullptr ? "kubectl" : program;
}

[[noreturn]] void Become(const std::vector<std::string>& words, int in, int out) {
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  _exit(127);
}

// Inputs are a few kilobytes, which a pipe holds without a reader.
void WriteAll(int fd, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = write(fd, text.data() + done, text.size() - done);
    if (count <= 0) throw std::runtime_error("a program closed its input early");
    done += static_cast<std::size_t>(count);
  }
}

std::string ReadAll(int fd) {
  std::string text;
  std::array<char, 8192> buffer;
  for (ssize_t count; (count = read(fd, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(count));
  return text;
}

}  // namespace

Output RunProgram(const std::vector<std::string>& words, const std::string& input) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (pipe(in.data()) != 0 || pipe(out.data()) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    close(in[1]);
    close(out[0]);
    Become(words, in[0], out[1]);
  }
  close(in[0]);
  close(out[1]);
  WriteAll(in[1], input);
  close(in[1]);
  Output output;
  output.text = ReadAll(out[0]);
  close(out[0]);
  int status = 0;
  waitpid(child, &status, 0);
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  EXPECT_NE(text.find(from), text.npos) << from << " in " << text;
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

Kubectl::Kubectl(std::string ns, std::string kubeconfig)
    : ns_(std::move(ns)), kubeconfig_(std::move(kubeconfig)) {}

Output Kubectl::Run(std::vector<std::string> words, const std::string& input) const {
  words.insert(words.begin(), {KubectlProgram(), "--namespace", ns_});
  if (!kubeconfig_.empty()) words.insert(words.begin() + 1, "--kubeconfig=" + kubeconfig_);
  return RunProgram(words, input);
}

std::string Kubectl::Must(std::vector<std::string> words, const std::string& input) const {
  const Output output = Run(words, input);
  if (!output.ok()) throw std::runtime_error("kubectl " + Join(words) + ": " + output.text);
  return output.text;
}

void Kubectl::Apply(const std::string& yaml) const { Must({"apply", "-f", "-"}, yaml); }

Json Kubectl::Get(const std::string& kind, const std::string& name) const {
  const Output output = Run({"get", kind, name, "-o", "json"});
  if (!output.ok()) return nullptr;
  const auto object = ParseJson(output.text);
  return object ? *object : Json();
}

Json Kubectl::Condition(const std::string& kind, const std::string& name,
                        const std::string& type) const {
  const Json object = Get(kind, name);
  const Json* conditions = Find(object, {"status", "conditions"});
  if (conditions == nullptr) return nullptr;
  for (const Json& condition : *conditions)
    if (FindString(condition, {"type"}) == type) return condition;
  return nullptr;
}

std::string Kubectl::Shell(const std::string& pod, const std::string& script) const {
  return Must({"exec", pod, "--", "sh", "-c", script});
}

bool WaitUntil(const std::string& what, std::chrono::seconds limit,
               const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << "waited " << limit.count() << " s in vain until " << what;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(250));  // between two looks
  }
  return true;
}

}  // namespace holdfast::e2e
