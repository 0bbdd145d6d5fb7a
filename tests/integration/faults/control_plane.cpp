#include "tests/integration/faults/control_plane.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tests/e2e/kubectl.h"

namespace holdfast::faults {
namespace {

std::string Environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

std::string Must(const std::vector<std::string>& words, const std::string& input = "") {
  const e2e::Output output = e2e::RunProgram(words, input);
  if (output.ok()) return output.text;
  std::string line;
  for (const std::string& word : words) line += word + " ";
  throw std::runtime_error(line + "failed: " + output.text);
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

ControlPlane& ControlPlane::Shared() {
  static ControlPlane plane;
  return plane;
}

ControlPlane::ControlPlane()
    : name_(Environment("HOLDFAST_TEST_CLUSTER", "holdfast-test") + "-cp") {
  Verb({"up", "--nodes", "0"});
  folder_ = std::filesystem::path(FirstLine(Verb({"kubeconfig"}))).parent_path();
  const auto config = kube::LoadKubeconfig(kubeconfig(), "");
  if (!config) throw std::runtime_error(config.error().message);
  config_ = *config;
  auto transport = kube::MakeTransport(config_);
  if (!transport) throw std::runtime_error(transport.error().message);
  transport_ = std::move(*transport);
  api_ = std::make_unique<kube::Api>(*transport_);
  InstallDefinitions(*this);
}

ControlPlane::~ControlPlane() {
  if (std::getenv("KEEP_CLUSTER") == nullptr)
    e2e::RunProgram({"tests/cluster/cluster", "--name", name_, "down"});
}

std::string ControlPlane::Verb(std::vector<std::string> words) const {
  words.insert(words.begin(), {"tests/cluster/cluster", "--name", name_});
  return Must(words);
}

void ControlPlane::Stop(const std::string& component) { Verb({"stop", component}); }
void ControlPlane::Start(const std::string& component) { Verb({"start", component}); }

// By etcd's JSON gateway.
void ControlPlane::Compact() const {
  const std::string etcd = "https://127." + FirstLine(ReadFile(folder_ / "octet")) + ".0.1:2379";
  const auto call = [&](const std::string& path, const std::string& body) {
    return Must({"curl", "--silent", "--show-error", "--fail", "--cacert", pki() / "ca.crt",
                 "--cert", pki() / "etcd.crt", "--key", pki() / "etcd.key", "--data", body,
                 etcd + path});
  };
  const auto answer = ParseJson(call("/v3/kv/range", R"({"key": "Lw=="})"));
  if (!answer) throw std::runtime_error("etcd: " + answer.error().message);
  const std::string revision = FindString(*answer, {"header", "revision"});
  call("/v3/kv/compaction", R"({"physical": true, "revision": ")" + revision + "\"}");
}

std::string ControlPlane::bridge() const { return "hf" + FirstLine(ReadFile(folder_ / "octet")); }

std::string ControlPlane::FreeAddress() const {
  return "10." + FirstLine(ReadFile(folder_ / "octet")) + ".0.77";
}

void InstallDefinitions(const ControlPlane& plane) {
  AdminKubectl(plane, {"apply", "--server-side", "--force-conflicts", "-f", "crds/"});
  AdminKubectl(plane, {"wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"});
}

std::string AdminKubectl(const ControlPlane& plane, std::vector<std::string> words,
                         const std::string& input) {
  words.insert(words.begin(), {Environment("HOLDFAST_KUBECTL", "kubectl"),
                               "--kubeconfig=" + plane.kubeconfig().string()});
  return Must(words, input);
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void ReplaceFile(const std::filesystem::path& path, const std::string& content) {
  const std::filesystem::path fresh = path.string() + ".new";
  {
    std::ofstream file(fresh, std::ios::binary);
    file << content;
    if (!file.flush()) throw std::runtime_error("cannot write " + fresh.string());
  }
  std::filesystem::rename(fresh, path);
}

}  // namespace holdfast::faults
