// Objects as people name them to kubectl: "sts/mysql", "backup.holdfast.dev/nightly". Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::plugin {

enum class ObjectKind { kStatefulSet, kRepository, kPolicy, kBackup, kRestore };

struct ObjectName {
  ObjectKind kind = ObjectKind::kStatefulSet;
  std::string name;

  friend bool operator==(const ObjectName&, const ObjectName&) = default;
};

// Short names, singulars and plurals, in any case, with or without the group. A name alone is of
// kind `bare`. Invalid for other kinds and for what can be no name.
Result<ObjectName> ParseObjectName(std::string_view text, ObjectKind bare);

// "sts/mysql"
std::string ToString(const ObjectName& name);
// "sts", "bkr", "bkp", "bk", "rst"
std::string_view ShortName(ObjectKind kind);

}  // namespace holdfast::plugin
