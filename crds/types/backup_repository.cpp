#include "crds/types/backup_repository.h"

#include "crds/types/codec.h"
#include "crds/types/packing.h"

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

std::string Pack(const BackupRepository& object) { return packing::PackKind(object); }

void Unpack(std::string_view bytes, BackupRepository& object) {
  packing::UnpackKind(bytes, object);
}

}  // namespace holdfast::crds
