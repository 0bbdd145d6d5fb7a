// What belongs to another object of its namespace: Kubernetes removes it once its owner is gone.
#pragma once

#include "base/json.h"
#include "operator/kube/events.h"

namespace holdfast::controllers {

// Whether a foreground deletion of the owner waits until what it owns is gone.
enum class OwnerDeletion { kWaits, kDoesNotWait };

// metadata.ownerReferences: `owner` alone, which controls the object (DecodeOwner in views.h).
Json OwnerReferences(const kube::ObjectReference& owner, OwnerDeletion deletion);

}  // namespace holdfast::controllers
