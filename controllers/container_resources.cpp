#include "controllers/container_resources.h"

#include "base/quantity.h"

namespace holdfast::controllers {
namespace {

constexpr const char* kDefaultMemoryLimit = "512Mi";
constexpr const char* kDefaultMemoryRequest = "128Mi";
constexpr const char* kDefaultCpuRequest = "100m";

Json Quantities(const crds::ResourceList& list) {
  Json object = Json::object();
  for (const auto& [name, quantity] : list) object[name] = quantity.text;
  return object;
}

bool Exceeds(const Json& list, const char* name, const char* bound) {
  const auto value = ParseQuantity(FindString(list, {name}));
  return value && *value > *ParseQuantity(bound);
}

bool Below(const Json& list, const char* name, const char* bound) {
  const auto value = ParseQuantity(FindString(list, {name}));
  return value && *value < *ParseQuantity(bound);
}

}  // namespace

Json ContainerResources(const crds::ResourceRequirements& wish) {
  Json requests = Quantities(wish.requests);
  Json limits = Quantities(wish.limits);
  if (!limits.contains("memory") && !Exceeds(requests, "memory", kDefaultMemoryLimit))
    limits["memory"] = kDefaultMemoryLimit;
  if (!requests.contains("memory") && !Below(limits, "memory", kDefaultMemoryRequest))
    requests["memory"] = kDefaultMemoryRequest;
  if (!requests.contains("cpu") && !limits.contains("cpu")) requests["cpu"] = kDefaultCpuRequest;
  return {{"requests", requests}, {"limits", limits}};
}

}  // namespace holdfast::controllers
