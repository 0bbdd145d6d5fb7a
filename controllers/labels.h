// Every label, annotation and finalizer that Holdfast writes.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::controllers {

inline constexpr const char* kManagedBy = "app.kubernetes.io/managed-by";  // = "holdfast"
inline constexpr const char* kVerbLabel = "holdfast.dev/verb";  // backup, restore, copy, probe ...
inline constexpr const char* kWatchVerb = "watch";
inline constexpr const char* kBrowseVerb = "browse";
inline constexpr const char* kPolicyLabel = "holdfast.dev/policy";
inline constexpr const char* kScheduleLabel = "holdfast.dev/schedule";
inline constexpr const char* kBackupLabel = "holdfast.dev/backup";
inline constexpr const char* kRestoreLabel = "holdfast.dev/restore";
inline constexpr const char* kFollowerLabel = "holdfast.dev/follower";  // who made a Restore
inline constexpr const char* kRepositoryLabel = "holdfast.dev/repository";
inline constexpr const char* kClaimLabel = "holdfast.dev/claim";

// On a Backup that was found in a repository: that repository's name.
inline constexpr const char* kImportedLabel = "holdfast.dev/imported-from";

// On a watcher's Job: the node whose writes it sees.
inline constexpr const char* kNodeLabel = "holdfast.dev/node";

// On a forget Job: which round of retention it belongs to.
inline constexpr const char* kRoundLabel = "holdfast.dev/round";

// The value of kManagedBy, and the selector of everything that carries it.
inline constexpr const char* kManagedByHoldfast = "holdfast";
inline constexpr const char* kManagedSelector = "app.kubernetes.io/managed-by=holdfast";

// Who asked for the object, by the request's own user: written by clients, held true by the chart's
// admission policy (audit.h).
inline constexpr const char* kRequestedByAnnotation = "holdfast.dev/requested-by";

// On a mover's pod: the objects whose manifests it keeps, as a JSON list.
inline constexpr const char* kManifestsAnnotation = "holdfast.dev/manifests";

// On a PersistentVolume: the uid of the claim that it was filled for and given to.
inline constexpr const char* kFilledForAnnotation = "holdfast.dev/filled-for";

// On a PersistentVolume that is being filled: the reclaim policy that it gets back with its claim.
inline constexpr const char* kReclaimPolicyAnnotation = "holdfast.dev/reclaim-policy";

// A Restore in place keeps this until the StatefulSet has its size back.
inline constexpr const char* kScaleBackFinalizer = "holdfast.dev/scale-back";

// A Backup with deletionPolicy Delete keeps this until its snapshots are forgotten.
inline constexpr const char* kForgetFinalizer = "holdfast.dev/forget-snapshots";

// A Backup keeps this while its hooks may have left something frozen.
inline constexpr const char* kThawFinalizer = "holdfast.dev/thaw";

// `name` as a label's value: object names may be longer (253) than values (63); those are cut and
// get a hash. "/" becomes "_". The object's true name is always in its owner reference or spec.
std::string LabelValue(std::string_view name);

}  // namespace holdfast::controllers
