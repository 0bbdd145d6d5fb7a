#include "controllers/manifests/bundle.h"

#include <algorithm>
#include <utility>

#include "base/quantity.h"
#include "controllers/manifests/references.h"

namespace holdfast::controllers::manifests {
namespace {

std::string NameOf(const Json& object) { return FindString(object, {"metadata", "name"}); }

Labels LabelsOfPods(const Json& stateful_set) {
  Labels labels;
  const Json* found = Find(stateful_set, {"spec", "template", "metadata", "labels"});
  if (found != nullptr && found->is_object())
    for (const auto& [name, value] : found->items())
      if (value.is_string()) labels[name] = value.get<std::string>();
  return labels;
}

class Maker {
 public:
  explicit Maker(const Sources& sources) : sources_(sources), name_(NameOf(sources.stateful_set)) {
    const Json* pods = Find(sources.stateful_set, {"spec", "template", "spec"});
    references_ = ReferencesOf(pods == nullptr ? Json::object() : *pods);
  }

  Bundle Make() {
    AddServiceAccount();
    AddServices();
    Add(sources_.stateful_set, "apps/v1", "StatefulSet");
    AddClaims();
    if (size_ > kMostObjects) return TooLarge();
    Mount("ConfigMap", references_.config_maps, bundle_.config_maps);
    AddSecrets();
    bundle_.objects = DumpJson(objects_);
    std::ranges::sort(bundle_.names);
    return std::move(bundle_);
  }

 private:
  // Lists come without their members' apiVersion and kind.
  Json Manifest(const Json& object, const char* version, const char* kind) const {
    Json typed = object;
    typed["apiVersion"] = version;
    typed["kind"] = kind;
    return Cleaned(typed);
  }

  void Add(const Json& object, const char* version, const char* kind) {
    Json manifest = Manifest(object, version, kind);
    size_ += DumpJson(manifest).size() + 1;
    objects_.push_back(std::move(manifest));
    bundle_.names.push_back(std::string(kind) + "/" + NameOf(object));
  }

  void AddServiceAccount() {
    const std::string& name = references_.service_account;
    if (name.empty()) return;
    if (!sources_.service_account) {
      bundle_.missing.push_back("ServiceAccount/" + name + ": it does not exist");
      return;
    }
    const Json* pulls = Find(*sources_.service_account, {"imagePullSecrets"});
    if (pulls != nullptr && pulls->is_array())
      for (const Json& secret : *pulls)
        if (std::string pull = FindString(secret, {"name"}); !pull.empty())
          references_.secrets.insert(std::move(pull));
    Add(*sources_.service_account, "v1", "ServiceAccount");
  }

  void AddServices() {
    const Labels labels = LabelsOfPods(sources_.stateful_set);
    const std::string governing = FindString(sources_.stateful_set, {"spec", "serviceName"});
    bool found = governing.empty();
    for (const Json& service : sources_.services) {
      const bool governs = NameOf(service) == governing;
      found = found || governs;
      if (governs || ServiceSelects(Find(service, {"spec", "selector"}), labels, name_))
        Add(service, "v1", "Service");
    }
    if (!found) bundle_.missing.push_back("Service/" + governing + ": it does not exist");
  }

  // Those of the volumes that are backed up and those that the pods name. The templates can make
  // the former again, so they are what is left out first.
  void AddClaims() {
    for (const Json& claim : sources_.claims) {
      const std::string name = NameOf(claim);
      const bool named = references_.claims.contains(name);
      if (!named && std::ranges::find(sources_.backed_up, name) == sources_.backed_up.end())
        continue;
      const Json manifest = Manifest(claim, "v1", "PersistentVolumeClaim");
      if (size_ + DumpJson(manifest).size() + 1 > kMostObjects)
        bundle_.missing.push_back("PersistentVolumeClaim/" + name +
                                  ": there are too many; its template makes it again");
      else
        Add(claim, "v1", "PersistentVolumeClaim");
    }
  }

  Bundle TooLarge() const {
    Bundle none;
    none.problem = "StatefulSet \"" + name_ + "\" and what belongs to it have " +
                   HumanBytes(size_) + " as manifests, and " + HumanBytes(kMostObjects) +
                   " can be kept";
    return none;
  }

  void Mount(const char* kind, const std::set<std::string>& names,
             std::vector<std::string>& mounted) {
    for (const std::string& name : names) {
      const std::string whole = std::string(kind) + "/" + name;
      if (bundle_.config_maps.size() + bundle_.secrets.size() < kMostMounted) {
        mounted.push_back(name);
        bundle_.names.push_back(whole);
      } else {
        bundle_.missing.push_back(whole + ": only " + std::to_string(kMostMounted) +
                                  " ConfigMaps and Secrets can be kept");
      }
    }
  }

  void AddSecrets() {
    if (sources_.secrets) return Mount("Secret", references_.secrets, bundle_.secrets);
    for (const std::string& name : references_.secrets)
      bundle_.missing.push_back("Secret/" + name +
                                ": Secrets are not kept (spec.manifests.secrets)");
  }

  const Sources& sources_;
  const std::string name_;
  References references_;
  Bundle bundle_;
  Json objects_ = Json::array();
  std::size_t size_ = 2;  // of objects_ as text
};

}  // namespace

Bundle MakeBundle(const Sources& sources) { return Maker(sources).Make(); }

}  // namespace holdfast::controllers::manifests
