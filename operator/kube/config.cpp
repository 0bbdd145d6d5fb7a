#include "operator/kube/config.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <openssl/evp.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include "base/json.h"

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

std::string EncodeBase64(const std::string& bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

struct Document {
  std::filesystem::path file;
  YAML::Node root;
};

// An object of a document, whose relative paths start at the document's folder.
struct Part {
  YAML::Node node;
  std::filesystem::path folder;
};

// Kubeconfig files being read as one. yaml-cpp's exceptions leave it and end in LoadKubeconfig.
class Kubeconfig {
 public:
  Kubeconfig(const std::vector<Document>& documents, const RunCredentialPlugin& run)
      : documents_(documents), run_(run) {}

  Result<ClientConfig> Read(const std::string& wanted_context) const {
    const std::string name = wanted_context.empty() ? CurrentContext() : wanted_context;
    if (name.empty()) return Fail(Code::kInvalid, "names no current-context");
    TRY(const Part context, Named("contexts", "context", name));
    TRY(const Part cluster, Named("clusters", "cluster", Text(context.node, "cluster")));
    TRY(const Part user, Named("users", "user", Text(context.node, "user")));
    ClientConfig config;
    config.default_namespace = Text(context.node, "namespace");
    TRY_VOID(ReadCluster(cluster, config));
    TRY_VOID(ReadUser(user, config));
    return config;
  }

 private:
  std::string CurrentContext() const {
    for (const Document& document : documents_)
      if (std::string name = Text(document.root, "current-context"); !name.empty()) return name;
    return "";
  }

  // The entry of a list like {name: N, cluster: {...}}.
  Result<Part> Named(const char* list, const char* field, const std::string& name) const {
    for (const Document& document : documents_)
      for (const YAML::Node& entry : document.root[list])
        if (Text(entry, "name") == name && entry[field] && entry[field].IsMap())
          return Part{entry[field], document.file.parent_path()};
    return Fail(Code::kInvalid, fmt::format("has no {} named \"{}\"", field, name));
  }

  Result<void> ReadCluster(const Part& cluster, ClientConfig& config) const {
    TRY_VOID(Refuse(cluster.node, {"insecure-skip-tls-verify", "tls-server-name", "proxy-url"}));
    config.server = Text(cluster.node, "server");
    if (!config.server.starts_with("https://"))
      return Fail(Code::kInvalid,
                  fmt::format("has the server \"{}\", which is not https://", config.server));
    TRY(config.ca_pem, DataOrFile(cluster, "certificate-authority", config));
    return {};
  }

  Result<void> ReadUser(const Part& user, ClientConfig& config) const {
    TRY_VOID(Refuse(user.node, {"auth-provider", "username", "password", "as"}));
    TRY(config.client_cert_pem, DataOrFile(user, "client-certificate", config));
    TRY(config.client_key_pem, DataOrFile(user, "client-key", config));
    if (config.client_cert_pem.empty() != config.client_key_pem.empty())
      return Fail(Code::kInvalid, "has only one of client-certificate and client-key");
    config.token = Text(user.node, "token");
    if (const std::string file = Text(user.node, "tokenFile"); !file.empty())
      config.token_file = (user.folder / file).string();
    const bool complete = !config.token.empty() || !config.token_file.empty();
    if (!complete && user.node["exec"] && user.node["exec"].IsMap())
      return RunPlugin({user.node["exec"], user.folder}, config);
    return {};
  }

  Result<void> RunPlugin(const Part& exec, ClientConfig& config) const {
    if (!run_) return Fail(Code::kInvalid, "uses exec, which is not supported");
    CredentialPlugin plugin;
    plugin.command = Text(exec.node, "command");
    const bool in_folder = plugin.command.find('/') != std::string::npos;
    if (in_folder) plugin.command = (exec.folder / plugin.command).string();
    for (const YAML::Node& word : exec.node["args"]) plugin.arguments.push_back(word.Scalar());
    for (const YAML::Node& variable : exec.node["env"])
      plugin.environment.emplace_back(Text(variable, "name"), Text(variable, "value"));
    plugin.api_version = Text(exec.node, "apiVersion");
    plugin.install_hint = Text(exec.node, "installHint");
    if (Text(exec.node, "provideClusterInfo") == "true") plugin.cluster = ClusterInfo(config);
    TRY(Credential made, run_(plugin));
    if (!made.token.empty()) config.token = std::move(made.token);
    if (!made.client_cert_pem.empty()) {
      config.client_cert_pem = std::move(made.client_cert_pem);
      config.client_key_pem = std::move(made.client_key_pem);
    }
    config.expires = made.expires;
    return {};
  }

  static std::string ClusterInfo(const ClientConfig& config) {
    Json cluster = {{"server", config.server}};
    if (!config.ca_pem.empty()) cluster["certificate-authority-data"] = EncodeBase64(config.ca_pem);
    return DumpJson(cluster);
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

  // "X-data" in base64, or the file "X".
  static Result<std::string> DataOrFile(const Part& part, const std::string& field,
                                        ClientConfig& config) {
    const std::string data = Text(part.node, (field + "-data").c_str());
    if (!data.empty()) {
      Result<std::string> decoded = DecodeBase64(data);
      if (decoded) return decoded;
      return tl::unexpected(Error{Code::kInvalid, field + "-data " + decoded.error().message});
    }
    const std::string file = Text(part.node, field.c_str());
    if (file.empty()) return std::string();
    config.files.push_back((part.folder / file).string());
    Result<std::string> content = ReadFile(part.folder / file);
    if (content) return content;
    return Fail(Code::kInvalid, "names a " + field + ": " + content.error().message);
  }

  const std::vector<Document>& documents_;
  const RunCredentialPlugin& run_;
};

// Those of $KUBECONFIG that exist, else its first; ~/.kube/config without it.
std::vector<std::string> DefaultFiles() {
  std::istringstream names(Environment("KUBECONFIG"));
  std::vector<std::string> files;
  std::string first;
  for (std::string file; std::getline(names, file, ':');) {
    if (file.empty()) continue;
    if (first.empty()) first = file;
    if (std::filesystem::exists(file)) files.push_back(file);
  }
  if (files.empty()) files.push_back(first.empty() ? Environment("HOME") + "/.kube/config" : first);
  return files;
}

Result<Document> Load(const std::string& file) {
  const Result<std::string> text = ReadFile(file);
  if (!text) return Fail(Code::kInvalid, "kubeconfig: " + text.error().message);
  const auto named = [&](const std::string& problem) {
    return Fail(Code::kInvalid, fmt::format("kubeconfig {} {}", file, problem));
  };
  try {
    Document document{file, YAML::Load(*text)};
    if (!document.root.IsMap()) return named("is not a YAML object");
    return document;
  } catch (const YAML::Exception& e) {
    return named(fmt::format("is not YAML: {}", e.what()));
  }
}

Result<ClientConfig> Read(const std::vector<Document>& documents, const std::string& context,
                          const RunCredentialPlugin& run) {
  try {
    return Kubeconfig(documents, run).Read(context);
  } catch (const YAML::Exception& e) {
    return Fail(Code::kInvalid, fmt::format("is not as it should be: {}", e.what()));
  }
}

}  // namespace

Result<ClientConfig> LoadKubeconfig(const std::string& path, const std::string& context,
                                    const RunCredentialPlugin& run) {
  const std::vector<std::string> files =
      path.empty() ? DefaultFiles() : std::vector<std::string>{path};
  std::vector<Document> documents;
  for (const std::string& file : files) {
    TRY(Document document, Load(file));
    documents.push_back(std::move(document));
  }
  Result<ClientConfig> config = Read(documents, context, run);
  if (config) config->files.insert(config->files.end(), files.begin(), files.end());
  if (config) return config;
  const std::string all = fmt::format("{}", fmt::join(files, ":"));
  return tl::unexpected(
      Error{config.error().code, fmt::format("kubeconfig {} {}", all, config.error().message)});
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
