#include "controllers/owner.h"

namespace holdfast::controllers {

Json OwnerReferences(const kube::ObjectReference& owner, OwnerDeletion deletion) {
  Json reference = {{"apiVersion", owner.resource.ApiVersion()},
                    {"kind", owner.resource.kind},
                    {"name", owner.key.name},
                    {"uid", owner.uid},
                    {"controller", true}};
  if (deletion == OwnerDeletion::kWaits) reference["blockOwnerDeletion"] = true;
  return Json::array({std::move(reference)});
}

}  // namespace holdfast::controllers
