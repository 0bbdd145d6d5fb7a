#include "crds/types/backup_policy.h"

#include "crds/types/codec.h"

namespace holdfast::crds {

template <>
const KindInfo& InfoOf<BackupPolicy>() {
  static constexpr KindInfo kInfo{kGroup, kVersion, "BackupPolicy", "backuppolicies"};
  return kInfo;
}

template <>
Result<BackupPolicy> Decode(const Json& object) {
  return codec::DecodeKind<BackupPolicy>(object);
}

template <>
Json Encode(const BackupPolicy& object) {
  return codec::EncodeKind(object);
}

template <>
Json EncodeStatus(const BackupPolicy& object) {
  return codec::EncodeKindStatus(object);
}

}  // namespace holdfast::crds
