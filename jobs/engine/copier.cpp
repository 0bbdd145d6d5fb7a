#include "jobs/engine/copier.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <utility>

#include "jobs/engine/blob_table.h"
#include "jobs/engine/pack_readers.h"
#include "jobs/engine/tree_scan.h"

namespace holdfast::engine {
namespace {

using repo::Blob;
using repo::BlobHandle;
using repo::BlobType;
using repo::Id;
using repo::PackEntry;
using repo::Snapshot;

// Notes on a blob of the source.
constexpr std::uint8_t kSeen = 1;    // a tree that was read
constexpr std::uint8_t kNeeded = 2;  // the destination lacks it
constexpr std::uint8_t kTaken = 4;   // and it is on its way

// Taken out of the index at once (48 bytes each).
constexpr std::size_t kBlobsAtOnce = 50'000;

Id OriginalOf(const Snapshot& snapshot) { return snapshot.original.value_or(snapshot.id); }

// What must be equal in two copies of one snapshot.
Snapshot Essence(Snapshot snapshot) {
  snapshot.id = Id();
  snapshot.parent.reset();
  snapshot.original.reset();
  snapshot.program_version.clear();
  snapshot.summary.reset();
  return snapshot;
}

bool IsThere(const Snapshot& snapshot, const std::vector<Snapshot>& there) {
  return std::ranges::any_of(there, [&](const Snapshot& other) {
    return OriginalOf(other) == OriginalOf(snapshot) && Essence(other) == Essence(snapshot);
  });
}

class Copier {
 public:
  Copier(repo::Repository& from, repo::Repository& to, Meter& meter, std::stop_token stop)
      : from_(from), to_(to), meter_(meter), stop_(std::move(stop)), blobs_(from.index()) {}

  Result<void> CopyContent(const std::vector<Snapshot>& snapshots) {
    meter_.SetPhase("scan");
    TRY_VOID(MarkNeeded(snapshots));
    meter_.SetPhase("transfer");
    meter_.SetTotals(0, needed_bytes_);
    while (true) {
      const std::vector<PackEntry> packs = NextPacks();
      if (packs.empty()) break;
      const auto work = [&](std::size_t i, std::stop_token stop) {
        return CopyPack(packs[i], std::move(stop));
      };
      TRY_VOID(repo::InParallel(kPackReaders, packs.size(), work, stop_));
    }
    return to_.Flush(stop_);
  }

  // The first thing that the snapshot uses and that did not arrive because it cannot be read. Only
  // after CopyContent.
  Result<std::optional<std::string>> FirstMissing(const Snapshot& snapshot) {
    std::optional<std::string> first;
    if (!damaged_) return first;
    BlobTable seen(to_.index());
    const auto arrived = [&](const BlobHandle& handle) {
      const bool has = to_.index().Has(handle);
      if (!has && !first) first = repo::Describe(handle) + " cannot be read";
      return has;
    };
    TreeScan scan;
    scan.claim = [&](const Id& id) -> Result<bool> {
      const BlobHandle handle{BlobType::kTree, id};
      return arrived(handle) && !first && std::exchange(seen[handle], kSeen) == 0;
    };
    scan.visit = [&](const Id&, const Result<repo::Tree>& tree) -> Result<void> {
      if (!tree && !repo::IsDamage(tree.error())) return tl::make_unexpected(tree.error());
      if (!tree && !first) first = tree.error().message;
      if (tree) ForEachPiece(*tree, arrived);
      return {};
    };
    TRY_VOID(ScanTrees(to_, std::array{snapshot.tree}, scan, stop_));
    return first;
  }

  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t bytes_added() const { return bytes_added_; }

 private:
  // Also below trees that the destination has: an interrupted copy may have sent a tree before what
  // is in it.
  Result<void> MarkNeeded(const std::vector<Snapshot>& snapshots) {
    std::vector<Id> roots;
    for (const Snapshot& snapshot : snapshots) roots.push_back(snapshot.tree);
    TreeScan scan;
    scan.claim = [&](const Id& id) -> Result<bool> {
      const BlobHandle handle{BlobType::kTree, id};
      if (!Mark(handle)) return false;
      return (std::exchange(blobs_[handle], blobs_[handle] | kSeen) & kSeen) == 0;
    };
    scan.visit = [&](const Id&, const Result<repo::Tree>& tree) -> Result<void> {
      if (!tree) return NoteDamage(tree.error());
      ForEachPiece(*tree, [&](const BlobHandle& piece) { Mark(piece); });
      return {};
    };
    return ScanTrees(from_, roots, scan, stop_);
  }

  template <typename Each>
  static void ForEachPiece(const repo::Tree& tree, Each each) {
    for (const repo::Node& node : tree.nodes) {
      if (!node.content) continue;
      for (const Id& id : *node.content) each(BlobHandle{BlobType::kData, id});
    }
  }

  // False when no index of the source lists it.
  bool Mark(const BlobHandle& handle) {
    const auto place = from_.index().Lookup(handle);
    if (!place) damaged_ = true;
    if (!place) return false;
    std::uint8_t& notes = blobs_[handle];
    if ((notes & kNeeded) != 0 || to_.index().Has(handle)) return true;
    notes |= kNeeded;
    needed_bytes_ += place->blob.length;
    return true;
  }

  // Some packs with those of their blobs that are needed. The index cannot be walked while others
  // use it.
  std::vector<PackEntry> NextPacks() {
    std::vector<PackEntry> packs;
    std::size_t count = 0;
    from_.index().ForEachPack([&](const PackEntry& entry) {
      if (count >= kBlobsAtOnce) return;
      PackEntry needed{entry.id, {}};
      for (const Blob& blob : entry.blobs) {
        std::uint8_t& notes = blobs_[blob.handle];
        if ((notes & kNeeded) == 0 || (notes & kTaken) != 0) continue;
        notes |= kTaken;
        needed.blobs.push_back(blob);
      }
      if (needed.blobs.empty()) return;
      count += needed.blobs.size();
      packs.push_back(std::move(needed));
    });
    return packs;
  }

  Result<void> CopyPack(const PackEntry& pack, std::stop_token stop) {
    const auto copy = [&](const Blob& blob, Result<ByteView> found) -> Result<void> {
      // A copy elsewhere may be sound where this one is not.
      Result<Bytes> elsewhere;
      if (!found) elsewhere = from_.LoadBlob(blob.handle, stop);
      if (!elsewhere) return NoteDamage(std::move(elsewhere).error());
      const ByteView content = found ? *found : ByteView(*elsewhere);
      TRY(const repo::SavedBlob saved,
          to_.SaveBlob(blob.handle.type, content, stop, &blob.handle.id));
      bytes_ += content.size();
      bytes_added_ += saved.stored_size;
      meter_.AddBytes(blob.length);
      return {};
    };
    return from_.LoadBlobs(pack.id, pack.blobs, copy, stop);
  }

  Result<void> NoteDamage(Error error) {
    if (!repo::IsDamage(error)) return tl::make_unexpected(std::move(error));
    damaged_ = true;
    return {};
  }

  repo::Repository& from_;
  repo::Repository& to_;
  Meter& meter_;
  const std::stop_token stop_;
  BlobTable blobs_;
  std::atomic<bool> damaged_ = false;  // something could not be read
  std::uint64_t needed_bytes_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0, bytes_added_ = 0;
};

}  // namespace

Result<CopyReport> Copy(repo::Repository& from, const std::vector<Snapshot>& snapshots,
                        repo::Repository& to, const std::vector<Snapshot>& there, Meter& meter,
                        std::stop_token stop) {
  if (from.config().id == to.config().id)
    return Fail(Code::kInvalid, "the source and the destination are the same repository");
  CopyReport report;
  std::vector<Snapshot> missing;
  for (const Snapshot& snapshot : snapshots)
    if (!IsThere(snapshot, there)) missing.push_back(snapshot);
  report.skipped = snapshots.size() - missing.size();
  if (missing.empty()) return report;
  std::ranges::stable_sort(missing, {}, &Snapshot::time);

  Copier copier(from, to, meter, stop);
  TRY_VOID(copier.CopyContent(missing));
  for (Snapshot& snapshot : missing) {
    TRY(const auto missing_piece, copier.FirstMissing(snapshot));
    if (missing_piece) {
      report.damaged.Add("snapshot " + snapshot.id.Short(), *missing_piece);
      continue;
    }
    snapshot.original = OriginalOf(snapshot);
    snapshot.parent.reset();  // it may not be here
    TRY(const Id id, to.SaveSnapshot(snapshot, stop));
    report.copied.push_back(id);
  }
  report.bytes = copier.bytes();
  report.bytes_added = copier.bytes_added();
  return report;
}

}  // namespace holdfast::engine
