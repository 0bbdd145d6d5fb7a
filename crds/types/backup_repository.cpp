#include "crds/types/backup_repository.h"

#include "crds/types/codec.h"

namespace holdfast::crds {

template <>
const KindInfo& InfoOf<BackupRepository>() {
  static constexpr KindInfo kInfo{kGroup, kVersion, "BackupRepository", "backuprepositories"};
  return kInfo;
}

template <>
Result<BackupRepository> Decode(const Json& object) {
  return codec::DecodeKind<BackupRepository>(object);
}

template <>
Json Encode(const BackupRepository& object) {
  return codec::EncodeKind(object);
}

template <>
Json EncodeStatus(const BackupRepository& object) {
  return codec::EncodeKindStatus(object);
}

}  // namespace holdfast::crds
