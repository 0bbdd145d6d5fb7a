#include "operator/plugin/credential_plugin.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <spawn.h>
#include <spdlog/fmt/fmt.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"

namespace holdfast::plugin {
namespace {

constexpr std::size_t kMostOutput = 1UL << 20;

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Ours, and what the kubeconfig and the protocol add.
std::vector<std::string> EnvironmentFor(const kube::CredentialPlugin& plugin, bool interactive) {
  std::vector<std::string> variables;
  const auto replaced = [&](std::string_view variable) {
    const std::string_view name = variable.substr(0, variable.find('='));
    if (name == "KUBERNETES_EXEC_INFO") return true;
    for (const auto& [own, value] : plugin.environment)
      if (own == name) return true;
    return false;
  };
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!replaced(*variable)) variables.emplace_back(*variable);
  for (const auto& [name, value] : plugin.environment) variables.push_back(name + "=" + value);
  variables.push_back("KUBERNETES_EXEC_INFO=" + ExecInfo(plugin, interactive));
  return variables;
}

Result<std::string> ReadAll(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      return tl::make_unexpected(FromErrno("read a credential plugin's answer", errno));
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > kMostOutput) return Fail(Code::kInvalid, "its answer is longer than 1 MiB");
  }
}

// Starts it; an errno value, 0 when it runs. Signals that we block are its own to take.
int Spawn(const kube::CredentialPlugin& plugin, bool interactive, int out, pid_t& child) {
  std::vector<std::string> words = plugin.arguments;
  words.insert(words.begin(), plugin.command);
  std::vector<std::string> variables = EnvironmentFor(plugin, interactive);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const int error = posix_spawnp(&child, plugin.command.c_str(), &actions, &attributes,
                                 Pointers(words).data(), Pointers(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

}  // namespace

std::string ExecInfo(const kube::CredentialPlugin& plugin, bool interactive) {
  Json info = {{"apiVersion", plugin.api_version},
               {"kind", "ExecCredential"},
               {"spec", {{"interactive", interactive}}}};
  if (auto cluster = ParseJson(plugin.cluster); cluster)
    info["spec"]["cluster"] = *std::move(cluster);
  return DumpJson(info);
}

Result<kube::Credential> ParseExecCredential(std::string_view text) {
  TRY(const Json answer, ParseJson(text));
  kube::Credential credential;
  credential.token = FindString(answer, {"status", "token"});
  credential.client_cert_pem = FindString(answer, {"status", "clientCertificateData"});
  credential.client_key_pem = FindString(answer, {"status", "clientKeyData"});
  if (FindString(answer, {"kind"}) != "ExecCredential" ||
      (credential.token.empty() && credential.client_cert_pem.empty()))
    return Fail(Code::kInvalid, "its answer is no ExecCredential with a token or a certificate");
  if (const std::string time = FindString(answer, {"status", "expirationTimestamp"});
      !time.empty()) {
    TRY(credential.expires, ParseTime(time));
  }
  return credential;
}

Result<kube::Credential> RunCredentialPlugin(const kube::CredentialPlugin& plugin,
                                             bool interactive) {
  const auto named = [&](Error error) {
    return tl::make_unexpected(
        WithContext("credential plugin " + plugin.command, std::move(error)));
  };
  std::array<int, 2> out{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0) return named(FromErrno("pipe", errno));
  pid_t child = 0;
  const int error = Spawn(plugin, interactive, out[1], child);
  ::close(out[1]);
  if (error != 0) {
    ::close(out[0]);
    return named(
        {Code::kNotFound, "cannot be run: " + FromErrno("start", error).message +
                              (plugin.install_hint.empty() ? "" : "\n" + plugin.install_hint)});
  }
  const auto text = ReadAll(out[0]);
  ::close(out[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!text) return named(text.error());
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return named({Code::kDenied, "failed; what it said stands above"});
  auto credential = ParseExecCredential(*text);
  if (!credential) return named(credential.error());
  return credential;
}

}  // namespace holdfast::plugin
