// Every object of ours in examples/ decodes, loses nothing on the way through the structs, and has
// no field that they do not know.
#include <filesystem>

#include <gtest/gtest.h>

#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "crds/types/restore.h"
#include "tests/unit/crds/types/yaml_file.h"

namespace holdfast::crds {
namespace {

// Everything in `part` is in `whole`; the encoder adds defaults.
void ExpectContains(const std::string& path, const Json& whole, const Json& part) {
  if (!part.is_structured()) {
    EXPECT_EQ(whole, part) << path;
    return;
  }
  ASSERT_EQ(whole.type(), part.type()) << path;
  for (const auto& [name, value] : part.items()) {
    const bool there = part.is_array() ? whole.size() == part.size() : whole.contains(name);
    ASSERT_TRUE(there) << path << "." << name << " got lost";
    ExpectContains(path + "." + name, part.is_array() ? whole[std::stoul(name)] : whole[name],
                   value);
  }
}

template <typename Kind>
bool RoundTrips(const std::string& file, const Json& object) {
  if (object["kind"] != InfoOf<Kind>().kind) return false;
  const Result<Kind> decoded = Decode<Kind>(object);
  EXPECT_TRUE(decoded) << file << ": " << (decoded ? "" : decoded.error().message);
  if (!decoded) return true;
  const Json encoded = Encode(*decoded);
  ExpectContains(file, encoded, object);
  EXPECT_EQ(Decode<Kind>(encoded).value(), *decoded) << file;
  return true;
}

TEST(Examples, RoundTrip) {
  int found = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("examples")) {
    if (entry.path().extension() != ".yaml") continue;
    const std::string file = entry.path().string();
    for (const Json& object : LoadYaml(entry.path())) {
      if (object["apiVersion"] != kApiVersion) continue;
      ++found;
      EXPECT_TRUE(RoundTrips<BackupRepository>(file, object) ||
                  RoundTrips<BackupPolicy>(file, object) || RoundTrips<Backup>(file, object) ||
                  RoundTrips<Restore>(file, object))
          << file << ": unknown kind " << object["kind"];
    }
  }
  EXPECT_GE(found, 7);
}

}  // namespace
}  // namespace holdfast::crds
