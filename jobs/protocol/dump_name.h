// How the dumps of a policy are named among the volumes of its Backups: "dump/<name>" stands where
// a claim's name would, which has no slash. So a snapshot's path is /<namespace>/dump/<name>, and
// what is done for a volume's snapshots (retention, copies, deletion, import, restore into a claim)
// is done for a dump's.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::protocol {

inline constexpr std::string_view kDumpPrefix = "dump/";

inline bool IsDump(std::string_view claim) { return claim.starts_with(kDumpPrefix); }

inline std::string ClaimOfDump(std::string_view name) {
  return std::string(kDumpPrefix).append(name);
}

}  // namespace holdfast::protocol
