#include "crds/types/backup_policy.h"

#include "crds/types/codec.h"
#include "crds/types/packing.h"

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

std::string Pack(const BackupPolicy& object) { return packing::PackKind(object); }

void Unpack(std::string_view bytes, BackupPolicy& object) { packing::UnpackKind(bytes, object); }

}  // namespace holdfast::crds
