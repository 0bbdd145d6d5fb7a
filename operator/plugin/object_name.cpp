#include "operator/plugin/object_name.h"

#include <algorithm>
#include <array>
#include <optional>

namespace holdfast::plugin {
namespace {

struct Spelling {
  ObjectKind kind;
  std::string_view short_name;
  std::string_view singular;
  std::string_view plural;
  std::string_view group;
};

constexpr std::array kSpellings = {
    Spelling{ObjectKind::kStatefulSet, "sts", "statefulset", "statefulsets", ".apps"},
    Spelling{ObjectKind::kRepository, "bkr", "backuprepository", "backuprepositories",
             ".holdfast.dev"},
    Spelling{ObjectKind::kPolicy, "bkp", "backuppolicy", "backuppolicies", ".holdfast.dev"},
    Spelling{ObjectKind::kBackup, "bk", "backup", "backups", ".holdfast.dev"},
    Spelling{ObjectKind::kRestore, "rst", "restore", "restores", ".holdfast.dev"},
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

std::optional<ObjectKind> KindNamed(const std::string& word) {
  for (const Spelling& spelling : kSpellings) {
    std::string_view kind = word;
    if (kind.ends_with(spelling.group)) kind.remove_suffix(spelling.group.size());
    if (kind == spelling.short_name || kind == spelling.singular || kind == spelling.plural)
      return spelling.kind;
  }
  return std::nullopt;
}

bool IsName(std::string_view text) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= 253 && plain(text.front()) && plain(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return plain(c) || c == '-' || c == '.'; });
}

}  // namespace

Result<ObjectName> ParseObjectName(std::string_view text, ObjectKind bare) {
  const std::size_t slash = text.find('/');
  ObjectName name{bare, std::string(text)};
  if (slash != text.npos) {
    const auto kind = KindNamed(Lower(text.substr(0, slash)));
    if (!kind)
      return Fail(Code::kInvalid, "\"" + std::string(text.substr(0, slash)) +
                                      "\" is no kind that is known here: write sts/NAME, bkp/NAME, "
                                      "bk/NAME, bkr/NAME or rst/NAME");
    name = {*kind, std::string(text.substr(slash + 1))};
  }
  if (!IsName(name.name))
    return Fail(Code::kInvalid, "\"" + std::string(text) +
                                    "\" is no object's name: write it like " +
                                    std::string(ShortName(bare)) + "/mysql");
  return name;
}

std::string ToString(const ObjectName& name) {
  return std::string(ShortName(name.kind)) + "/" + name.name;
}

std::string_view ShortName(ObjectKind kind) {
  for (const Spelling& spelling : kSpellings)
    if (spelling.kind == kind) return spelling.short_name;
  return "";
}

}  // namespace holdfast::plugin
