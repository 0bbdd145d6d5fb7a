// Repositories beneath the place of another BackupRepository, the definition (spec.shared): the
// gateway keeps the store's keys, and takes tokens for proof of who asks.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "controllers/policy/check.h"
#include "controllers/settings.h"
#include "crds/types/backup_repository.h"
#include "operator/kube/transport.h"

namespace holdfast::controllers {

inline constexpr const char* kGatewayCaAnnotation = "holdfast.dev/gateway-ca";  // of a mover's pod

// "rest:https://gateway/<namespace>/"
std::string SharedLocation(const crds::BackupRepository& repository,
                           const GatewaySettings& gateway);

// The volume of a mover's pod with the token for the gateway and, from the annotation, the
// authority of its certificate.
Json SharedVolume();

// Why a repository with spec.shared cannot be used; `definition` is nullptr when there is none. The
// gateway would refuse it too.
std::optional<Finding> CheckShared(const crds::BackupRepository& repository,
                                   const crds::BackupRepository* definition,
                                   const GatewaySettings& gateway);

// Who removes snapshots from a repository: a mover's Job; from a shared one, where movers may not,
// the gateway on the operator's word. Which snapshots there are copies of others only a mover can
// tell, so those in a shared one nobody removes.
enum class Remover { kJob, kGateway, kNobody };
Remover RemoverOf(const crds::BackupRepository& repository, bool are_copies);

// Removes snapshots from the repository of `ns`, by the operator's own token: nobody else's may.
// Those that are gone already are no error. NotSupported without a gateway; Invalid for what is no
// id of 64 hex digits; Denied, Unavailable or Timeout as it answers.
Result<void> RemoveShared(kube::Transport* gateway, const std::string& ns,
                          const std::vector<std::string>& snapshots, std::stop_token stop);

}  // namespace holdfast::controllers
