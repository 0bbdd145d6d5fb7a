// The index files of a prune: those that list packs which go are replaced by others without them.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// What becomes of a pack.
enum class Fate : std::uint8_t { kKeep, kRepack, kRemove };

struct PrunePack {
  std::uint64_t size = 0;  // as stored
  TimePoint stored{};      // by the store's clock
  std::uint64_t used = 0, unused = 0;
  std::uint32_t number = 0;
  std::uint32_t blobs = 0;       // listed for it
  std::uint32_t used_blobs = 0;  // that it must give to another pack before it can go
  bool indexed = false;
  bool sound = false;  // has the size that the index implies
  bool data = false, trees = false, uncompressed = false;
  bool listed = false;  // in an index file that stays, with all its blobs
  Fate fate = Fate::kKeep;

  bool OnlyData() const { return data && !trees; }
  double UnusedShare() const {
    return static_cast<double>(unused) / static_cast<double>(used + unused);
  }
};

using PrunePacks = std::unordered_map<repo::Id, PrunePack>;

// Some at a time: they only wait for the store.
Result<void> RemoveFiles(repo::Repository& repository, storage::FileType type,
                         const std::vector<repo::Id>& ids, std::stop_token stop);

// Not safe from many threads. The order of the calls is the order that survives power loss: see
// pruner.h.
class IndexRewriter {
 public:
  // `packs` with their fates; `listed` is set here. Both must outlive it.
  IndexRewriter(repo::Repository& repository, PrunePacks& packs, std::stop_token stop);

  // Notes the index files there are now. Those that others supersede go at once, because the file
  // that says so may go too, and then they would count again.
  Result<void> FindLive();
  // Writes what those files say of packs that stay, unless a file that stays says it too, and
  // removes them: those that list a pack which goes or is gone, and small ones when there are
  // several.
  Result<void> Rewrite();

 private:
  Result<void> Decode(const repo::FileEntry& file,
                      const std::function<Result<void>(repo::PackEntry&&)>& visit);
  Result<std::vector<repo::FileEntry>> ChooseOld();
  Result<void> Copy(const std::vector<repo::FileEntry>& files);
  Result<void> Save(std::vector<repo::PackEntry>& packs);

  repo::Repository& repository_;
  PrunePacks& packs_;
  const std::stop_token stop_;
  std::vector<repo::FileEntry> live_;
};

}  // namespace holdfast::engine
