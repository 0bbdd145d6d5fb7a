#include "jobs/engine/prune_index.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "jobs/repo/parallel.h"

namespace holdfast::engine {
namespace {

using repo::Id;
using repo::PackEntry;
using storage::FileType;

// Requests to remove files that are under way together.
constexpr std::size_t kRemovers = 8;
// As many blobs as one index file lists.
constexpr std::size_t kBlobsAFile = 50'000;
// Index files below this are put together when there are several: a file of 50,000 blobs has more
// than 2 MiB, a backup of little leaves one of a few KiB.
constexpr std::uint64_t kSmallIndex = 1 << 20;

}  // namespace

Result<void> RemoveFiles(repo::Repository& repository, FileType type, const std::vector<Id>& ids,
                         std::stop_token stop) {
  const auto work = [&](std::size_t i, std::stop_token each) {
    return repository.RemoveFile(type, ids[i], std::move(each));
  };
  return repo::InParallel(kRemovers, ids.size(), work, std::move(stop));
}

IndexRewriter::IndexRewriter(repo::Repository& repository, PrunePacks& packs, std::stop_token stop)
    : repository_(repository), packs_(packs), stop_(std::move(stop)) {}

Result<void> IndexRewriter::FindLive() {
  TRY(live_, repository_.ListFiles(FileType::kIndex, stop_));
  std::unordered_set<Id> superseded;
  const auto skip = [](PackEntry&&) -> Result<void> { return {}; };
  for (const repo::FileEntry& file : live_) {
    TRY(const Bytes text, repository_.LoadFile(FileType::kIndex, file, stop_));
    TRY(const std::vector<Id> ids, repo::DecodeIndex(text, skip));
    superseded.insert(ids.begin(), ids.end());
  }
  std::vector<Id> gone;
  std::erase_if(live_, [&](const repo::FileEntry& file) {
    const bool is_superseded = superseded.contains(file.id);
    if (is_superseded) gone.push_back(file.id);
    return is_superseded;
  });
  return RemoveFiles(repository_, FileType::kIndex, gone, stop_);
}

Result<void> IndexRewriter::Rewrite() {
  TRY(const auto old, ChooseOld());
  TRY_VOID(Copy(old));
  std::vector<Id> ids;
  for (const repo::FileEntry& file : old) ids.push_back(file.id);
  return RemoveFiles(repository_, FileType::kIndex, ids, stop_);
}

Result<void> IndexRewriter::Decode(const repo::FileEntry& file,
                                   const std::function<Result<void>(PackEntry&&)>& visit) {
  TRY(const Bytes text, repository_.LoadFile(FileType::kIndex, file, stop_));
  TRY_VOID(repo::DecodeIndex(text, visit));
  return {};
}

Result<std::vector<repo::FileEntry>> IndexRewriter::ChooseOld() {
  const auto is_small = [](const repo::FileEntry& file) { return file.size < kSmallIndex; };
  const bool merge = std::ranges::count_if(live_, is_small) > 1;
  std::vector<repo::FileEntry> chosen;
  for (const repo::FileEntry& file : live_) {
    bool replace = merge && is_small(file);
    std::vector<PrunePack*> whole;
    const auto look = [&](PackEntry&& entry) -> Result<void> {
      const auto pack = packs_.find(entry.id);
      if (pack == packs_.end() || pack->second.fate != Fate::kKeep) {
        replace = true;
      } else if (entry.blobs.size() == pack->second.blobs) {
        whole.push_back(&pack->second);
      }
      return {};
    };
    TRY_VOID(Decode(file, look));
    if (replace) {
      chosen.push_back(file);
    } else {
      for (PrunePack* const pack : whole) pack->listed = true;
    }
  }
  return chosen;
}

Result<void> IndexRewriter::Copy(const std::vector<repo::FileEntry>& files) {
  std::vector<PackEntry> pending;
  std::size_t count = 0;
  for (const repo::FileEntry& file : files) {
    const auto copy = [&](PackEntry&& entry) -> Result<void> {
      const auto pack = packs_.find(entry.id);
      if (pack == packs_.end() || pack->second.fate != Fate::kKeep || pack->second.listed)
        return {};
      pack->second.listed = entry.blobs.size() == pack->second.blobs;
      count += entry.blobs.size();
      pending.push_back(std::move(entry));
      if (count < kBlobsAFile) return {};
      count = 0;
      return Save(pending);
    };
    TRY_VOID(Decode(file, copy));
  }
  return Save(pending);
}

Result<void> IndexRewriter::Save(std::vector<PackEntry>& packs) {
  if (packs.empty()) return {};
  TRY_VOID(repository_.SaveUnpacked(FileType::kIndex, AsBytes(repo::EncodeIndex(packs)), stop_));
  packs.clear();
  return {};
}

}  // namespace holdfast::engine
