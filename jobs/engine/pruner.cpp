#include "jobs/engine/pruner.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "base/quantity.h"
#include "jobs/engine/blob_table.h"
#include "jobs/engine/pack_readers.h"
#include "jobs/engine/pack_size.h"
#include "jobs/engine/prune_index.h"
#include "jobs/engine/tree_scan.h"

namespace holdfast::engine {
namespace {

using repo::Blob;
using repo::BlobType;
using repo::Id;
using repo::PackEntry;
using storage::FileType;

// Notes on a blob.
constexpr std::uint8_t kUsed = 1;   // by a snapshot
constexpr std::uint8_t kFound = 2;  // in a pack that is sound, and used
constexpr std::uint8_t kTwice = 4;  // in several of them
constexpr std::uint8_t kHomed = 8;  // of those: one was chosen to be kept

// As many blobs as are taken out of the index at once to be moved (48 bytes each).
constexpr std::size_t kBlobsAtOnce = 50'000;
std::uint64_t SpaceOf(const Blob& blob) { return blob.length + HeaderEntrySize(blob); }

class Pruner {
 public:
  Pruner(repo::Repository& repository, const PruneOptions& options, Meter& meter,
         std::stop_token stop)
      : repository_(repository),
        options_(options),
        meter_(meter),
        stop_(std::move(stop)),
        blobs_(repository.index()) {}

  Result<PruneReport> Run(const std::vector<repo::Snapshot>& snapshots) {
    meter_.SetPhase("scan");
    TRY_VOID(MarkUsed(snapshots));
    TRY_VOID(ListPacks());
    FindPlaces();
    TRY_VOID(CheckNothingIsMissing());
    CountSpace();
    if (copies_) ChooseAmongCopies();
    Decide();
    Report();
    if (options_.dry_run) return report_;
    return Execute();
  }

 private:
  Result<void> MarkUsed(const std::vector<repo::Snapshot>& snapshots);
  Result<void> MarkContent(const repo::Tree& tree);
  Result<void> ListPacks();
  void FindPlaces();
  Result<void> CheckNothingIsMissing();
  void CountSpace();
  void ChooseAmongCopies();
  void Decide();
  bool MustRepack(const PrunePack& pack) const;
  bool IsHeldBack(const PrunePack& pack) const {
    return options_.retained && options_.retained->IsHeldBack(pack.stored);
  }
  std::vector<PrunePack*> Candidates();
  void Report();
  void ReportRetained();

  Result<PruneReport> Execute();
  Result<void> RepackAll();
  std::vector<PackEntry> NextToRepack(std::unordered_set<Id>& done);
  Result<void> RepackOne(const PackEntry& pack, std::stop_token stop);
  std::vector<Id> PacksToRemove(bool indexed) const;

  // Whether the blob is in use and this pack's copy the one that counts.
  bool IsNeeded(const Blob& blob, const PrunePack& pack) {
    const std::uint32_t number = blobs_.NumberOf(blob.handle);
    const std::uint8_t notes = blobs_[number];
    if ((notes & kUsed) == 0) return false;
    if ((notes & kTwice) == 0) return true;
    const auto home = homes_.find(number);
    return home != homes_.end() && home->second == pack.number;
  }
  // Calls `visit` for each pack of the index that is there with the right size.
  template <typename Visit>
  void ForEachSound(Visit visit) {
    repository_.index().ForEachPack([&](const PackEntry& entry) {
      const auto pack = packs_.find(entry.id);
      if (pack != packs_.end() && pack->second.sound) visit(entry, pack->second);
    });
  }

  repo::Repository& repository_;
  const PruneOptions& options_;
  Meter& meter_;
  const std::stop_token stop_;
  BlobTable blobs_;
  PrunePacks packs_;
  bool copies_ = false;                                     // something in use is stored twice
  std::unordered_map<std::uint32_t, std::uint32_t> homes_;  // of blobs stored twice: pack numbers
  std::uint64_t to_repack_ = 0;                             // bytes
  std::atomic<std::uint64_t> written_ = 0;
  PruneReport report_;
};

// --- What is in use ---

Result<void> Pruner::MarkUsed(const std::vector<repo::Snapshot>& snapshots) {
  std::vector<Id> roots;
  for (const repo::Snapshot& snapshot : snapshots) roots.push_back(snapshot.tree);
  TreeScan scan;
  scan.claim = [&](const Id& id) -> Result<bool> {
    const repo::BlobHandle handle{BlobType::kTree, id};
    if (!repository_.index().Has(handle))
      return Fail(Code::kCorrupt, repo::Describe(handle) +
                                      " is in no index; nothing was removed; run check, and "
                                      "forget the snapshots that are damaged");
    return (std::exchange(blobs_[handle], kUsed) & kUsed) == 0;
  };
  scan.visit = [&](const Id&, const Result<repo::Tree>& tree) -> Result<void> {
    if (!tree)
      return tl::make_unexpected(
          WithContext("nothing was removed, because a directory cannot be read", tree.error()));
    return MarkContent(*tree);
  };
  return ScanTrees(repository_, roots, scan, stop_);
}

Result<void> Pruner::MarkContent(const repo::Tree& tree) {
  for (const repo::Node& node : tree.nodes) {
    if (!node.content) continue;
    for (const Id& id : *node.content) {
      const repo::BlobHandle handle{BlobType::kData, id};
      if (!repository_.index().Has(handle))
        return Fail(Code::kCorrupt, repo::Describe(handle) +
                                        " is in no index; nothing was removed; run check, and "
                                        "forget the snapshots that are damaged");
      blobs_[handle] = kUsed;
    }
  }
  return {};
}

// --- Where it lies ---

Result<void> Pruner::ListPacks() {
  TRY(const auto files, repository_.ListFiles(FileType::kPack, stop_));
  packs_.reserve(files.size());
  for (const repo::FileEntry& file : files) {
    PrunePack& pack = packs_[file.id];
    pack.size = file.size;
    pack.stored = file.stored;
    pack.number = static_cast<std::uint32_t>(packs_.size());
  }
  return {};
}

void Pruner::FindPlaces() {
  repository_.index().ForEachPack([&](const PackEntry& entry) {
    const auto found = packs_.find(entry.id);
    if (found == packs_.end()) return;
    PrunePack& pack = found->second;
    pack.indexed = true;
    pack.blobs = static_cast<std::uint32_t>(entry.blobs.size());
    pack.sound = pack.size == ImpliedSize(entry);
    if (!pack.sound) return;
    for (const Blob& blob : entry.blobs) {
      std::uint8_t& notes = blobs_[blob.handle];
      if ((notes & kUsed) == 0) continue;
      copies_ |= (notes & kFound) != 0;
      notes |= (notes & kFound) != 0 ? kTwice : kFound;
    }
  });
}

Result<void> Pruner::CheckNothingIsMissing() {
  std::uint64_t missing = 0;
  std::string first;
  repository_.index().ForEach([&](const repo::PackedBlob& place) {
    const std::uint8_t notes = blobs_[place.blob.handle];
    if ((notes & kUsed) == 0 || (notes & kFound) != 0) return;
    if (++missing == 1)
      first = repo::Describe(place.blob.handle) + " in pack " + place.pack.Short();
  });
  if (missing == 0) return {};
  return Fail(Code::kCorrupt,
              fmt::format("{} pieces that snapshots use lie in packs that are missing or have the "
                          "wrong size (the first: {}); nothing was removed; run check, and forget "
                          "the snapshots that are damaged",
                          missing, first));
}

// All but the blobs that are stored twice.
void Pruner::CountSpace() {
  ForEachSound([&](const PackEntry& entry, PrunePack& pack) {
    for (const Blob& blob : entry.blobs) {
      const std::uint8_t notes = blobs_[blob.handle];
      (blob.handle.type == BlobType::kData ? pack.data : pack.trees) = true;
      if ((notes & kUsed) == 0) {
        pack.unused += SpaceOf(blob);
      } else if ((notes & kTwice) == 0) {
        pack.used += SpaceOf(blob);
        ++pack.used_blobs;
        pack.uncompressed |= blob.uncompressed_length == 0;
      }
    }
  });
}

// Of each blob that is stored twice one copy counts: preferably in a pack that stays for the sake
// of others, so that whole packs of copies can go.
void Pruner::ChooseAmongCopies() {
  std::unordered_set<std::uint32_t> staying;
  for (const auto& [id, pack] : packs_)
    if (pack.used_blobs > 0) staying.insert(pack.number);
  for (const bool stays : {true, false}) {
    ForEachSound([&](const PackEntry& entry, PrunePack& pack) {
      if (staying.contains(pack.number) != stays) return;
      for (const Blob& blob : entry.blobs) {
        const std::uint32_t number = blobs_.NumberOf(blob.handle);
        if ((blobs_[number] & kTwice) == 0) continue;
        if ((blobs_[number] & kHomed) != 0) {
          pack.unused += SpaceOf(blob);
          continue;
        }
        blobs_[number] |= kHomed;
        homes_[number] = pack.number;
        pack.used += SpaceOf(blob);
        ++pack.used_blobs;
        pack.uncompressed |= blob.uncompressed_length == 0;
      }
    });
  }
}

// --- What to do ---

// Trees are read at every backup and prune: they are worth being kept together.
bool Pruner::MustRepack(const PrunePack& pack) const {
  const bool compressible = options_.repack_uncompressed && repository_.config().version > 1;
  return !pack.OnlyData() || (compressible && pack.uncompressed);
}

std::vector<PrunePack*> Pruner::Candidates() {
  std::vector<PrunePack*> candidates;
  const bool compress = options_.repack_uncompressed && repository_.config().version > 1;
  for (auto& [id, pack] : packs_) {
    if (pack.fate != Fate::kKeep || IsHeldBack(pack)) continue;
    const bool mixed = pack.data && pack.trees;
    if (pack.unused > 0 || mixed || (compress && pack.uncompressed)) candidates.push_back(&pack);
  }
  std::ranges::sort(candidates, [&](const PrunePack* a, const PrunePack* b) {
    return std::tuple(!MustRepack(*a), -a->UnusedShare(), a->number) <
           std::tuple(!MustRepack(*b), -b->UnusedShare(), b->number);
  });
  return candidates;
}

void Pruner::Decide() {
  std::uint64_t used = 0;
  std::uint64_t unused = 0;
  for (auto& [id, pack] : packs_) {
    if (!pack.sound || pack.used_blobs == 0) {
      pack.fate = Fate::kRemove;
      continue;
    }
    used += pack.used;
    unused += pack.unused;
  }
  const std::uint64_t allowed = options_.max_unused.For(used);
  for (PrunePack* const pack : Candidates()) {
    if (to_repack_ + pack->used > options_.max_repack) continue;
    if (!MustRepack(*pack) && unused <= allowed) continue;
    pack->fate = Fate::kRepack;
    to_repack_ += pack->used;
    unused -= pack->unused;
  }
  report_.bytes_unused = unused;
}

void Pruner::Report() {
  for (const auto& [id, pack] : packs_) {
    report_.bytes_stored += pack.size;
    if (pack.fate == Fate::kKeep) continue;
    ++report_.packs_removed;
    report_.packs_repacked += pack.fate == Fate::kRepack ? 1 : 0;
    report_.bytes_freed += pack.size;
  }
  report_.bytes_repacked = to_repack_;
  report_.bytes_freed -= std::min(report_.bytes_freed, to_repack_);
  report_.bytes_stored -= report_.bytes_freed;
  if (options_.retained) ReportRetained();
}

void Pruner::ReportRetained() {
  for (const auto& [id, pack] : packs_) {
    const TimePoint until = options_.retained->Until(pack.stored);
    if (until <= options_.retained->now) continue;
    const std::uint64_t bytes = pack.fate != Fate::kKeep ? pack.size
                                : IsHeldBack(pack)       ? pack.unused
                                                         : 0;
    if (bytes == 0) continue;
    report_.bytes_retained += bytes;
    report_.retained_until = std::max(report_.retained_until.value_or(until), until);
  }
}

// --- Doing it ---

Result<PruneReport> Pruner::Execute() {
  meter_.SetPhase("transfer");
  meter_.SetTotals(report_.packs_repacked, to_repack_);
  // First of all, because it makes room: nothing refers to these.
  TRY(report_.leftovers, repository_.storage().RemoveLeftovers(stop_));
  TRY_VOID(RemoveFiles(repository_, FileType::kPack, PacksToRemove(/*indexed=*/false), stop_));
  IndexRewriter indexes(repository_, packs_, stop_);
  TRY_VOID(indexes.FindLive());
  TRY_VOID(RepackAll());
  TRY_VOID(indexes.Rewrite());
  TRY_VOID(RemoveFiles(repository_, FileType::kPack, PacksToRemove(/*indexed=*/true), stop_));
  // What was estimated for the new packs, by what they took.
  const std::uint64_t freed = report_.bytes_freed + to_repack_;
  const std::uint64_t stored = report_.bytes_stored + report_.bytes_freed;
  report_.bytes_freed = freed - std::min<std::uint64_t>(freed, written_);
  report_.bytes_stored = stored - report_.bytes_freed;
  report_.bytes_repacked = written_;
  return report_;
}

Result<void> Pruner::RepackAll() {
  std::unordered_set<Id> done;
  while (true) {
    const std::vector<PackEntry> packs = NextToRepack(done);
    if (packs.empty()) break;
    const auto work = [&](std::size_t i, std::stop_token stop) {
      return RepackOne(packs[i], std::move(stop));
    };
    TRY_VOID(repo::InParallel(kPackReaders, packs.size(), work, stop_));
  }
  return repository_.Flush(stop_);
}

// Some packs that are to be moved, with only those of their blobs that are needed. The index cannot
// be walked while blobs are saved.
std::vector<PackEntry> Pruner::NextToRepack(std::unordered_set<Id>& done) {
  std::vector<PackEntry> packs;
  if (done.size() == report_.packs_repacked) return packs;
  std::size_t count = 0;
  ForEachSound([&](const PackEntry& entry, PrunePack& pack) {
    if (pack.fate != Fate::kRepack || count >= kBlobsAtOnce) return;
    if (!done.insert(entry.id).second) return;
    PackEntry needed{entry.id, {}};
    for (const Blob& blob : entry.blobs)
      if (IsNeeded(blob, pack)) needed.blobs.push_back(blob);
    count += needed.blobs.size();
    packs.push_back(std::move(needed));
  });
  return packs;
}

Result<void> Pruner::RepackOne(const PackEntry& pack, std::stop_token stop) {
  const auto move = [&](const Blob& blob, Result<ByteView> content) -> Result<void> {
    // A copy elsewhere may be sound where this one is not.
    Result<Bytes> elsewhere;
    if (!content) elsewhere = repository_.LoadBlob(blob.handle, stop);
    if (!elsewhere)
      return tl::make_unexpected(
          WithContext("nothing that is in use was removed, because it cannot be moved",
                      std::move(elsewhere).error()));
    TRY(const std::uint64_t stored,
        repository_.SaveAgain(blob.handle, content ? *content : ByteView(*elsewhere), stop));
    written_ += stored + HeaderEntrySize(blob);
    meter_.AddBytes(SpaceOf(blob));
    return {};
  };
  TRY_VOID(repository_.LoadBlobs(pack.id, pack.blobs, move, stop));
  meter_.AddFiles(1);
  return {};
}

std::vector<Id> Pruner::PacksToRemove(bool indexed) const {
  std::vector<Id> ids;
  for (const auto& [id, pack] : packs_)
    if (pack.fate != Fate::kKeep && pack.indexed == indexed) ids.push_back(id);
  return ids;
}

}  // namespace

std::uint64_t UnusedLimit::For(std::uint64_t used_bytes) const {
  if (percent < 0) return bytes;
  return static_cast<std::uint64_t>(static_cast<double>(used_bytes) * percent / (100 - percent));
}

Result<UnusedLimit> ParseUnusedLimit(std::string_view text) {
  UnusedLimit limit;
  if (text == "unlimited") return UnusedLimit{-1, UnusedLimit::kUnlimited};
  if (!text.ends_with('%')) {
    limit.percent = -1;
    TRY(limit.bytes, ParseQuantity(text));
    return limit;
  }
  const char* const end = text.data() + text.size() - 1;
  const auto parsed = std::from_chars(text.data(), end, limit.percent);
  if (parsed.ec != std::errc() || parsed.ptr != end || !(limit.percent >= 0 && limit.percent < 100))
    return Fail(Code::kInvalid, "\"" + std::string(text) +
                                    "\" is no share of unused space; write it like 5%, 2Gi or "
                                    "unlimited");
  return limit;
}

Result<PruneReport> Prune(repo::Repository& repository,
                          const std::vector<repo::Snapshot>& snapshots, const PruneOptions& options,
                          Meter& meter, std::stop_token stop) {
  return Pruner(repository, options, meter, std::move(stop)).Run(snapshots);
}

}  // namespace holdfast::engine
