// PersistentVolumeClaims that a Restore makes. Pure.
#pragma once

#include "controllers/restore/resolve.h"

namespace holdfast::controllers::restore {

// A claim as the StatefulSet controller would make it: name, labels, annotations and spec from the
// volumeClaimTemplate, labels of the selector over them. No owner: where the StatefulSet's
// persistentVolumeClaimRetentionPolicy wants one, its controller adds it. Nor a dataSourceRef that
// names an object of ours: the Restore fills it.
Json ClaimOfSet(const Json& set, const std::string& claim, const std::string& claim_template);

// A claim of the asked size, class and access modes. NotFound when no size is asked: the user makes
// it then.
Result<Json> ClaimAsAsked(const crds::RestoreClaim& wish, const std::string& ns);

// What a Restore must not scale down: it would delete the claims that it is to restore.
bool LosesClaimsWhenScaled(const Json& set);

}  // namespace holdfast::controllers::restore
