// Every label, annotation and finalizer that Holdfast writes.
#pragma once

namespace holdfast::controllers {

inline constexpr const char* kManagedBy = "app.kubernetes.io/managed-by";  // = "holdfast"
inline constexpr const char* kVerbLabel = "holdfast.dev/verb";             // backup, restore, probe, forget
inline constexpr const char* kPolicyLabel = "holdfast.dev/policy";
inline constexpr const char* kScheduleLabel = "holdfast.dev/schedule";
inline constexpr const char* kBackupLabel = "holdfast.dev/backup";
inline constexpr const char* kRestoreLabel = "holdfast.dev/restore";
inline constexpr const char* kRepositoryLabel = "holdfast.dev/repository";
inline constexpr const char* kClaimLabel = "holdfast.dev/claim";

// A Restore in place keeps this until the StatefulSet has its size back.
inline constexpr const char* kScaleBackFinalizer = "holdfast.dev/scale-back";

}  // namespace holdfast::controllers
