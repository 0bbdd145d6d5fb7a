#include "controllers/manifests/references.h"

#include <algorithm>
#include <string_view>

namespace holdfast::controllers::manifests {
namespace {

// In every namespace, without anybody's doing.
constexpr const char* kRootCa = "kube-root-ca.crt";
constexpr const char* kDefaultAccount = "default";
constexpr const char* kPodNameLabel = "statefulset.kubernetes.io/pod-name";
constexpr const char* kPodIndexLabel = "apps.kubernetes.io/pod-index";

const Json& Array(const Json& object, std::initializer_list<std::string_view> path) {
  static const Json kEmpty = Json::array();
  const Json* found = Find(object, path);
  return found != nullptr && found->is_array() ? *found : kEmpty;
}

void Add(std::set<std::string>& names, std::string name) {
  if (!name.empty()) names.insert(std::move(name));
}

void AddVolume(const Json& volume, References& found) {
  Add(found.config_maps, FindString(volume, {"configMap", "name"}));
  Add(found.secrets, FindString(volume, {"secret", "secretName"}));
  Add(found.claims, FindString(volume, {"persistentVolumeClaim", "claimName"}));
  for (const Json& source : Array(volume, {"projected", "sources"})) {
    Add(found.config_maps, FindString(source, {"configMap", "name"}));
    Add(found.secrets, FindString(source, {"secret", "name"}));
  }
  // Credentials of the volume's driver: csi, azureFile, and cephfs, rbd, iscsi, flexVolume ...
  Add(found.secrets, FindString(volume, {"csi", "nodePublishSecretRef", "name"}));
  Add(found.secrets, FindString(volume, {"azureFile", "secretName"}));
  if (volume.is_object())
    for (const auto& [member, source] : volume.items())
      Add(found.secrets, FindString(source, {"secretRef", "name"}));
}

void AddContainer(const Json& container, References& found) {
  for (const Json& from : Array(container, {"envFrom"})) {
    Add(found.config_maps, FindString(from, {"configMapRef", "name"}));
    Add(found.secrets, FindString(from, {"secretRef", "name"}));
  }
  for (const Json& variable : Array(container, {"env"})) {
    Add(found.config_maps, FindString(variable, {"valueFrom", "configMapKeyRef", "name"}));
    Add(found.secrets, FindString(variable, {"valueFrom", "secretKeyRef", "name"}));
  }
}

bool IsNumber(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool IsOfSomePod(const std::string& label, std::string_view value, const std::string& set) {
  if (label == kPodIndexLabel) return IsNumber(value);
  return label == kPodNameLabel && value.starts_with(set + "-") &&
         IsNumber(value.substr(set.size() + 1));
}

// Written by controllers about this very object, or what `kubectl apply` keeps for itself.
bool IsOfTheCluster(const std::string& annotation) {
  if (annotation == "kubectl.kubernetes.io/last-applied-configuration") return true;
  for (const char* prefix : {"pv.kubernetes.io/", "volume.kubernetes.io/",
                             "volume.beta.kubernetes.io/", "control-plane.alpha.kubernetes.io/"})
    if (annotation.starts_with(prefix)) return true;
  return false;
}

Json CleanedMeta(const Json& metadata) {
  Json kept = {{"name", FindString(metadata, {"name"})}};
  if (const Json* labels = Find(metadata, {"labels"}); labels != nullptr && !labels->empty())
    kept["labels"] = *labels;
  if (const Json* annotations = Find(metadata, {"annotations"});
      annotations != nullptr && annotations->is_object())
    for (const auto& [name, value] : annotations->items())
      if (!IsOfTheCluster(name)) kept["annotations"][name] = value;
  return kept;
}

void Drop(Json* object, std::initializer_list<const char*> members) {
  if (object == nullptr || !object->is_object()) return;
  for (const char* member : members) object->erase(member);
}

Json* Member(Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

void CleanService(Json& spec) {
  if (FindString(spec, {"clusterIP"}) != "None") Drop(&spec, {"clusterIP", "clusterIPs"});
  Drop(&spec, {"healthCheckNodePort"});
  if (Json* ports = Member(spec, "ports"); ports != nullptr && ports->is_array())
    for (Json& port : *ports) Drop(&port, {"nodePort"});
}

void CleanStatefulSet(Json& spec) {
  if (Json* pods = Member(spec, "template"); pods != nullptr && pods->is_object())
    Drop(Member(*pods, "metadata"), {"creationTimestamp"});
  Json* claims = Member(spec, "volumeClaimTemplates");
  if (claims == nullptr || !claims->is_array()) return;
  for (Json& claim : *claims) {
    Drop(&claim, {"status"});
    if (claim.is_object()) Drop(Member(claim, "metadata"), {"creationTimestamp"});
  }
}

}  // namespace

References ReferencesOf(const Json& pod_spec) {
  References found;
  for (const Json& volume : Array(pod_spec, {"volumes"})) AddVolume(volume, found);
  for (const char* list : {"initContainers", "containers"})
    for (const Json& container : Array(pod_spec, {list})) AddContainer(container, found);
  for (const Json& secret : Array(pod_spec, {"imagePullSecrets"}))
    Add(found.secrets, FindString(secret, {"name"}));
  found.service_account = FindString(pod_spec, {"serviceAccountName"});
  if (found.service_account == kDefaultAccount) found.service_account.clear();
  found.config_maps.erase(kRootCa);
  return found;
}

bool ServiceSelects(const Json* selector, const Labels& labels, const std::string& stateful_set) {
  if (selector == nullptr || !selector->is_object() || selector->empty()) return false;
  for (const auto& [name, value] : selector->items()) {
    if (!value.is_string()) return false;
    const auto label = labels.find(name);
    const bool same = label != labels.end() && value == label->second;
    if (!same && !IsOfSomePod(name, value.get<std::string>(), stateful_set)) return false;
  }
  return true;
}

Json Cleaned(const Json& object) {
  Json kept = object;
  Drop(&kept, {"status"});
  const Json* metadata = Find(object, {"metadata"});
  kept["metadata"] = CleanedMeta(metadata == nullptr ? Json::object() : *metadata);
  const std::string kind = FindString(object, {"kind"});
  Json* spec = Member(kept, "spec");
  if (kind == "ServiceAccount") Drop(&kept, {"secrets"});  // tokens of another cluster
  if (spec == nullptr || !spec->is_object()) return kept;
  if (kind == "Service") CleanService(*spec);
  if (kind == "StatefulSet") CleanStatefulSet(*spec);
  if (kind == "PersistentVolumeClaim") Drop(spec, {"volumeName", "dataSource", "dataSourceRef"});
  return kept;
}

}  // namespace holdfast::controllers::manifests
