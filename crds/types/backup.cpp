#include "crds/types/backup.h"

#include "crds/types/codec.h"
#include "crds/types/packing.h"

namespace holdfast::crds {

template <>
const KindInfo& InfoOf<Backup>() {
  static constexpr KindInfo kInfo{kGroup, kVersion, "Backup", "backups"};
  return kInfo;
}

template <>
Result<Backup> Decode(const Json& object) {
  return codec::DecodeKind<Backup>(object);
}

template <>
Json Encode(const Backup& object) {
  return codec::EncodeKind(object);
}

template <>
Json EncodeStatus(const Backup& object) {
  return codec::EncodeKindStatus(object);
}

std::string Pack(const Backup& object) { return packing::PackKind(object); }

void Unpack(std::string_view bytes, Backup& object) { packing::UnpackKind(bytes, object); }

}  // namespace holdfast::crds
