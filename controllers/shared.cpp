#include "controllers/shared.h"

#include <algorithm>

#include "controllers/reasons.h"
#include "jobs/protocol/args.h"

namespace holdfast::controllers {
namespace {

std::string NameOf(const crds::SharedDefinition& shared) {
  return shared.namespace_ + "/" + shared.name;
}

// Ids come from pods of the team's namespace, whose words may be anybody's:
// "../../blue/snapshots/".
bool IsSnapshotId(const std::string& id) {
  constexpr std::size_t kDigits = 64;
  return id.size() == kDigits && id.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

std::string SharedLocation(const crds::BackupRepository& repository,
                           const GatewaySettings& gateway) {
  return "rest:" + gateway.url + "/" + repository.metadata.namespace_ + "/";
}

// A ConfigMap of another namespace cannot be mounted, so the certificate comes with the pod itself.
Json SharedVolume() {
  constexpr int kMode = 0444;
  const std::string ca = protocol::kCaFile;
  const std::string token = protocol::kGatewayTokenFile;
  const auto file_of = [](const std::string& path) { return path.substr(path.rfind('/') + 1); };
  const Json annotation = "metadata.annotations['" + std::string(kGatewayCaAnnotation) + "']";
  return {{"projected",
           {{"defaultMode", kMode},
            {"sources",
             {{{"serviceAccountToken",
                {{"audience", protocol::kGatewayAudience},
                 {"expirationSeconds", 3600},
                 {"path", file_of(token)}}}},
              {{"downwardAPI",
                {{"items", Json::array({{{"path", file_of(ca)},
                                         {"fieldRef", {{"fieldPath", annotation}}}}})}}}}}}}}};
}

std::optional<Finding> CheckShared(const crds::BackupRepository& repository,
                                   const crds::BackupRepository* definition,
                                   const GatewaySettings& gateway) {
  const crds::SharedDefinition& shared = *repository.spec.shared;
  const std::string name = NameOf(shared);
  if (gateway.url.empty())
    return Finding{reason::kNotSupported,
                   "spec.shared needs the gateway, which is not installed in this cluster; name a "
                   "place of your own, or ask whoever installed Holdfast to set gateway.enabled in "
                   "the chart's values."};
  if (shared.namespace_ != gateway.definition_namespace || shared.name != gateway.definition)
    return Finding{reason::kNotSupported,
                   "The gateway serves BackupRepository " + gateway.definition_namespace + "/" +
                       gateway.definition + ", not " + name + "; name that in spec.shared."};
  if (definition == nullptr)
    return Finding{reason::kRepositoryNotFound,
                   "There is no BackupRepository " + name +
                       " (spec.shared); this goes on by itself once there is."};
  const std::string& ns = repository.metadata.namespace_;
  const crds::ShareWith nobody;
  const auto& namespaces = definition->spec.share_with.value_or(nobody).namespaces;
  if (std::ranges::find(namespaces, ns) == namespaces.end())
    return Finding{reason::kNotShared, "BackupRepository " + name +
                                           " is not shared with namespace " + ns +
                                           "; ask its owner to add it to "
                                           "spec.shareWith.namespaces there."};
  return std::nullopt;
}

Remover RemoverOf(const crds::BackupRepository& repository, bool are_copies) {
  if (!repository.spec.shared) return Remover::kJob;
  return are_copies ? Remover::kNobody : Remover::kGateway;
}

Result<void> RemoveShared(kube::Transport* gateway, const std::string& ns,
                          const std::vector<std::string>& snapshots, std::stop_token stop) {
  if (gateway == nullptr) return Fail(Code::kNotSupported, "no gateway is installed");
  for (const std::string& snapshot : snapshots) {
    if (!IsSnapshotId(snapshot))
      return Fail(Code::kInvalid, "\"" + snapshot + "\" is no snapshot's id; nothing is removed");
    kube::Request request;
    request.method = kube::Method::kDelete;
    request.path = "/" + ns + "/snapshots/" + snapshot;
    TRY(const kube::Response response, gateway->Send(request, stop));
    if (response.status == 200 || response.status == 404) continue;
    const bool denied = response.status == 401 || response.status == 403;
    return Fail(denied ? Code::kDenied : Code::kUnavailable,
                "remove snapshot " + snapshot + ": the gateway answered " +
                    std::to_string(response.status) + ": " +
                    response.body.substr(0, response.body.find('\n')));
  }
  return {};
}

}  // namespace holdfast::controllers
