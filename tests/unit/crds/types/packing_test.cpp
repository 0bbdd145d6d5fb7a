#include "crds/types/packing.h"

#include <limits>

#include <gtest/gtest.h>

#include "base/json.h"
#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "crds/types/restore.h"

namespace holdfast::crds {
namespace {

template <typename Kind>
Kind ThereAndBack(const Kind& object) {
  Kind back;
  Unpack(Pack(object), back);
  return back;
}

// Gives every field, at every depth, a value that is not its default.
struct Filler {
  int count = 0;

  void Fill(std::string& value) { value = "text-" + std::to_string(++count); }
  void Fill(bool& value) { value = !value; }
  void Fill(std::int64_t& value) { value += ++count; }
  void Fill(TimePoint& value) { value += std::chrono::milliseconds(500 * ++count); }
  void Fill(Quantity& value) { Fill(value.text); }
  void Fill(RawObject& value) { Fill(value.text); }
  template <NamedEnum E>
  void Fill(E& value) {
    value = static_cast<E>(Names(value).size() - 1 - static_cast<std::size_t>(value));
  }
  template <typename T>
  void Fill(std::optional<T>& value) {
    Fill(value.emplace());
  }
  template <typename T>
  void Fill(std::vector<T>& list) {
    Fill(list.emplace_back());
    Fill(list.emplace_back());
  }
  template <typename T>
  void Fill(std::map<std::string, T, std::less<>>& map) {
    Fill(map["a"]);
    Fill(map["b"]);
  }
  template <HasFields T>
  void Fill(T& value) {
    T::Fields([&](const char*, auto member, Presence = kNormal) { Fill(value.*member); });
  }
};

template <typename Kind>
void ExpectSame() {
  const Kind empty;
  EXPECT_EQ(ThereAndBack(empty), empty);
  Kind full;
  Filler filler;
  filler.Fill(full.metadata);
  filler.Fill(full.spec);
  filler.Fill(full.status);
  EXPECT_EQ(ThereAndBack(full), full) << DumpJson(Encode(full)) << DumpJson(EncodeStatus(full));
}

TEST(Packing, KeepsEveryFieldOfEveryKind) {
  ExpectSame<Backup>();
  ExpectSame<BackupPolicy>();
  ExpectSame<BackupRepository>();
  ExpectSame<Restore>();
}

Backup Finished() {
  Backup backup;
  backup.metadata.name = "nightly-20260801-1200";
  backup.metadata.namespace_ = "shop";
  backup.metadata.uid = "0f8b1f0e-3a53-4c09-9d33-6a4bd7a0c9e1";
  backup.metadata.creation_timestamp = ParseTime("2026-08-01T12:00:00Z").value();
  backup.spec.policy = "nightly";
  backup.status.phase = BackupPhase::kSucceeded;
  backup.status.bytes = 1'500'000'000;
  backup.status.start_time = ParseTime("2026-08-01T12:00:00.123456789Z").value();
  VolumeBackup& volume = backup.status.volumes.emplace_back();
  volume.claim = "data-mysql-0";
  volume.snapshot = std::string(62, 'a') + "09";
  volume.files = -1;
  return backup;
}

TEST(Packing, IsCompact) {
  const Backup backup = Finished();
  EXPECT_EQ(ThereAndBack(backup), backup);
  EXPECT_LT(Pack(backup).size(), 140u);
}

TEST(Packing, TextThatIsAlmostHexStaysAsItIs) {
  for (const std::string text :
       {"ABCDEF0123", "abcdef012", "abcdef", "0f8b1f0e-3a53-4c09-9d33-6a4bd7a0c9eX",
        "0f8b1f0e-3a53-4c09-9d33+6a4bd7a0c9e1", "0f8b1f0e3a53-4c09-9d33-6a4bd7a0c9-e1",
        "------------------------------------", ""}) {
    Backup backup;
    backup.metadata.uid = text;
    EXPECT_EQ(ThereAndBack(backup).metadata.uid, text);
  }
}

TEST(Packing, ExtremesOfNumbers) {
  for (const std::int64_t number :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{63},
        std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    Backup backup;
    backup.status.files = number;
    EXPECT_EQ(ThereAndBack(backup).status.files, number);
  }
}

}  // namespace
}  // namespace holdfast::crds
