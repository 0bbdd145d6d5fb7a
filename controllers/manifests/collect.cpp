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

Result<void> ReadShared(const kube::Api& api, const std::string& ns, Sources& sources,
                        std::stop_token stop) {
  TRY(sources.services, ListAll(api, kube::kServices, ns, stop));
  TRY(sources.claims, ListAll(api, kube::kPersistentVolumeClaims, ns, stop));
  return {};
}

Result<void> ReadOwn(const kube::Api& api, const kube::ObjectKey& key, Sources& sources,
                     std::stop_token stop) {
  sources.service_account.reset();
  TRY(sources.stateful_set, api.Get(kube::kStatefulSets, key, stop));
  const Json* pods = Find(sources.stateful_set, {"spec", "template", "spec"});
  const References references = ReferencesOf(pods == nullptr ? Json::object() : *pods);
  if (references.service_account.empty()) return {};
  auto account = api.Get(kube::kServiceAccounts, {key.ns, references.service_account}, stop);
  if (!account && !IsAbsent(account.error())) return tl::make_unexpected(account.error());
  if (account) sources.service_account = *std::move(account);
  return {};
}

bool IsProblem(const Error& error) { return error.code == Code::kDenied || IsAbsent(error); }

}  // namespace

Result<std::vector<Bundle>> Collect(const kube::Api& api, const std::string& ns,
                                    const std::vector<Wanted>& wanted, bool secrets,
                                    std::stop_token stop) {
  Sources sources;
  sources.secrets = secrets;
  const auto shared = ReadShared(api, ns, sources, stop);
  std::vector<Bundle> bundles;
  for (const Wanted& one : wanted) {
    const auto read = shared ? ReadOwn(api, {ns, one.stateful_set}, sources, stop) : shared;
    if (!read && !IsProblem(read.error())) return tl::make_unexpected(read.error());
    sources.backed_up = one.backed_up;
    Bundle& bundle = bundles.emplace_back(read ? MakeBundle(sources) : Bundle());
    if (!read) bundle.problem = read.error().message;
    bundle.stateful_set = one.stateful_set;
    bundle.claim = one.claim;
  }
  return bundles;
}

}  // namespace holdfast::controllers::manifests
