#include "operator/kube/config.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <openssl/evp.h>
#include <spdlog/fmt/fmt.h>
#include <yaml-cpp/yaml.h>

namespace holdfast::kube {
namespace {

constexpr const char* kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

Result<std::string> ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Fail(Code::kNotFound, fmt::format("cannot read {}", path.string()));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<std::string> DecodeBase64(const std::string& text) {
  std::string decoded(text.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return Fail(Code::kInvalid, "is not base64");
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  decoded.resize(static_cast<std::size_t>(size) - padding);
  return decoded;
}

std::string Text(const YAML::Node& node, const char* field) {
  const YAML::Node value = node[field];
  return value && value.IsScalar() ? value.Scalar() : "";
}

// One kubeconfig file being read. yaml-cpp's exceptions leave it and end in LoadKubeconfig.
class Kubeconfig {
 public:
  Kubeconfig(const std::string& text, std::filesystem::path folder)
      : root_(YAML::Load(text)), folder_(std::move(folder)) {}

  Result<ClientConfig> Read(const std::string& wanted_context) const {
    if (!root_.IsMap()) return Fail(Code::kInvalid, "is not a YAML object");
    const std::string name =
        wanted_context.empty() ? Text(root_, "current-context") : wanted_context;
    if (name.empty()) return Fail(Code::kInvalid, "names no current-context");
    TRY(const YAML::Node context, Named("contexts", "context", name));
    TRY(const YAML::Node cluster, Named("clusters", "cluster", Text(context, "cluster")));
    TRY(const YAML::Node user, Named("users", "user", Text(context, "user")));
    ClientConfig config;
    config.default_namespace = Text(context, "namespace");
    TRY_VOID(ReadCluster(cluster, config));
    TRY_VOID(ReadUser(user, config));
    return config;
  }

 private:
  // The entry of a list like {name: N, cluster: {...}}.
  Result<YAML::Node> Named(const char* list, const char* field, const std::string& name) const {
    for (const YAML::Node& entry : root_[list])
      if (Text(entry, "name") == name && entry[field] && entry[field].IsMap()) return entry[field];
    return Fail(Code::kInvalid, fmt::format("has no {} named \"{}\"", field, name));
  }

  Result<void> ReadCluster(const YAML::Node& cluster, ClientConfig& config) const {
    TRY_VOID(Refuse(cluster, {"insecure-skip-tls-verify", "tls-server-name", "proxy-url"}));
    config.server = Text(cluster, "server");
    if (!config.server.starts_with("https://"))
      return Fail(Code::kInvalid,
                  fmt::format("has the server \"{}\", which is not https://", config.server));
    TRY(config.ca_pem, DataOrFile(cluster, "certificate-authority", config));
    return {};
  }

  Result<void> ReadUser(const YAML::Node& user, ClientConfig& config) const {
    TRY_VOID(Refuse(user, {"exec", "auth-provider", "username", "password", "as"}));
    TRY(config.client_cert_pem, DataOrFile(user, "client-certificate", config));
    TRY(config.client_key_pem, DataOrFile(user, "client-key", config));
    if (config.client_cert_pem.empty() != config.client_key_pem.empty())
      return Fail(Code::kInvalid, "has only one of client-certificate and client-key");
    config.token = Text(user, "token");
    if (const std::string file = Text(user, "tokenFile"); !file.empty())
      config.token_file = (folder_ / file).string();
    return {};
  }

  // Settings that change who is trusted must not be passed over in silence.
  static Result<void> Refuse(const YAML::Node& node, std::initializer_list<const char*> fields) {
    for (const char* field : fields) {
      const YAML::Node value = node[field];
      if (value && !value.IsNull() && Text(node, field) != "false")
        return Fail(Code::kInvalid, fmt::format("uses {}, which is not supported", field));
    }
    return {};
  }

  // "X-data" in base64, or the file "X" (relative to the kubeconfig's folder).
  Result<std::string> DataOrFile(const YAML::Node& node, const std::string& field,
                                 ClientConfig& config) const {
    const std::string data = Text(node, (field + "-data").c_str());
    if (!data.empty()) {
      Result<std::string> decoded = DecodeBase64(data);
      if (decoded) return decoded;
      return tl::unexpected(Error{Code::kInvalid, field + "-data " + decoded.error().message});
    }
    const std::string file = Text(node, field.c_str());
    if (file.empty()) return std::string();
    config.files.push_back((folder_ / file).string());
    Result<std::string> content = ReadFile(folder_ / file);
    if (content) return content;
    return Fail(Code::kInvalid, "names a " + field + ": " + content.error().message);
  }

  YAML::Node root_;
  std::filesystem::path folder_;
};

// $KUBECONFIG may name several files; the first that exists is taken.
std::string DefaultPath() {
  std::istringstream files(Environment("KUBECONFIG"));
  std::string first;
  for (std::string file; std::getline(files, file, ':');) {
    if (file.empty()) continue;
    if (first.empty()) first = file;
    if (std::filesystem::exists(file)) return file;
  }
  return first.empty() ? Environment("HOME") + "/.kube/config" : first;
}

Result<ClientConfig> Parse(const std::string& text, const std::filesystem::path& folder,
                           const std::string& context) {
  try {
    return Kubeconfig(text, folder).Read(context);
  } catch (const YAML::Exception& e) {
    return Fail(Code::kInvalid, fmt::format("is not YAML: {}", e.what()));
  }
}

}  // namespace

Result<ClientConfig> LoadKubeconfig(const std::string& path, const std::string& context) {
  const std::string file = path.empty() ? DefaultPath() : path;
  const Result<std::string> text = ReadFile(file);
  if (!text) return Fail(Code::kInvalid, "kubeconfig: " + text.error().message);
  Result<ClientConfig> config = Parse(*text, std::filesystem::path(file).parent_path(), context);
  if (config) config->files.push_back(file);
  if (config) return config;
  return Fail(Code::kInvalid, fmt::format("kubeconfig {} {}", file, config.error().message));
}

Result<ClientConfig> InClusterConfig(const std::string& folder) {
  const std::string host = Environment("KUBERNETES_SERVICE_HOST");
  const std::string port = Environment("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty())
    return Fail(Code::kNotFound, "KUBERNETES_SERVICE_HOST is not set: this is not a pod");
  const std::filesystem::path files = folder.empty() ? kServiceAccount : folder;
  ClientConfig config;
  const bool is_ipv6 = host.find(':') != std::string::npos;
  config.server = "https://" + (is_ipv6 ? "[" + host + "]" : host) + ":" + port;
  TRY(config.ca_pem, ReadFile(files / "ca.crt"));
  config.files.push_back((files / "ca.crt").string());
  config.token_file = (files / "token").string();
  if (!std::filesystem::exists(config.token_file))
    return Fail(Code::kNotFound, fmt::format("cannot read {}", config.token_file));
  config.default_namespace = ReadFile(files / "namespace").value_or("");
  return config;
}

}  // namespace holdfast::kube
