// Any object of a repository is damaged in any way: check with all data read finds it, a restore
// reports what it could not bring back and never leaves wrong content as good, and everything that
// is not damaged still comes back.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>

#include "jobs/engine/directory.h"
#include "jobs/engine/tree_walk.h"
#include "jobs/repo/lock.h"
#include "tests/unit/jobs/engine/vault.h"

namespace holdfast::engine {
namespace {

using storage::FileType;
using storage::Handle;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

void Fill(const std::string& volume) {
  for (const char* name : {"a", "b", "c"}) std::filesystem::create_directories(volume + "/" + name);
  WriteFile(volume + "/a/one", Noise(30'000, 1));
  WriteFile(volume + "/a/two", Noise(30'000, 2));
  WriteFile(volume + "/b/three", Noise(20'000, 3));
  WriteFile(volume + "/b/text", std::string(50'000, 't'));
  WriteFile(volume + "/c/large", Noise(90'000, 4));
  WriteFile(volume + "/c/empty", "");
  EXPECT_EQ(::symlink("a/one", (volume + "/link").c_str()), 0);
}

// A volume, and a repository that holds it. Made once for many tests, which damage copies of it.
struct Scene {
  TempDir place{QuickPlace()};
  const std::string volume = place.path() + "/volume";
  storage::Memory pristine;
  repo::Id snapshot;

  void Backup() { snapshot = ArchiveInto(*TryOpen(pristine).value(), volume)->snapshot.id; }
};

// Files in several packs, some with several pieces to a pack.
Scene& LargeScene() {
  static Scene* const scene = [] {
    static Scene made;
    MakeRepository(made.pristine);
    Fill(made.volume);
    made.Backup();
    return &made;
  }();
  return *scene;
}

// An object of every type, two of most, in a few KB: all of their bytes can be tried.
Scene& SmallScene() {
  static Scene* const scene = [] {
    static Scene made;
    MakeRepository(made.pristine);
    std::filesystem::create_directories(made.volume + "/a");
    WriteFile(made.volume + "/a/noise", Noise(200, 1));
    WriteFile(made.volume + "/text", std::string(5000, 't'));
    made.Backup();
    WriteFile(made.volume + "/more", Noise(100, 2));
    made.Backup();
    const auto repository = TryOpen(made.pristine).value();
    repo::LockInfo other;
    other.time = SystemClock().Now();
    other.hostname = "other";
    const std::string lock = repo::EncodeLock(other);
    EXPECT_TRUE(repository->SaveUnpacked(FileType::kLock, AsBytes(lock), {}));
    return &made;
  }();
  return *scene;
}

// What somebody finds who checks the repository and restores its one snapshot.
struct Findings {
  bool unusable = false;  // the repository cannot be opened, or its snapshot cannot be read
  std::vector<std::string> damage;       // by check, or what it failed with
  bool restore_failed = false;           // as a whole
  std::vector<std::string> failed;       // entries that the restore reports
  std::vector<std::string> differences;  // of the target
};

class CorruptionTest : public testing::Test {
 protected:
  explicit CorruptionTest(Scene& scene = LargeScene()) : scene_(scene) {
    CopyObjects(scene.pristine, storage_);
  }

  Findings Look() {
    Findings findings;
    const auto opened = TryOpen(storage_);
    std::vector<Error> damaged;
    const auto snapshots =
        opened ? (*opened)->ListSnapshots({}, &damaged) : tl::make_unexpected(opened.error());
    if (!snapshots ||
        std::ranges::find(*snapshots, scene_.snapshot, &repo::Snapshot::id) == snapshots->end()) {
      findings.unusable = true;
      return findings;
    }
    repo::Repository& repository = **opened;
    EXPECT_TRUE(repository.LoadIndex({}, &damaged));
    for (const Error& error : damaged) findings.damage.push_back(error.message);
    // Whoever takes a lock, as check does, reads the others'.
    if (const auto locks = repo::ListLocks(repository, {}); !locks)
      findings.damage.push_back(locks.error().message);
    Meter meter;
    const auto check = Check(repository, *snapshots, DataSubset::All(), meter, {});
    if (!check) findings.damage.push_back(check.error().message);
    if (check) std::ranges::copy(check->damage.first(), std::back_inserter(findings.damage));

    const auto& snapshot = *std::ranges::find(*snapshots, scene_.snapshot, &repo::Snapshot::id);
    const TempDir target(QuickPlace());
    const auto report = RestoreInto(repository, snapshot, target.path(), {}, /*threads=*/1);
    findings.restore_failed = !report;
    if (report) {
      std::ranges::copy(report->failed.first(), std::back_inserter(findings.failed));
      std::ranges::copy(report->mismatched.first(), std::back_inserter(findings.failed));
    }
    findings.differences = TreeComparer::Compare(scene_.volume, target.path());
    return findings;
  }

  // Found, and nothing that is wrong passes for good.
  void ExpectFound(const std::string& what) {
    const Findings findings = Look();
    if (findings.unusable) return;
    EXPECT_THAT(findings.damage, Not(IsEmpty())) << what << " goes unnoticed";
    if (findings.restore_failed) return;
    for (const std::string& difference : findings.differences) {
      const std::string path = difference.substr(1, difference.find(": ") - 1);
      const bool told = std::ranges::any_of(findings.failed, [&](const std::string& failure) {
        const std::string failed = failure.substr(0, failure.find(": "));
        return failed == "/" || path == failed || path.starts_with(failed + "/");
      });
      EXPECT_TRUE(told) << what << ": " << difference;
    }
  }

  void FlipAndLook(const Handle& handle, std::size_t at, int bit) {
    Bytes content = ObjectAt(scene_.pristine, handle);
    content[at] ^= static_cast<std::uint8_t>(1 << bit);
    Replace(storage_, handle, content);
    ExpectFound("bit " + std::to_string(bit) + " of byte " + std::to_string(at) + " of " +
                std::to_string(content.size()) + " in " + Name(handle));
    Replace(storage_, handle, ObjectAt(scene_.pristine, handle));
  }

  static std::string Name(const Handle& handle) {
    static const std::map<FileType, std::string> kNames = {
        {FileType::kConfig, "the config"}, {FileType::kKey, "the key"},
        {FileType::kLock, "a lock"},       {FileType::kSnapshot, "the snapshot"},
        {FileType::kIndex, "an index"},    {FileType::kPack, "a pack"}};
    return kNames.at(handle.type) + " " + handle.name.substr(0, 8);
  }

  std::vector<Handle> Of(FileType type) {
    std::vector<Handle> handles = Objects(scene_.pristine);
    std::erase_if(handles, [&](const Handle& handle) { return handle.type != type; });
    return handles;
  }

  // The packs that hold any of a file's content.
  std::set<std::string> PacksOf(const std::string& path) {
    const auto repository = TryOpen(scene_.pristine).value();
    EXPECT_TRUE(repository->LoadIndex({}));
    const auto snapshot = repository->LoadSnapshot(scene_.snapshot, {}).value();
    const auto node = FindNode(*repository, snapshot.tree, std::string(kVolume) + path, {}).value();
    std::set<std::string> packs;
    for (const repo::Id& id : *node.content)
      packs.insert(repository->index().Lookup({repo::BlobType::kData, id})->pack.Hex());
    return packs;
  }

  Scene& scene_;
  storage::Memory storage_;
};

TEST_F(CorruptionTest, NothingIsFoundWhereNothingIsDamaged) {
  const Findings findings = Look();
  EXPECT_FALSE(findings.unusable);
  EXPECT_THAT(findings.damage, IsEmpty());
  EXPECT_THAT(findings.failed, IsEmpty());
  EXPECT_THAT(findings.differences, IsEmpty());
}

class EveryByteTest : public CorruptionTest {
 protected:
  EveryByteTest() : CorruptionTest(SmallScene()) {}
};

// One bit of every byte of every object; with HOLDFAST_TEST_LONG every bit.
TEST_F(EveryByteTest, IsFoundOnceItIsDamaged) {
  const bool all = std::getenv("HOLDFAST_TEST_LONG") != nullptr;
  std::mt19937 random(1);
  std::set<FileType> types;
  for (const Handle& handle : Objects(scene_.pristine)) {
    types.insert(handle.type);
    const std::size_t size = ObjectAt(scene_.pristine, handle).size();
    for (std::size_t at = 0; at < size && !HasFailure(); ++at) {
      const int chosen = static_cast<int>(random() % 8);
      for (int bit = 0; bit < 8; ++bit)
        if (all || bit == chosen) FlipAndLook(handle, at, bit);
    }
  }
  EXPECT_EQ(types.size(), std::size(kAllTypes));
}

// A pack of several pieces of several files: its header, its length, and random places before.
TEST_F(CorruptionTest, AnyPlaceInALargePack) {
  std::mt19937 random(2);
  for (const Handle& handle : Of(FileType::kPack)) {
    const std::size_t size = ObjectAt(scene_.pristine, handle).size();
    const std::size_t header = size - std::min<std::size_t>(size, 4 + 32 + 41);
    for (std::size_t at = header; at < size && !HasFailure(); at += at + 4 < size ? 8 : 1)
      FlipAndLook(handle, at, static_cast<int>(random() % 8));
    for (int i = 0; i < 12 && !HasFailure(); ++i)
      FlipAndLook(handle, random() % size, static_cast<int>(random() % 8));
  }
}

TEST_F(CorruptionTest, CutOffEmptiedOrMissing) {
  for (const Handle& handle : Objects(scene_.pristine)) {
    const Bytes content = ObjectAt(scene_.pristine, handle);
    for (const std::size_t size :
         {content.size() - 1, content.size() / 2, std::size_t{1}, std::size_t{0}}) {
      Replace(storage_, handle, ByteView(content).first(size));
      ExpectFound(Name(handle) + " cut to " + std::to_string(size) + " bytes");
    }
    Bytes longer = content;
    longer.push_back(0);
    Replace(storage_, handle, longer);
    ExpectFound(Name(handle) + " with one byte more");
    ASSERT_TRUE(storage_.Remove(handle, {}));
    ExpectFound(Name(handle) + " missing");
    ASSERT_TRUE(storage_.Save(handle, content, {}));
  }
}

TEST_F(CorruptionTest, TwoPacksExchanged) {
  const std::vector<Handle> packs = Of(FileType::kPack);
  ASSERT_GT(packs.size(), 2u);
  for (std::size_t i = 0; i + 1 < packs.size(); ++i) {
    Replace(storage_, packs[i], ObjectAt(scene_.pristine, packs[i + 1]));
    Replace(storage_, packs[i + 1], ObjectAt(scene_.pristine, packs[i]));
    ExpectFound("two packs exchanged");
    Replace(storage_, packs[i], ObjectAt(scene_.pristine, packs[i]));
    Replace(storage_, packs[i + 1], ObjectAt(scene_.pristine, packs[i + 1]));
  }
}

// Sealed with the right key, and under a wrong name all the same.
TEST_F(CorruptionTest, TwoIndexFilesExchanged) {
  ASSERT_TRUE(ArchiveInto(*TryOpen(storage_).value(), scene_.place.path()));
  std::vector<Handle> indexes = Objects(storage_);
  std::erase_if(indexes, [](const Handle& handle) { return handle.type != FileType::kIndex; });
  ASSERT_EQ(indexes.size(), 2u);
  const Bytes first = ObjectAt(storage_, indexes[0]);
  Replace(storage_, indexes[0], ObjectAt(storage_, indexes[1]));
  Replace(storage_, indexes[1], first);
  ExpectFound("two index files exchanged");
}

TEST_F(CorruptionTest, ObjectsOfAnotherRepository) {
  storage::Memory other;
  ASSERT_TRUE(ArchiveInto(*MakeRepository(other), scene_.volume));
  for (const FileType type :
       {FileType::kConfig, FileType::kKey, FileType::kSnapshot, FileType::kIndex}) {
    std::vector<Handle> theirs = Objects(other);
    std::erase_if(theirs, [&](const Handle& handle) { return handle.type != type; });
    Replace(storage_, Of(type).front(), ObjectAt(other, theirs.front()));
    ExpectFound("another repository's object as " + Name(Of(type).front()));
    Replace(storage_, Of(type).front(), ObjectAt(scene_.pristine, Of(type).front()));
  }
}

// Exactly the files with content in a lost pack are lost.
TEST_F(CorruptionTest, ALostPackCostsItsFilesOnly) {
  std::map<std::string, std::set<std::string>> packs_of;
  for (const char* path : {"/a/one", "/a/two", "/b/three", "/b/text", "/c/large"})
    packs_of[path] = PacksOf(path);
  for (const auto& [path, packs] : packs_of) {
    const Handle lost{FileType::kPack, *packs.begin()};
    ASSERT_TRUE(storage_.Remove(lost, {}));
    const Findings findings = Look();
    std::set<std::string> failed, differing, expected;
    for (const std::string& failure : findings.failed)
      failed.insert("/" + failure.substr(0, failure.find(": ")));
    for (const std::string& difference : findings.differences) {
      if (difference.find("mtime") == std::string::npos)
        differing.insert(difference.substr(0, difference.find(": ")));
    }
    for (const auto& [other, theirs] : packs_of)
      if (theirs.contains(lost.name)) expected.insert(other);
    EXPECT_EQ(failed, expected);
    EXPECT_TRUE(std::ranges::includes(expected, differing)) << testing::PrintToString(differing);
    ASSERT_TRUE(storage_.Save(lost, ObjectAt(scene_.pristine, lost), {}));
  }
}

// What index files said stands in the packs' headers too.
TEST_F(CorruptionTest, WithoutAnyIndexEverythingComesBack) {
  for (const bool missing : {true, false}) {
    for (const Handle& handle : Of(FileType::kIndex)) {
      ASSERT_TRUE(storage_.Remove(handle, {}));
      const auto torn = missing ? Result<void>() : storage_.Save(handle, AsBytes("torn"), {});
      ASSERT_TRUE(torn);
    }
    const Findings findings = Look();
    EXPECT_THAT(findings.damage, Not(IsEmpty()));
    EXPECT_FALSE(findings.restore_failed);
    EXPECT_THAT(findings.failed, IsEmpty());
    EXPECT_THAT(findings.differences, IsEmpty());
  }
}

TEST_F(CorruptionTest, ADamagedSnapshotHidesNoOther) {
  const std::string second = scene_.place.Make("second");
  WriteFile(second + "/file", "x");
  const repo::Id id = ArchiveInto(*TryOpen(storage_).value(), second).value().snapshot.id;
  Replace(storage_, {FileType::kSnapshot, id.Hex()}, AsBytes("torn"));
  const auto repository = TryOpen(storage_).value();
  EXPECT_FALSE(repository->ListSnapshots({})) << "who writes must know them all";
  const Findings findings = Look();
  EXPECT_FALSE(findings.unusable);
  EXPECT_THAT(findings.damage, ElementsAre(HasSubstr("snapshot " + id.Short())));
  EXPECT_THAT(findings.differences, IsEmpty());
}

// Also what stands beside the secret in the open, like the user's name.
TEST_F(CorruptionTest, AChangedKeyFileIsFound) {
  const Handle key = Of(FileType::kKey).front();
  std::string text(AsText(ObjectAt(scene_.pristine, key)));
  text.replace(text.find("\"username\":\"") + 12, 1, "H");
  Replace(storage_, key, AsBytes(text));
  const Findings findings = Look();
  EXPECT_FALSE(findings.unusable);
  EXPECT_THAT(findings.damage, ElementsAre(HasSubstr("key " + key.name)));
}

}  // namespace
}  // namespace holdfast::engine
