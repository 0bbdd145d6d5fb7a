#include "jobs/repo/repository.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "jobs/storage/memory.h"

namespace holdfast::repo {
namespace {

using storage::FileType;
using storage::Handle;

constexpr std::string_view kPassword = "correct horse";

// Remembers in which order objects were stored, counts reads, and fails when told to.
class Recording final : public storage::Backend {
 public:
  Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override {
    {
      const std::lock_guard lock(mutex_);
      if (fail_saves_after_-- == 0) fail_ = true;
      if (fail_) return Fail(Code::kNoSpace, "disk full");
    }
    TRY_VOID(memory_.Save(handle, data, stop));
    const std::lock_guard lock(mutex_);
    saved_.push_back(handle);
    return {};
  }
  Result<Bytes> Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                     std::stop_token stop) override {
    ++loads_;
    if (handle == lost_) return Fail(Code::kNotFound, "the object does not exist");
    return memory_.Load(handle, offset, length, stop);
  }
  Result<storage::FileInfo> Stat(const Handle& handle, std::stop_token stop) override {
    return memory_.Stat(handle, stop);
  }
  Result<void> List(FileType type,
                    const std::function<Result<void>(const storage::FileInfo&)>& visit,
                    std::stop_token stop) override {
    TRY_VOID(memory_.List(type, visit, stop));
    if (const auto gone = std::exchange(goes_once_listed_, std::nullopt))
      return memory_.Remove(*gone, stop);
    return {};
  }
  Result<void> Remove(const Handle& handle, std::stop_token stop) override {
    return memory_.Remove(handle, stop);
  }
  std::string Location() const override { return memory_.Location(); }

  std::vector<Handle> saved() {
    const std::lock_guard lock(mutex_);
    return saved_;
  }
  int loads() const { return loads_; }
  void RemoveOnceListed(const Handle& handle) { goes_once_listed_ = handle; }
  void Lose(const Handle& handle) { lost_ = handle; }  // it is listed all the same
  void FailSavesAfter(int count) {
    const std::lock_guard lock(mutex_);
    fail_saves_after_ = count;
  }
  void Heal() {
    const std::lock_guard lock(mutex_);
    fail_ = false;
    fail_saves_after_ = -1;
  }

 private:
  storage::Memory memory_;
  std::mutex mutex_;
  std::vector<Handle> saved_;
  std::atomic<int> loads_ = 0;
  std::optional<Handle> goes_once_listed_;
  std::optional<Handle> lost_;
  int fail_saves_after_ = -1;
  bool fail_ = false;
};

Bytes Noise(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

class RepositoryTest : public testing::Test {
 protected:
  std::unique_ptr<Repository> Init(int version = 2, RepositoryOptions options = SmallPacks()) {
    auto made = Repository::Init(storage_, kPassword, {version, KdfParams{16, 1, 1}, options}, {});
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
  }
  std::unique_ptr<Repository> Open() {
    auto key = FindKey(storage_, kPassword, {});
    auto opened = Repository::Open(storage_, std::move((*key)->master), SmallPacks(), {});
    EXPECT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE((*opened)->LoadIndex({}));
    return *std::move(opened);
  }
  // Many packs from little data.
  static RepositoryOptions SmallPacks() {
    return {.pack_size = 64 * 1024, .compression = Compression::kAuto, .uploads = 2};
  }
  std::size_t Count(FileType type) {
    std::size_t count = 0;
    for (const Handle& handle : storage_.saved()) count += handle.type == type ? 1 : 0;
    return count;
  }

  Recording storage_;
};

TEST_F(RepositoryTest, InitRefusesWhatIsThere) {
  Init();
  const auto again = Repository::Init(storage_, "other", {2, KdfParams{16, 1, 1}, {}}, {});
  EXPECT_EQ(again.error().code, Code::kAlreadyExists);
}

// Killed before the key, and between the key and the config.
TEST(InitTest, OneThatWasCutShortIsFinishedByTheNext) {
  const InitOptions options{2, KdfParams{16, 1, 1}, {}};
  for (const int saves : {0, 1}) {
    Recording storage;
    storage.FailSavesAfter(saves);
    EXPECT_EQ(Repository::Init(storage, kPassword, options, {}).error().code, Code::kNoSpace);
    const std::vector<Handle> left = storage.saved();
    ASSERT_EQ(left.size(), static_cast<std::size_t>(saves));
    storage.Heal();
    ASSERT_TRUE(Repository::Init(storage, kPassword, options, {})) << saves;
    EXPECT_EQ(storage.saved().size(), 2U) << "one key and the config";
    auto found = FindKey(storage, kPassword, {}).value();
    ASSERT_TRUE(found);
    if (!left.empty()) {
      EXPECT_EQ(found->file.Hex(), left.front().name) << "the key that was left";
    }
    EXPECT_TRUE(Repository::Open(storage, std::move(found->master), {}, {})) << saves;
    EXPECT_EQ(Repository::Init(storage, kPassword, options, {}).error().code, Code::kAlreadyExists);
  }
}

TEST(InitTest, AKeyThatThePasswordDoesNotOpenIsNotTouched) {
  storage::Memory storage;
  const auto file = MakeKeyFile(Key::Random(), "theirs", KdfParams{16, 1, 1}, {}).value();
  ASSERT_TRUE(SaveKey(storage, file, {}));
  const auto refused = Repository::Init(storage, kPassword, {2, KdfParams{16, 1, 1}, {}}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kAlreadyExists);
  EXPECT_NE(refused.error().message.find("somebody else's"), std::string::npos);
  EXPECT_FALSE(storage.Stat({FileType::kConfig, ""}, {}));
}

TEST_F(RepositoryTest, OpenTellsAbsentFromDamaged) {
  EXPECT_EQ(Repository::Open(storage_, Key::Random(), {}, {}).error().code, Code::kNotFound);
  Init();
  EXPECT_EQ(Repository::Open(storage_, Key::Random(), {}, {}).error().code, Code::kCorrupt);
}

TEST_F(RepositoryTest, UnlockTellsAWrongPasswordFromNoRepository) {
  EXPECT_EQ(Repository::Unlock(storage_, kPassword, {}, {}).error().code, Code::kNotFound);
  const auto made = Init();
  const auto wrong = Repository::Unlock(storage_, "other", {}, {});
  ASSERT_TRUE(wrong) << wrong.error().message;
  EXPECT_FALSE(wrong->has_value());
  const auto opened = Repository::Unlock(storage_, kPassword, {}, {});
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_TRUE(opened->has_value());
  EXPECT_EQ((*opened)->key, FindKey(storage_, kPassword, {}).value()->file);
  EXPECT_EQ((*opened)->repository->config().id, made->config().id);
  ASSERT_TRUE(storage_.Remove({FileType::kConfig, ""}, {}));
  EXPECT_EQ(Repository::Unlock(storage_, kPassword, {}, {}).error().code, Code::kNotFound);
}

TEST_F(RepositoryTest, BlobsComeBackFromANewObject) {
  std::vector<std::pair<BlobHandle, Bytes>> saved;
  {
    const auto repository = Init();
    for (std::size_t size : {0U, 1U, 100U, 5'000U, 60'000U, 65'536U, 200'000U})
      for (const Bytes& content : {Noise(size, size), Bytes(size, 'a')})
        for (const BlobType type : {BlobType::kData, BlobType::kTree}) {
          const SavedBlob blob = repository->SaveBlob(type, content, {}).value();
          saved.push_back({{type, blob.id}, content});
        }
    ASSERT_TRUE(repository->Flush({}));
  }
  const auto repository = Open();
  for (const auto& [handle, content] : saved)
    EXPECT_EQ(repository->LoadBlob(handle, {}).value(), content) << Describe(handle);
  EXPECT_EQ(repository->LoadBlob({BlobType::kData, Id::Random()}, {}).error().code,
            Code::kNotFound);
}

TEST_F(RepositoryTest, CompressesWhatGetsSmallerAndLeavesTheRest) {
  const auto repository = Init();
  const Bytes zeros(50'000);
  const Bytes noise = Noise(50'000, 1);
  EXPECT_LT(repository->SaveBlob(BlobType::kData, zeros, {}).value().stored_size, 200U);
  EXPECT_EQ(repository->SaveBlob(BlobType::kData, noise, {}).value().stored_size,
            noise.size() + kSealOverhead);
}

TEST_F(RepositoryTest, Version1StoresNothingCompressed) {
  {
    const auto repository = Init(1);
    EXPECT_EQ(repository->SaveBlob(BlobType::kTree, Bytes(5'000), {}).value().stored_size, 5'032U);
    Snapshot snapshot;
    ASSERT_TRUE(repository->SaveSnapshot(snapshot, {}));
  }
  const auto repository = Open();
  EXPECT_EQ(repository->config().version, 1);
  EXPECT_EQ(repository->ListSnapshots({}).value().size(), 1U);
  for (const Handle& handle : storage_.saved()) {
    if (handle.type != FileType::kIndex && handle.type != FileType::kSnapshot) continue;
    const Bytes sealed = storage_.Load(handle, 0, 0, {}).value();
    EXPECT_EQ(repository->key().Open(sealed).value().front(), '{');
  }
}

TEST_F(RepositoryTest, WhatIsKnownIsNotStoredAgain) {
  const Bytes content = Noise(10'000, 1);
  {
    const auto repository = Init();
    EXPECT_TRUE(repository->SaveBlob(BlobType::kData, content, {}).value().added);
    EXPECT_FALSE(repository->SaveBlob(BlobType::kData, content, {}).value().added);
    EXPECT_TRUE(repository->SaveBlob(BlobType::kTree, content, {}).value().added);
    ASSERT_TRUE(repository->Flush({}));
  }
  const auto repository = Open();
  EXPECT_FALSE(repository->SaveBlob(BlobType::kData, content, {}).value().added);
  ASSERT_TRUE(repository->Flush({}));
  EXPECT_EQ(Count(FileType::kPack), 2U) << "data and trees lie in packs of their own";
  EXPECT_EQ(Count(FileType::kIndex), 1U) << "nothing new, no index file";
}

TEST_F(RepositoryTest, EightThreadsStoreEachBlobOnce) {
  constexpr std::uint64_t kBlobs = 300;
  std::atomic<std::uint64_t> added = 0;
  {
    const auto repository = Init();
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < kBlobs; ++i) {
          const Bytes content = Noise(500 + 10 * i, (i * 7 + t * 31) % kBlobs);
          const auto saved = repository->SaveBlob(BlobType::kData, content, {});
          ASSERT_TRUE(saved) << saved.error().message;
          added += saved->added ? 1 : 0;
        }
      });
    threads.clear();
    ASSERT_TRUE(repository->Flush({}));
  }
  std::set<Id> stored;
  const auto repository = Open();
  std::uint64_t entries = 0;
  repository->index().ForEach([&](const PackedBlob& place) {
    stored.insert(place.blob.handle.id);
    ++entries;
  });
  EXPECT_EQ(stored.size(), entries) << "no blob twice";
  EXPECT_EQ(entries, added);
  for (const Id& id : stored) EXPECT_TRUE(repository->LoadBlob({BlobType::kData, id}, {}));
}

TEST_F(RepositoryTest, ManyOversizedBlobsAtOnceDoNotWaitForEachOther) {
  const auto repository = Init();
  std::vector<std::jthread> threads;
  for (std::uint64_t t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 10; ++i) {
        const Bytes content = Noise(i % 2 == 0 ? 100'000 : 3'000, t * 100 + i);
        ASSERT_TRUE(repository->SaveBlob(BlobType::kData, content, {}));
      }
    });
  threads.clear();
  ASSERT_TRUE(repository->Flush({}));
  EXPECT_EQ(repository->index().blob_count(), 80U);
}

// FORMAT.md, "Order": after a power cut at any instant, whatever is there refers to what is there.
TEST_F(RepositoryTest, PacksComeBeforeIndexesBeforeSnapshots) {
  const auto repository = Init();
  for (std::uint64_t i = 0; i < 40; ++i)
    ASSERT_TRUE(repository->SaveBlob(BlobType::kData, Noise(10'000, i), {}));
  Snapshot snapshot;
  ASSERT_TRUE(repository->SaveSnapshot(snapshot, {}));

  std::set<std::string> packs;
  std::size_t listed = 0;
  for (const Handle& handle : storage_.saved()) {
    if (handle.type == FileType::kPack) packs.insert(handle.name);
    if (handle.type == FileType::kIndex) {
      const Bytes text =
          repository->LoadUnpacked(FileType::kIndex, Id::Parse(handle.name).value(), {}).value();
      ASSERT_TRUE(DecodeIndex(text, [&](PackEntry&& pack) -> Result<void> {
        EXPECT_TRUE(packs.contains(pack.id.Hex()));
        listed += pack.blobs.size();
        return {};
      }));
    }
    if (handle.type == FileType::kSnapshot) {
      EXPECT_EQ(listed, 40U);
    }
  }
  EXPECT_EQ(storage_.saved().back().type, FileType::kSnapshot);
  EXPECT_GT(packs.size(), 5U);
}

TEST_F(RepositoryTest, AFailedSaveStaysFailed) {
  const auto repository = Init();
  storage_.FailSavesAfter(1);
  Result<SavedBlob> saved = SavedBlob{};
  for (std::uint64_t i = 0; i < 100 && saved; ++i)
    saved = repository->SaveBlob(BlobType::kData, Noise(10'000, i), {});
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, Code::kNoSpace);
  EXPECT_EQ(repository->Flush({}).error().code, Code::kNoSpace);
  Snapshot snapshot;
  EXPECT_EQ(repository->SaveSnapshot(snapshot, {}).error().code, Code::kNoSpace);
  EXPECT_EQ(Count(FileType::kSnapshot), 0U);
}

TEST_F(RepositoryTest, AStopEndsTheWaitForUploads) {
  const auto repository = Init();
  std::stop_source stop;
  stop.request_stop();
  ASSERT_TRUE(repository->SaveBlob(BlobType::kData, Noise(1'000, 1), {}));
  const auto flushed = repository->Flush(stop.get_token());
  if (!flushed) {
    EXPECT_EQ(flushed.error().code, Code::kCancelled);
  }
}

TEST_F(RepositoryTest, UnflushedWorkIsReferencedByNothing) {
  {
    const auto repository = Init();
    ASSERT_TRUE(repository->SaveBlob(BlobType::kData, Noise(1'000, 1), {}));
  }
  EXPECT_EQ(Count(FileType::kIndex), 0U);
}

TEST_F(RepositoryTest, ReadsAPackInFewRequests) {
  const auto repository = Init();
  std::vector<Id> ids;
  for (std::uint64_t i = 0; i < 10; ++i)
    ids.push_back(repository->SaveBlob(BlobType::kData, Noise(5'000, i), {}).value().id);
  ASSERT_TRUE(repository->Flush({}));
  std::vector<Blob> blobs;
  Id pack;
  for (const Id& id : ids) {
    const PackedBlob place = repository->index().Lookup({BlobType::kData, id}).value();
    pack = place.pack;
    blobs.insert(blobs.begin(), place.blob);  // in any order
  }
  blobs[3].handle.id = Id::Random();  // one that is damaged
  const int before = storage_.loads();
  int good = 0;
  int bad = 0;
  std::set<std::uint32_t> seen;
  ASSERT_TRUE(
      repository->LoadBlobs(pack, blobs,
                            [&](const Blob& blob, Result<ByteView> content) -> Result<void> {
                              EXPECT_TRUE(seen.insert(blob.offset).second);
                              ++(content ? good : bad);
                              return {};
                            },
                            {}));
  EXPECT_EQ(good, 9);
  EXPECT_EQ(bad, 1);
  EXPECT_EQ(storage_.loads(), before + 1);
}

TEST_F(RepositoryTest, ADamagedCopyIsMadeUpForByAnother) {
  const auto repository = Init();
  const Bytes content = Noise(5'000, 1);
  const Id id = repository->SaveBlob(BlobType::kData, content, {}).value().id;
  ASSERT_TRUE(repository->Flush({}));
  Blob elsewhere = repository->index().Lookup({BlobType::kData, id})->blob;
  for (int i = 0; i < 4; ++i) repository->index().Add({Id::Random(), {elsewhere}});
  EXPECT_EQ(repository->LoadBlob({BlobType::kData, id}, {}).value(), content);
}

TEST_F(RepositoryTest, AnIndexThatAnotherReplacesIsNotRead) {
  Id gone;
  {
    const auto repository = Init();
    const PackEntry old{Id::Random(), {{{BlobType::kData, Id::Random()}, 0, 100, 0}}};
    const PackEntry fresh{Id::Random(), {{{BlobType::kData, Id::Random()}, 0, 100, 0}}};
    gone = old.blobs[0].handle.id;
    const Id replaced =
        repository->SaveUnpacked(FileType::kIndex, AsBytes(EncodeIndex(std::span(&old, 1))), {})
            .value();
    ASSERT_TRUE(repository->SaveUnpacked(
        FileType::kIndex, AsBytes(EncodeIndex(std::span(&fresh, 1), std::span(&replaced, 1))), {}));
  }
  const auto repository = Open();
  EXPECT_EQ(repository->index().blob_count(), 1U);
  EXPECT_FALSE(repository->index().Has({BlobType::kData, gone}));
}

TEST_F(RepositoryTest, DamageIsNamed) {
  const auto repository = Init();
  const Id id = repository->SaveUnpacked(FileType::kSnapshot, AsBytes("{}"), {}).value();
  Bytes sealed = storage_.Load({FileType::kSnapshot, id.Hex()}, 0, 0, {}).value();
  sealed[20] ^= 1;
  ASSERT_TRUE(storage_.Remove({FileType::kSnapshot, id.Hex()}, {}));
  ASSERT_TRUE(storage_.Save({FileType::kSnapshot, id.Hex()}, sealed, {}));
  const auto loaded = repository->LoadUnpacked(FileType::kSnapshot, id, {});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kCorrupt);
  EXPECT_NE(loaded.error().message.find("snapshot " + id.Short()), std::string::npos);
}

// A hostile repository must not make us allocate what it claims.
TEST_F(RepositoryTest, ClaimedSizesAreCheckedFirst) {
  const auto repository = Init();
  const Bytes bomb = [] {
    Bytes frame = {2, 0x28, 0xB5, 0x2F, 0xFD, 0xE0};         // zstd, 8 bytes of content size
    frame.insert(frame.end(), {0, 0, 0, 0, 0, 0, 0, 0x10});  // an exabyte
    frame.insert(frame.end(), {1, 0, 0});
    return frame;
  }();
  const Bytes sealed = repository->key().Seal(bomb);
  const Id id = Id::Of(sealed);
  ASSERT_TRUE(storage_.Save({FileType::kIndex, id.Hex()}, sealed, {}));
  EXPECT_EQ(repository->LoadUnpacked(FileType::kIndex, id, {}).error().code, Code::kCorrupt);

  const Blob huge{{BlobType::kData, Id::Random()}, 0, UINT32_MAX / 2, UINT32_MAX};
  repository->index().Add({Id::Random(), {huge}});
  EXPECT_EQ(repository->LoadBlob(huge.handle, {}).error().code, Code::kCorrupt);
}

TEST_F(RepositoryTest, SnapshotsAreFoundByNameAndByAge) {
  const auto repository = Init();
  EXPECT_EQ(repository->FindSnapshot("latest", {}).error().code, Code::kNotFound);
  std::vector<Id> ids;
  for (int i = 0; i < 20; ++i) {
    Snapshot snapshot;
    snapshot.time = TimePoint(std::chrono::hours(100 - i));
    snapshot.tree = Id::Random();
    snapshot.hostname = std::to_string(i);
    ids.push_back(repository->SaveSnapshot(snapshot, {}).value());
  }
  const auto all = repository->ListSnapshots({}).value();
  ASSERT_EQ(all.size(), 20U);
  EXPECT_EQ(all.front().hostname, "19");
  EXPECT_EQ(repository->FindSnapshot("latest", {}).value().hostname, "0");
  EXPECT_EQ(repository->FindSnapshot(ids[7].Hex(), {}).value().hostname, "7");
  EXPECT_EQ(repository->FindSnapshot(ids[7].Hex().substr(0, 12), {}).value().id, ids[7]);
  EXPECT_EQ(repository->FindSnapshot(std::string(64, '0'), {}).error().code, Code::kNotFound);
  EXPECT_EQ(repository->FindSnapshot("", {}).error().code, Code::kInvalid);
  // Twenty ids have only sixteen first digits.
  bool ambiguous = false;
  for (const char digit : std::string_view("0123456789abcdef")) {
    const auto found = repository->FindSnapshot(std::string(1, digit), {});
    ambiguous = ambiguous || (!found && found.error().code == Code::kInvalid);
  }
  EXPECT_TRUE(ambiguous);
}

TEST_F(RepositoryTest, ASnapshotThatIsRemovedMeanwhileIsNotListedAndOneThatIsLostIsTold) {
  const auto repository = Init();
  std::vector<Id> ids;
  for (int i = 0; i < 3; ++i) {
    Snapshot snapshot;
    snapshot.time = TimePoint(std::chrono::hours(i));
    snapshot.tree = Id::Random();
    ids.push_back(repository->SaveSnapshot(snapshot, {}).value());
  }
  storage_.RemoveOnceListed({FileType::kSnapshot, ids[0].Hex()});
  const auto left = repository->ListSnapshots({});
  ASSERT_TRUE(left) << left.error().message;
  ASSERT_EQ(left->size(), 2U);
  EXPECT_EQ(left->front().id, ids[1]);

  storage_.Lose({FileType::kSnapshot, ids[1].Hex()});
  EXPECT_EQ(repository->ListSnapshots({}).error().code, Code::kNotFound);
  std::vector<Error> damaged;
  EXPECT_EQ(repository->ListSnapshots({}, &damaged)->size(), 1U);
  EXPECT_EQ(damaged.size(), 1U);
}

TEST(Snapshot, ComesBackAndIsSpelledAsRestic) {
  Snapshot snapshot;
  snapshot.time = ParseTime("2026-11-21T11:01:00.722145253Z").value();
  snapshot.tree = Id::Of(AsBytes("t"));
  snapshot.paths = {"/shop/data"};
  EXPECT_EQ(EncodeSnapshot(snapshot), R"({"time":"2026-11-21T11:01:00.722145253Z","tree":")" +
                                          snapshot.tree.Hex() + R"(","paths":["/shop/data"]})");
  snapshot.parent = Id::Random();
  snapshot.original = Id::Random();
  snapshot.hostname = "cluster";
  snapshot.username = "u";
  snapshot.uid = 5;
  snapshot.gid = 6;
  snapshot.excludes = {"**/tmp"};
  snapshot.tags = {"type=Full", "a<b"};
  snapshot.program_version = "holdfast 1";
  snapshot.summary =
      SnapshotSummary{snapshot.time, snapshot.time, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  EXPECT_EQ(DecodeSnapshot(AsBytes(EncodeSnapshot(snapshot))).value(), snapshot);
}

TEST(Snapshot, WhatCannotBeIsCorrupt) {
  for (const char* text : {"", "[]", "{}", R"({"time":"x","tree":"y"})",
                           R"({"time":"2026-11-21T11:01:00Z","tree":null})"})
    EXPECT_EQ(DecodeSnapshot(AsBytes(text)).error().code, Code::kCorrupt) << text;
}

}  // namespace
}  // namespace holdfast::repo
