#include "crds/types/field_paths.h"

#include <optional>
#include <vector>

#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "crds/types/fields.h"
#include "crds/types/restore.h"

namespace holdfast::crds {
namespace {

using Paths = std::set<std::string>;

template <typename T>
struct Inner {
  static constexpr const char* kSuffix = "";
  using Type = T;
};
template <typename T>
struct Inner<std::optional<T>> : Inner<T> {};
template <typename T>
struct Inner<std::vector<T>> {
  static constexpr const char* kSuffix = "[]";
  using Type = T;
};
template <typename T>
struct Inner<std::map<std::string, T, std::less<>>> {
  static constexpr const char* kSuffix = "[]";
  using Type = T;
};

template <typename T>
void Collect(const std::string& path, Paths& paths) {
  if constexpr (HasFields<T>) {
    T::Fields([&]<typename Owner, typename Member>(const char* name, Member Owner::*,
                                                   Presence = kNormal) {
      const std::string field = path + "." + name;
      paths.insert(field);
      Collect<typename Inner<Member>::Type>(field + Inner<Member>::kSuffix, paths);
    });
  }
}

template <typename Kind>
Paths PathsOf() {
  Paths paths;
  Collect<decltype(Kind::spec)>("spec", paths);
  Collect<decltype(Kind::status)>("status", paths);
  return paths;
}

}  // namespace

template <>
Paths FieldPaths<BackupRepository>() {
  return PathsOf<BackupRepository>();
}
template <>
Paths FieldPaths<BackupPolicy>() {
  return PathsOf<BackupPolicy>();
}
template <>
Paths FieldPaths<Backup>() {
  return PathsOf<Backup>();
}
template <>
Paths FieldPaths<Restore>() {
  return PathsOf<Restore>();
}

}  // namespace holdfast::crds
