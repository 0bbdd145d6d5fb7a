// The names of a Restore's steps, in their order (status.steps).
#pragma once

namespace holdfast::controllers::restore {

inline constexpr const char* kResolveStep = "Resolve";
inline constexpr const char* kPreHooksStep = "PreHooks";
inline constexpr const char* kScaleDownStep = "ScaleDown";
inline constexpr const char* kDetachStep = "WaitDetached";
inline constexpr const char* kClaimsStep = "CreateClaims";
inline constexpr const char* kRestoreStep = "Restore";
inline constexpr const char* kAgainStep = "RestoreAgain";  // only after FindsTampering
inline constexpr const char* kScaleUpStep = "ScaleUp";     // Skipped: left at 0 replicas
inline constexpr const char* kReadyStep = "Ready";
inline constexpr const char* kPostHooksStep = "PostHooks";
inline constexpr const char* kCatchUpStep = "CatchUp";  // before ScaleUp, of a promotion

}  // namespace holdfast::controllers::restore
