#include "crds/types/restore.h"

#include "crds/types/codec.h"
#include "crds/types/packing.h"

namespace holdfast::crds {

template <>
const KindInfo& InfoOf<Restore>() {
  static constexpr KindInfo kInfo{kGroup, kVersion, "Restore", "restores"};
  return kInfo;
}

template <>
Result<Restore> Decode(const Json& object) {
  return codec::DecodeKind<Restore>(object);
}

template <>
Json Encode(const Restore& object) {
  return codec::EncodeKind(object);
}

template <>
Json EncodeStatus(const Restore& object) {
  return codec::EncodeKindStatus(object);
}

std::string Pack(const Restore& object) { return packing::PackKind(object); }

void Unpack(std::string_view bytes, Restore& object) { packing::UnpackKind(bytes, object); }

}  // namespace holdfast::crds
