// A repository in memory that can be copied, damaged and opened again as another process would, for
// tests of what must hold whatever happens to it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "jobs/engine/archiver.h"
#include "jobs/engine/checker.h"
#include "jobs/engine/restorer.h"
#include "jobs/repo/repository.h"
#include "jobs/storage/memory.h"
#include "tests/unit/jobs/engine/trees.h"

namespace holdfast::engine {

inline constexpr const char* kVolume = "/shop/data-mysql-0";
// Opening takes microseconds: these tests do it thousands of times.
inline constexpr repo::KdfParams kCheapKdf{2, 1, 1};
inline constexpr storage::FileType kAllTypes[] = {
    storage::FileType::kConfig,   storage::FileType::kKey,   storage::FileType::kLock,
    storage::FileType::kSnapshot, storage::FileType::kIndex, storage::FileType::kPack};

// Where files are written and synced often: memory, if the machine has such a place.
inline std::filesystem::path QuickPlace() {
  const std::filesystem::path memory = "/dev/shm";
  return std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
}

// So that a little data makes several packs.
inline repo::RepositoryOptions ManyPacks() { return {.pack_size = 40'000}; }

inline std::unique_ptr<repo::Repository> MakeRepository(storage::Backend& storage) {
  repo::InitOptions options;
  options.kdf = kCheapKdf;
  options.repository = ManyPacks();
  return repo::Repository::Init(storage, "pw", options, {}).value();
}

inline Result<std::unique_ptr<repo::Repository>> TryOpen(storage::Backend& storage) {
  TRY(auto key, repo::FindKey(storage, "pw", {}));
  if (!key) return Fail(Code::kDenied, "the password opens no key");
  return repo::Repository::Open(storage, std::move(key->master), ManyPacks(), {});
}

inline std::vector<storage::Handle> Objects(storage::Backend& storage) {
  std::vector<storage::Handle> handles;
  for (const storage::FileType type : kAllTypes) {
    const auto visit = [&](const storage::FileInfo& info) -> Result<void> {
      handles.push_back({type, info.name});
      return {};
    };
    EXPECT_TRUE(storage.List(type, visit, {}));
  }
  return handles;
}

inline Bytes ObjectAt(storage::Backend& storage, const storage::Handle& handle) {
  return storage.Load(handle, 0, 0, {}).value();
}

inline void Replace(storage::Backend& storage, const storage::Handle& handle, ByteView content) {
  EXPECT_TRUE(storage.Remove(handle, {}));
  EXPECT_TRUE(storage.Save(handle, content, {}));
}

inline void CopyObjects(storage::Backend& from, storage::Backend& to) {
  for (const storage::Handle& handle : Objects(from))
    EXPECT_TRUE(to.Save(handle, ObjectAt(from, handle), {}));
}

inline Result<ArchiveReport> ArchiveInto(repo::Repository& repository, const std::string& source,
                                         std::stop_token stop = {}) {
  Meter meter;
  TRY(const auto snapshots, repository.ListSnapshots(stop));
  TRY_VOID(repository.LoadIndex(stop));
  const ArchiveOptions options{source, {"prod", kVolume}, protocol::BackupType::kIncremental, {}};
  return Archive(repository, snapshots, options, meter, SystemClock(), stop);
}

inline Result<RestoreReport> RestoreInto(repo::Repository& repository,
                                         const repo::Snapshot& snapshot, const std::string& target,
                                         std::stop_token stop = {}, std::size_t threads = 2) {
  Meter meter;
  RestoreOptions options;
  options.target = target;
  options.threads = threads;
  return Restore(repository, snapshot, options, meter, stop);
}

}  // namespace holdfast::engine
