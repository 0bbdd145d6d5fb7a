#include "controllers/restore/claims.h"

#include "crds/types/kinds.h"

namespace holdfast::controllers::restore {
namespace {

const Json* TemplateNamed(const Json& set, const std::string& name) {
  const Json* templates = Find(set, {"spec", "volumeClaimTemplates"});
  if (templates == nullptr || !templates->is_array()) return nullptr;
  for (const Json& candidate : *templates)
    if (FindString(candidate, {"metadata", "name"}) == name) return &candidate;
  return nullptr;
}

Json ObjectAt(const Json& value, std::initializer_list<std::string_view> path) {
  const Json* found = Find(value, path);
  return found != nullptr && found->is_object() ? *found : Json::object();
}

}  // namespace

Json ClaimOfSet(const Json& set, const std::string& claim, const std::string& claim_template) {
  const Json* source = TemplateNamed(set, claim_template);
  const Json empty = Json::object();
  const Json& from = source != nullptr ? *source : empty;
  Json labels = ObjectAt(from, {"metadata", "labels"});
  labels.update(ObjectAt(set, {"spec", "selector", "matchLabels"}));
  Json metadata = {{"name", claim}, {"namespace", FindString(set, {"metadata", "namespace"})}};
  if (!labels.empty()) metadata["labels"] = std::move(labels);
  if (Json annotations = ObjectAt(from, {"metadata", "annotations"}); !annotations.empty())
    metadata["annotations"] = std::move(annotations);
  Json spec = ObjectAt(from, {"spec"});
  if (FindString(spec, {"dataSourceRef", "apiGroup"}) == crds::kGroup) spec.erase("dataSourceRef");
  return {{"apiVersion", "v1"},
          {"kind", "PersistentVolumeClaim"},
          {"metadata", std::move(metadata)},
          {"spec", std::move(spec)}};
}

Result<Json> ClaimAsAsked(const crds::RestoreClaim& wish, const std::string& ns) {
  if (wish.size.empty())
    return Fail(Code::kNotFound, "Claim " + wish.to +
                                     " does not exist. Create it; or give its size in "
                                     "spec.target.claims, and it is created.");
  const std::vector<std::string> usual = {"ReadWriteOnce"};
  Json spec = {{"accessModes", wish.access_modes.empty() ? usual : wish.access_modes},
               {"resources", {{"requests", {{"storage", wish.size.text}}}}}};
  if (!wish.storage_class.empty()) spec["storageClassName"] = wish.storage_class;
  return Json{{"apiVersion", "v1"},
              {"kind", "PersistentVolumeClaim"},
              {"metadata", {{"name", wish.to}, {"namespace", ns}}},
              {"spec", std::move(spec)}};
}

bool LosesClaimsWhenScaled(const Json& set) {
  return FindString(set, {"spec", "persistentVolumeClaimRetentionPolicy", "whenScaled"}) ==
         "Delete";
}

}  // namespace holdfast::controllers::restore
