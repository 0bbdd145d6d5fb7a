#include "jobs/engine/manifests.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>

#include "base/json.h"
#include "jobs/engine/directory.h"
#include "jobs/protocol/args.h"
#include "jobs/repo/json_text.h"
#include "jobs/storage/encoding.h"
#include "jobs/storage/text_file.h"

namespace holdfast::engine {
namespace {

constexpr int kIndent = 2;
// All are held in memory at once. A namespace's ConfigMaps have a few kilobytes each.
constexpr std::size_t kMostBytes = std::size_t{16} << 20;

// The names in a folder; none where there is no such folder. Those that begin with ".." are the
// kubelet's own, and no key may.
Result<std::vector<std::string>> NamesIn(const std::string& folder) {
  const Fd open(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!open.valid() && errno == ENOENT) return std::vector<std::string>();
  if (!open.valid()) return tl::make_unexpected(FromErrno("open " + folder, errno));
  TRY(std::vector<std::string> names, ListNames(open.get()));
  std::erase_if(names, [](const std::string& name) { return name.starts_with(".."); });
  return names;
}

Result<std::vector<std::pair<std::string, std::string>>> ReadKeys(const std::string& folder) {
  TRY(const std::vector<std::string> names, NamesIn(folder));
  std::vector<std::pair<std::string, std::string>> keys;
  for (const std::string& name : names) {
    TRY(std::string value, storage::ReadTextFile(JoinPath(folder, name)));
    keys.emplace_back(name, std::move(value));
  }
  return keys;
}

Json ObjectNamed(const char* kind, const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", kind}, {"metadata", {{"name", name}}}};
}

using Keys = std::vector<std::pair<std::string, std::string>>;

Json ConfigMapOf(const std::string& name, const Keys& keys) {
  Json object = ObjectNamed("ConfigMap", name);
  for (const auto& [key, value] : keys) {
    if (repo::IsUtf8(value))
      object["data"][key] = value;
    else
      object["binaryData"][key] = storage::Base64(AsBytes(value));
  }
  return object;
}

// Those of Kubernetes' own types that somebody looks at: the kubelet for an image's pull, ingress
// controllers for a certificate. Other types only demand keys.
const char* TypeOf(const Keys& keys) {
  const auto has = [&](const char* key) {
    return std::ranges::any_of(keys, [&](const auto& entry) { return entry.first == key; });
  };
  if (has(".dockerconfigjson")) return "kubernetes.io/dockerconfigjson";
  if (has(".dockercfg")) return "kubernetes.io/dockercfg";
  if (has("tls.crt") && has("tls.key")) return "kubernetes.io/tls";
  return "Opaque";
}

Json SecretOf(const std::string& name, const Keys& keys) {
  Json object = ObjectNamed("Secret", name);
  object["type"] = TypeOf(keys);
  for (const auto& [key, value] : keys) object["data"][key] = storage::Base64(AsBytes(value));
  return object;
}

class Composer {
 public:
  explicit Composer(const std::string& folder) : folder_(folder) {}

  Result<ComposedManifests> Compose() {
    TRY_VOID(AddObjects());
    TRY_VOID(AddMounted("ConfigMap", protocol::kConfigMapsFolder, ConfigMapOf));
    TRY_VOID(AddMounted("Secret", protocol::kSecretsFolder, SecretOf));
    std::ranges::sort(made_.files, {}, &MadeFile::name);
    return std::move(made_);
  }

 private:
  Result<void> AddObjects() {
    const std::string path = JoinPath(folder_, protocol::kObjectsFile);
    TRY(const std::string text, storage::ReadTextFile(path));
    TRY(const Json objects, ParseJson(text));
    if (!objects.is_array()) return Fail(Code::kInvalid, path + " is no list of objects");
    for (const Json& object : objects) TRY_VOID(Add(object));
    return {};
  }

  Result<void> AddMounted(const char* kind, const char* folder,
                          Json (*make)(const std::string&, const Keys&)) {
    const std::string all = JoinPath(folder_, folder);
    TRY(const std::vector<std::string> names, NamesIn(all));
    for (const std::string& name : names) {
      TRY(const Keys keys, ReadKeys(JoinPath(all, name)));
      // A volume that is optional is empty where its object does not exist.
      if (keys.empty()) {
        made_.missing.push_back(std::string(kind) + "/" + name);
        continue;
      }
      TRY_VOID(Add(make(name, keys)));
      made_.secrets = made_.secrets || kind == std::string_view("Secret");
    }
    return {};
  }

  Result<void> Add(const Json& object) {
    const std::string name =
        FindString(object, {"kind"}) + "-" + FindString(object, {"metadata", "name"}) + ".json";
    if (name.starts_with('-') || name.ends_with("-.json") || !IsPlainName(name))
      return Fail(Code::kInvalid, "a manifest without kind or name");
    std::string text = object.dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n";
    size_ += text.size();
    if (size_ > kMostBytes)
      return Fail(Code::kInvalid,
                  "the manifests have more than 16 MiB; ConfigMaps and Secrets of "
                  "that size belong into a volume");
    made_.files.push_back({name, std::move(text)});
    return {};
  }

  const std::string& folder_;
  ComposedManifests made_;
  std::size_t size_ = 0;
};

}  // namespace

Result<ComposedManifests> ComposeManifests(const std::string& folder) {
  return Composer(folder).Compose();
}

}  // namespace holdfast::engine
