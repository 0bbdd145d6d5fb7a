#include "controllers/manifests/collect.h"

#include "controllers/manifests/references.h"

namespace holdfast::controllers::manifests {
namespace {

Result<std::vector<Json>> ListAll(const kube::Api& api, const kube::Resource& resource,
                                  const std::string& ns, std::stop_token stop) {
  std::vector<Json> objects;
  kube::ListOptions options;
  options.ns = ns;
  options.not_older_than = std::string(kube::kAnyVersion);  // GCC 12 misreads the plain one
  const auto keep = [&](const Json& object) -> Result<void> {
    objects.push_back(object);
    return {};
  };
  TRY_VOID(api.List(resource, options, keep, stop));
  return objects;
}

Result<Sources> Read(const kube::Api& api, const kube::ObjectKey& key, std::stop_token stop) {
  Sources sources;
  TRY(sources.stateful_set, api.Get(kube::kStatefulSets, key, stop));
  const Json* pods = Find(sources.stateful_set, {"spec", "template", "spec"});
  const References references = ReferencesOf(pods == nullptr ? Json::object() : *pods);
  if (!references.service_account.empty()) {
    auto account = api.Get(kube::kServiceAccounts, {key.ns, references.service_account}, stop);
    if (!account && !IsAbsent(account.error())) return tl::make_unexpected(account.error());
    if (account) sources.service_account = *std::move(account);
  }
  TRY(sources.services, ListAll(api, kube::kServices, key.ns, stop));
  TRY(sources.claims, ListAll(api, kube::kPersistentVolumeClaims, key.ns, stop));
  return sources;
}

}  // namespace

Result<Bundle> Collect(const kube::Api& api, const kube::ObjectKey& stateful_set,
                       std::vector<std::string> backed_up, bool secrets, std::stop_token stop) {
  auto sources = Read(api, stateful_set, stop);
  if (!sources) {
    const Error& error = sources.error();
    if (error.code != Code::kDenied && !IsAbsent(error)) return tl::make_unexpected(error);
    Bundle none;
    none.problem = error.message;
    return none;
  }
  sources->backed_up = std::move(backed_up);
  sources->secrets = secrets;
  return MakeBundle(*sources);
}

}  // namespace holdfast::controllers::manifests
