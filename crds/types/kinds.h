// The four kinds' names, and their way to and from JSON. The kube client builds URLs from InfoOf.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/error.h"

namespace holdfast::crds {

inline constexpr std::string_view kGroup = "holdfast.dev";
inline constexpr std::string_view kVersion = "v1alpha1";
inline constexpr std::string_view kApiVersion = "holdfast.dev/v1alpha1";

struct KindInfo {
  std::string_view group;
  std::string_view version;
  std::string_view kind;
  std::string_view plural;  // the word in URLs; all four are namespaced
};

// Defined for BackupRepository, BackupPolicy, Backup and Restore only.
template <typename Kind>
const KindInfo& InfoOf();

// From the API server's JSON object. Unknown members are ignored; a member of another type, a
// missing required one or an unknown enum word is Invalid with its path ("spec.schedules[0].cron:
// expected a string, found 5").
template <typename Kind>
Result<Kind> Decode(const nlohmann::json& object);

// {apiVersion, kind, metadata, spec}: the body of a create.
template <typename Kind>
nlohmann::json Encode(const Kind& object);

// {apiVersion, kind, metadata: {name, namespace}, status}: the body of a server-side apply of the
// status subresource. The caller owns every field of status.
template <typename Kind>
nlohmann::json EncodeStatus(const Kind& object);

}  // namespace holdfast::crds
