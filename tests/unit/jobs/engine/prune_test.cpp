// Prune over repositories in memory: what is in use stays whatever happens, what is not goes.
#include <set>

#include <gmock/gmock.h>

#include "jobs/engine/pruner.h"
#include "tests/fakes/fault_backend.h"
#include "tests/unit/jobs/engine/repositories.h"

namespace holdfast::engine {
namespace {

using storage::FileType;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Saved {
  repo::Snapshot snapshot;
  Content content;
};

Result<PruneReport> TryPrune(storage::Backend& storage, const PruneOptions& options) {
  auto key = repo::FindKey(storage, "pw", {});
  if (!key) return tl::make_unexpected(key.error());
  TRY(auto repository,
      repo::Repository::Open(storage, std::move((*key)->master), SmallPacks(), {}));
  TRY(const auto snapshots, repository->ListSnapshots({}));
  TRY_VOID(repository->LoadIndex({}));
  Meter meter;
  return Prune(*repository, snapshots, options, meter, {});
}

CheckReport CheckAll(storage::Backend& storage) {
  auto repository = OpenRepository(storage);
  Meter meter;
  return Check(*repository, repository->ListSnapshots({}).value(), DataSubset::All(), meter, {})
      .value();
}

class PruneTest : public testing::Test {
 protected:
  PruneTest() { InitRepository(storage_); }

  Saved Save(const Content& content, const std::string& path = "/data") {
    auto repository = OpenRepository(storage_);
    return {SaveContent(*repository, content, ++hour_, path), content};
  }
  void Forget(const Saved& saved) {
    EXPECT_TRUE(storage_.Remove({FileType::kSnapshot, saved.snapshot.id.Hex()}, {}));
  }
  PruneReport Run(PruneOptions options = {}) {
    auto report = TryPrune(storage_, options);
    EXPECT_TRUE(report) << report.error().message;
    return report.value_or(PruneReport{});
  }
  static void ExpectWhole(storage::Backend& storage, const std::vector<Saved>& kept) {
    auto repository = OpenRepository(storage);
    for (const Saved& saved : kept)
      EXPECT_THAT(Differences(*repository, saved.snapshot, saved.content), IsEmpty());
  }
  std::size_t Packs() { return NamesIn(storage_, FileType::kPack).size(); }

  storage::Memory storage_;
  std::int64_t hour_ = 0;
};

constexpr UnusedLimit kNothing{0, 0};

TEST_F(PruneTest, AnEmptyRepositoryStaysEmpty) {
  EXPECT_EQ(Run().packs_removed, 0u);
  EXPECT_THAT(CheckAll(storage_).damage.first(), IsEmpty());
}

TEST_F(PruneTest, WithoutSnapshotsEverythingGoes) {
  Forget(Save({{"a1", 1}, {"b2", 2}}));
  const PruneReport report = Run();
  EXPECT_GT(report.bytes_freed, 4000u);
  EXPECT_EQ(report.bytes_stored, 0u);
  EXPECT_EQ(Packs(), 0u);
  EXPECT_THAT(NamesIn(storage_, FileType::kIndex), IsEmpty());
}

TEST_F(PruneTest, DryRunTellsAndChangesNothing) {
  Forget(Save({{"a1", 1}, {"b2", 20}}));
  const Saved kept = Save({{"a1", 1}});
  storage::Memory before;
  CopyStorage(storage_, before);
  const PruneReport report = Run({.max_unused = kNothing, .dry_run = true});
  EXPECT_GT(report.bytes_freed, 0u);
  for (const FileType type : {FileType::kPack, FileType::kIndex, FileType::kSnapshot})
    EXPECT_EQ(NamesIn(storage_, type), NamesIn(before, type));
  EXPECT_GT(Run({.max_unused = kNothing}).bytes_freed, 0u);
  ExpectWhole(storage_, {kept});
}

TEST_F(PruneTest, RemovesWhatNoIndexLists) {
  const Saved kept = Save({{"a1", 1}});
  const std::string garbage = Noise(5000, 7);
  ASSERT_TRUE(
      storage_.Save({FileType::kPack, repo::Id::Of(AsBytes(garbage)).Hex()}, AsBytes(garbage), {}));
  const PruneReport report = Run();
  EXPECT_EQ(report.packs_removed, 1u);
  EXPECT_EQ(report.bytes_freed, 5000u);
  EXPECT_EQ(CheckAll(storage_).unused_packs, 0u);
  ExpectWhole(storage_, {kept});
}

TEST_F(PruneTest, KeepsWhatMayStayUnused) {
  Content first;
  for (int i = 0; i < 40; ++i) first["a" + std::to_string(i)] = 10 * i + 1;
  const Saved old = Save(first);
  Content second = first;
  second.erase("a7");
  const Saved kept = Save(second);
  Forget(old);
  const std::size_t packs = Packs();
  PruneReport report = Run({.max_unused = {-1, UnusedLimit::kUnlimited}});
  EXPECT_GT(report.bytes_unused, 1000u);
  EXPECT_LE(Packs(), packs);
  report = Run({.max_unused = kNothing});
  EXPECT_EQ(report.bytes_unused, 0u);
  EXPECT_GE(report.packs_repacked, 1u);
  ExpectWhole(storage_, {kept});
  EXPECT_THAT(CheckAll(storage_).damage.first(), IsEmpty());
}

TEST_F(PruneTest, MovesNoMoreThanAllowed) {
  Content first;
  for (int i = 0; i < 60; ++i) first["a" + std::to_string(i)] = 10 * i + 1;
  const Saved old = Save(first);
  Content half;
  for (const auto& [name, seed] : first)
    if (seed % 20 == 1) half[name] = seed;
  const Saved kept = Save(half);
  Forget(old);
  PruneOptions options{.max_unused = kNothing, .max_repack = 60'000};
  std::uint64_t left = Run(options).bytes_unused;
  ASSERT_GT(left, 0u);
  for (int runs = 0; left > 0 && runs < 50; ++runs) {
    const PruneReport report = Run(options);
    EXPECT_LE(report.bytes_repacked, 60'000u);
    EXPECT_LT(report.bytes_unused, left);
    left = report.bytes_unused;
  }
  EXPECT_EQ(left, 0u);
  ExpectWhole(storage_, {kept});
}

TEST_F(PruneTest, CopiesAreMerged) {
  Content content;
  for (int i = 0; i < 30; ++i) content["a" + std::to_string(i)] = 10 * i + 1;
  // Two writers at once, neither knowing of the other.
  auto one = OpenRepository(storage_);
  auto other = OpenRepository(storage_);
  const Saved first{SaveContent(*one, content, 1), content};
  content["b1"] = 5;
  const Saved second{SaveContent(*other, content, 2), content};
  const std::uint64_t before = CheckAll(storage_).stored_bytes;
  Run({.max_unused = kNothing});
  EXPECT_LT(CheckAll(storage_).stored_bytes, before * 6 / 10);
  ExpectWhole(storage_, {first, second});
  auto repository = OpenRepository(storage_);
  std::vector<repo::BlobHandle> places;
  repository->index().ForEach(
      [&](const repo::PackedBlob& place) { places.push_back(place.blob.handle); });
  EXPECT_EQ(std::set(places.begin(), places.end()).size(), places.size()) << "none lies twice";
}

TEST_F(PruneTest, CompressesWhatVersionOneLeft) {
  auto repository =
      OpenRepository(storage_, {.pack_size = 40'000, .compression = repo::Compression::kOff});
  Content content;
  for (int i = 0; i < 10; ++i) content["a" + std::to_string(i)] = 3 * i;
  const Saved kept{SaveContent(*repository, content, 1), content};
  const std::uint64_t before = CheckAll(storage_).stored_bytes;
  EXPECT_EQ(Run().packs_repacked, 0u);
  EXPECT_GT(Run({.repack_uncompressed = true}).packs_repacked, 0u);
  EXPECT_LT(CheckAll(storage_).stored_bytes, before / 2 + 50'000);
  ExpectWhole(storage_, {kept});
}

TEST_F(PruneTest, ManySmallIndexFilesBecomeOne) {
  std::vector<Saved> kept;
  for (int i = 0; i < 5; ++i) kept.push_back(Save({{"a" + std::to_string(i), 10 * i}}));
  ASSERT_THAT(NamesIn(storage_, FileType::kIndex), SizeIs(5));
  Run();
  EXPECT_THAT(NamesIn(storage_, FileType::kIndex), SizeIs(1));
  const auto before = NamesIn(storage_, FileType::kIndex);
  Run();
  EXPECT_EQ(NamesIn(storage_, FileType::kIndex), before) << "nothing to do, nothing done";
  ExpectWhole(storage_, kept);
}

// --- Damage: nothing is removed ---

class DamagedPruneTest : public PruneTest {
 protected:
  DamagedPruneTest() {
    forgotten_ = Save({{"a1", 1}, {"b2", 20}, {"c3", 30}});
    kept_ = Save({{"a1", 1}, {"d4", 40}});
    Forget(forgotten_);
  }
  void ExpectRefusal() {
    const auto packs = NamesIn(storage_, FileType::kPack);
    const auto index = NamesIn(storage_, FileType::kIndex);
    const auto report = TryPrune(storage_, {.max_unused = kNothing});
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Code::kCorrupt) << report.error().message;
    EXPECT_EQ(NamesIn(storage_, FileType::kPack), packs);
    EXPECT_EQ(NamesIn(storage_, FileType::kIndex), index);
  }
  repo::PackedBlob PlaceOf(const repo::BlobHandle& handle) {
    return OpenRepository(storage_)->index().Lookup(handle).value();
  }
  void Replace(const repo::Id& pack, ByteView bytes) {
    ASSERT_TRUE(storage_.Remove({FileType::kPack, pack.Hex()}, {}));
    ASSERT_TRUE(storage_.Save({FileType::kPack, pack.Hex()}, bytes, {}));
  }

  Saved forgotten_, kept_;
};

TEST_F(DamagedPruneTest, AMissingPackThatIsInUse) {
  const auto place = PlaceOf({repo::BlobType::kData, repo::Id::Of(AsBytes(PieceOf(40)))});
  ASSERT_TRUE(storage_.Remove({FileType::kPack, place.pack.Hex()}, {}));
  ExpectRefusal();
}

TEST_F(DamagedPruneTest, APackThatWasCut) {
  const auto place = PlaceOf({repo::BlobType::kData, repo::Id::Of(AsBytes(PieceOf(40)))});
  Bytes bytes = storage_.Load({FileType::kPack, place.pack.Hex()}, 0, 0, {}).value();
  bytes.resize(bytes.size() - 1);
  Replace(place.pack, bytes);
  ExpectRefusal();
}

TEST_F(DamagedPruneTest, ATreeThatCannotBeRead) {
  const auto place = PlaceOf({repo::BlobType::kTree, kept_.snapshot.tree});
  Bytes bytes = storage_.Load({FileType::kPack, place.pack.Hex()}, 0, 0, {}).value();
  bytes[place.blob.offset + 20] ^= 1;
  Replace(place.pack, bytes);
  ExpectRefusal();
}

TEST_F(DamagedPruneTest, ASnapshotThatCannotBeRead) {
  const std::string name(64, '7');
  ASSERT_TRUE(storage_.Save({FileType::kSnapshot, name}, AsBytes(Noise(200, 1)), {}));
  ExpectRefusal();
}

TEST_F(DamagedPruneTest, AnIndexFileThatIsGone) {
  for (const std::string& name : NamesIn(storage_, FileType::kIndex))
    ASSERT_TRUE(storage_.Remove({FileType::kIndex, name}, {}));
  ExpectRefusal();
}

TEST_F(DamagedPruneTest, AMissingPackOfNoUseIsForgotten) {
  const auto place = PlaceOf({repo::BlobType::kData, repo::Id::Of(AsBytes(PieceOf(30)))});
  // All its users are gone once the other snapshot is.
  Forget(kept_);
  const Saved other = Save({{"e5", 50}});
  ASSERT_TRUE(storage_.Remove({FileType::kPack, place.pack.Hex()}, {}));
  Run({.max_unused = kNothing});
  EXPECT_THAT(CheckAll(storage_).damage.first(), IsEmpty());
  ExpectWhole(storage_, {other});
}

TEST_F(DamagedPruneTest, DataThatCannotBeMovedStays) {
  const auto place = PlaceOf({repo::BlobType::kData, repo::Id::Of(AsBytes(PieceOf(1)))});
  Bytes bytes = storage_.Load({FileType::kPack, place.pack.Hex()}, 0, 0, {}).value();
  bytes[place.blob.offset + 20] ^= 1;
  Replace(place.pack, bytes);
  const auto report = TryPrune(storage_, {.max_unused = kNothing});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kCorrupt);
  EXPECT_TRUE(storage_.Stat({FileType::kPack, place.pack.Hex()}, {}))
      << "its other pieces are good";
}

// --- Properties ---

struct Scene {
  storage::Memory storage;
  std::vector<Saved> kept;

  // Snapshots of random content by writers that know of each other or not, half of them forgotten.
  explicit Scene(std::uint32_t seed, int snapshots = 8, unsigned files = 30) {
    std::mt19937 random(seed);
    InitRepository(storage);
    auto stranger = OpenRepository(storage);
    for (int i = 0; i < snapshots; ++i) {
      const Content content = RandomContent(random, 5 + static_cast<int>(random() % files));
      auto fresh = OpenRepository(storage);
      const bool alone = random() % 3 == 0;
      const Saved saved{SaveContent(alone ? *stranger : *fresh, content, i), content};
      if (random() % 2 == 0) {
        kept.push_back(saved);
      } else {
        EXPECT_TRUE(storage.Remove({FileType::kSnapshot, saved.snapshot.id.Hex()}, {}));
      }
    }
  }
};

void ExpectCleanAndWhole(storage::Backend& storage, const std::vector<Saved>& kept,
                         const std::string& when) {
  const CheckReport report = CheckAll(storage);
  EXPECT_THAT(report.damage.first(), IsEmpty()) << when;
  EXPECT_EQ(report.snapshots, kept.size()) << when;
  auto repository = OpenRepository(storage);
  for (const Saved& saved : kept)
    EXPECT_THAT(Differences(*repository, saved.snapshot, saved.content), IsEmpty()) << when;
}

TEST(PrunePropertyTest, WhateverIsForgottenTheRestStaysWhole) {
  std::mt19937 random(1);
  for (std::uint32_t seed = 0; seed < 25; ++seed) {
    Scene scene(seed);
    PruneOptions options;
    options.max_unused.percent = static_cast<double>(random() % 30);
    if (random() % 4 == 0) options.max_repack = random() % 100'000;
    options.repack_uncompressed = random() % 4 == 0;
    ASSERT_TRUE(TryPrune(scene.storage, options));
    ExpectCleanAndWhole(scene.storage, scene.kept, "seed " + std::to_string(seed));
    const auto again = TryPrune(scene.storage, {.max_unused = kNothing});
    ASSERT_TRUE(again);
    EXPECT_EQ(again->bytes_unused, 0u);
    ExpectCleanAndWhole(scene.storage, scene.kept, "again, seed " + std::to_string(seed));
    EXPECT_EQ(CheckAll(scene.storage).unused_packs, 0u);
    // Up to 36 bytes for each new pack, which the figures leave out.
    const CheckReport after = CheckAll(scene.storage);
    EXPECT_NEAR(static_cast<double>(after.stored_bytes), static_cast<double>(again->bytes_stored),
                36.0 * static_cast<double>(after.packs));
  }
}

// Power loss at every operation in turn, and what the store did last may have come through or not.
TEST(PrunePropertyTest, InterruptedAnywhereItLosesNothingAndTheNextRunFinishes) {
  Scene scene(5, 5, 12);
  const PruneOptions options{.max_unused = kNothing};
  std::uint64_t operations = 0;
  {
    storage::Memory copy;
    CopyStorage(scene.storage, copy);
    fakes::FaultBackend counting(copy, {});
    ASSERT_GT(TryPrune(counting, options).value().packs_repacked, 0u);
    operations = counting.operations();
  }
  for (const fakes::FaultKind kind : {fakes::FaultKind::kFail, fakes::FaultKind::kLoseAnswer}) {
    for (std::uint64_t at = 1; at <= operations; ++at) {
      storage::Memory copy;
      CopyStorage(scene.storage, copy);
      fakes::FaultBackend faulty(copy, {.kind = kind, .at = at, .dead_after = true});
      const std::string when = "operation " + std::to_string(at);
      static_cast<void>(TryPrune(faulty, options));
      ExpectCleanAndWhole(copy, scene.kept, when);
      const auto again = TryPrune(copy, options);
      ASSERT_TRUE(again) << when << ": " << again.error().message;
      EXPECT_EQ(again->bytes_unused, 0u) << when;
      ExpectCleanAndWhole(copy, scene.kept, when + ", again");
      EXPECT_EQ(CheckAll(copy).unused_packs, 0u) << when;
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(PruneLimitTest, IsAShareASizeOrUnlimited) {
  EXPECT_EQ(ParseUnusedLimit("5%")->For(95'000), 5'000u);
  EXPECT_EQ(ParseUnusedLimit("0%")->For(95'000), 0u);
  EXPECT_EQ(ParseUnusedLimit("12.5%")->For(87'500), 12'500u);
  EXPECT_EQ(ParseUnusedLimit("2Ki")->For(1), 2048u);
  EXPECT_EQ(ParseUnusedLimit("unlimited")->For(1), UnusedLimit::kUnlimited);
  for (const char* wrong : {"", "%", "100%", "-1%", "5%%", "nan%", "much"})
    EXPECT_FALSE(ParseUnusedLimit(wrong)) << wrong;
}

}  // namespace
}  // namespace holdfast::engine
