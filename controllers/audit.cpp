#include "controllers/audit.h"

#include <utility>

#include "controllers/labels.h"

namespace holdfast::controllers {
namespace {

// The entry of managedFields that owns `field` of the spec and is the latest of those.
const Json* OwnerOfField(const Json& object, std::string_view field) {
  const Json* entries = Find(object, {"metadata", "managedFields"});
  if (entries == nullptr || !entries->is_array()) return nullptr;
  const std::string key = "f:" + std::string(field);
  const Json* latest = nullptr;
  for (const Json& entry : *entries) {
    if (!FindString(entry, {"subresource"}).empty()) continue;
    const Json* owned = field.empty() ? Find(entry, {"fieldsV1", "f:spec"})
                                      : Find(entry, {"fieldsV1", "f:spec", key});
    if (owned == nullptr) continue;
    if (latest == nullptr || FindString(*latest, {"time"}) <= FindString(entry, {"time"}))
      latest = &entry;
  }
  return latest;
}

}  // namespace

Requester RequesterOf(const Json& object, std::string_view field, bool believe_annotation) {
  Requester requester;
  if (believe_annotation)
    requester.user = FindString(object, {"metadata", "annotations", kRequestedByAnnotation});
  const Json* owner = OwnerOfField(object, field);
  if (owner == nullptr) owner = OwnerOfField(object, "");
  if (owner == nullptr) return requester;
  requester.manager = FindString(*owner, {"manager"});
  requester.operation = FindString(*owner, {"operation"});
  requester.time = FindString(*owner, {"time"});
  return requester;
}

std::string Describe(const Requester& requester) {
  const std::string client = requester.manager.empty() ? "an unnamed client" : requester.manager;
  return requester.user.empty() ? client : requester.user + " by " + client;
}

std::string Joined(const std::vector<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) text += (text.empty() ? "" : ", ") + id;
  return text;
}

void Audit(std::string_view action, std::string_view message, const kube::ObjectReference& object,
           std::vector<LogField> fields) {
  fields.insert(fields.begin(), {{"stream", "audit"},
                                 {"action", std::string(action)},
                                 {"kind", object.resource.kind},
                                 {"object", kube::ToString(object.key)}});
  if (!object.uid.empty()) fields.emplace_back("uid", object.uid);
  Log(spdlog::level::info, "audit", message, fields);
}

void Audit(std::string_view action, std::string_view message, const kube::ObjectReference& object,
           const Requester& requester, std::vector<LogField> fields) {
  fields.insert(fields.end(), {{"manager", requester.manager},
                               {"operation", requester.operation},
                               {"changed", requester.time}});
  if (!requester.user.empty()) fields.emplace_back("user", requester.user);
  Audit(action, message, object, std::move(fields));
}

}  // namespace holdfast::controllers
