#include "jobs/engine/checker.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <mutex>
#include <random>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <sys/stat.h>

#include "base/quantity.h"
#include "jobs/engine/pack_readers.h"
#include "jobs/engine/pack_size.h"
#include "jobs/engine/tree_walk.h"

namespace holdfast::engine {
namespace {

using repo::BlobType;
using repo::Id;
using repo::IsDamage;
using storage::FileType;

struct PackState {
  std::uint64_t size = 0;
  bool indexed = false;
};

using PackStates = std::unordered_map<Id, PackState>;

// Reads each tree once, however many snapshots share it.
class TreeChecker final : public TreeVisitor {
 public:
  TreeChecker(const repo::Index& index, CheckReport& report) : index_(index), report_(report) {}

  // Notes, from now on, the packs that hold the files' content. `packs` outlives this.
  void CollectPacks(PackStates& packs) { packs_ = &packs; }

  void StartSnapshot(const repo::Snapshot& snapshot) { snapshot_ = snapshot.id.Short(); }

  Result<bool> Enter(const std::string& path, const repo::Node& node,
                     const repo::Tree& tree) override {
    if (!seen_.insert(*node.subtree).second) return false;
    ++report_.trees;
    for (const repo::Node& entry : tree.nodes) {
      if (entry.type == repo::NodeType::kDir && !entry.subtree)
        Note(path + "/" + entry.name, "the directory has no tree");
    }
    return true;
  }
  Result<void> Leave(const std::string&, const repo::Node&) override { return {}; }
  Result<void> Entry(const std::string& path, const repo::Node& node) override {
    if (node.type != repo::NodeType::kFile) return {};
    if (!node.content) Note(path, "the file has no list of content");
    if (!node.content) return {};
    std::uint64_t size = 0;
    for (const Id& id : *node.content) {
      const auto place = index_.Lookup({BlobType::kData, id});
      if (!place) {
        Note(path, "data " + id.Short() + " is in no index");
        return {};
      }
      size += place->blob.PlainLength();
      if (packs_ != nullptr) (*packs_)[place->pack].indexed = true;
    }
    if (size != node.size)
      Note(path,
           "its content has " + std::to_string(size) + " bytes, not " + std::to_string(node.size));
    return {};
  }
  Result<void> Damaged(const std::string& path, const repo::Node&, Error error) override {
    if (!IsDamage(error)) return tl::make_unexpected(std::move(error));
    Note(path, error.message);
    return {};
  }

 private:
  void Note(const std::string& path, const std::string& what) {
    report_.damage.Add("snapshot " + snapshot_ + ", /" + path, what);
  }

  const repo::Index& index_;
  CheckReport& report_;
  std::string snapshot_;
  std::unordered_set<Id> seen_;
  PackStates* packs_ = nullptr;
};

// Blobs by offset lie one behind the other from the pack's start.
bool LieInOrder(const repo::PackEntry& pack) {
  std::uint64_t end = 0;
  return std::ranges::all_of(pack.blobs, [&](const repo::Blob& blob) {
    return std::exchange(end, end + blob.length) == blob.offset;
  });
}

Result<PackStates> ListPacks(repo::Repository& repository, std::stop_token stop) {
  TRY(const auto files, repository.ListFiles(FileType::kPack, stop));
  PackStates packs;
  for (const auto& file : files) packs[file.id].size = file.size;
  return packs;
}

void CheckPacks(const repo::Index& index, PackStates& packs, CheckReport& report) {
  index.ForEachPack([&](const repo::PackEntry& entry) {
    const auto pack = packs.find(entry.id);
    if (pack == packs.end()) {
      report.damage.Add("pack " + entry.id.Hex(), "is in the index but not in the repository");
      return;
    }
    pack->second.indexed = true;
    const std::uint64_t implied = ImpliedSize(entry);
    if (implied != pack->second.size) {
      report.damage.Add("pack " + entry.id.Hex(), "has " + std::to_string(pack->second.size) +
                                                      " bytes, the index implies " +
                                                      std::to_string(implied));
    } else if (!LieInOrder(entry)) {
      report.damage.Add("pack " + entry.id.Hex(), "has gaps or overlaps, the index says");
    }
  });
  for (const auto& [id, pack] : packs) {
    report.stored_bytes += pack.size;
    if (!pack.indexed) ++report.unused_packs;
  }
  report.packs = packs.size();
}

// Each key file against its name: parts of it are protected by nothing else.
Result<void> CheckKeys(repo::Repository& repository, CheckReport& report, std::stop_token stop) {
  TRY(const auto files, repository.ListFiles(FileType::kKey, stop));
  for (const auto& file : files) {
    const auto content = repository.storage().Load({FileType::kKey, file.id.Hex()}, 0, 0, stop);
    if (!content && !IsDamage(content.error())) return tl::make_unexpected(content.error());
    if (!content || Id::Of(*content) != file.id)
      report.damage.Add("key " + file.id.Hex(), "its content does not match its name");
  }
  return {};
}

bool IsIndexed(const repo::Index& index, const Id& pack, const repo::Blob& blob) {
  const auto places = index.LookupAll(blob.handle);
  return std::ranges::find(places, repo::PackedBlob{pack, blob}) != places.end();
}

// Everything in one pack against its name, its own header, its blobs' ids and, if there is one, its
// index.
Result<void> ReadPack(repo::Repository& repository, const Id& id, bool indexed,
                      std::stop_token stop) {
  TRY(Bytes content, repository.storage().Load({FileType::kPack, id.Hex()}, 0, 0, stop));
  if (Id::Of(content) != id) return Fail(Code::kCorrupt, "its content does not match its name");
  TRY(const auto blobs, repo::DecodePackHeader(repository.key(), content, content.size()));
  for (const repo::Blob& blob : blobs) {
    TRY_VOID(repo::OpenBlob(repository.key(), blob,
                            std::span(content).subspan(blob.offset, blob.length)));
    if (indexed && !IsIndexed(repository.index(), id, blob))
      return Fail(Code::kCorrupt, "the index does not say that it holds " + Describe(blob.handle));
  }
  return {};
}

std::vector<Id> ChoosePacks(const PackStates& packs, const DataSubset& subset) {
  std::vector<Id> ids;
  for (const auto& [id, pack] : packs)
    if (id.bytes.front() % subset.buckets == subset.bucket - 1) ids.push_back(id);
  if (subset.percent >= 100 && subset.bytes == DataSubset::kAllBytes) return ids;
  std::ranges::shuffle(ids, std::mt19937_64(std::random_device()()));
  const double share = std::ceil(static_cast<double>(ids.size()) * subset.percent / 100);
  ids.resize(std::min(ids.size(), static_cast<std::size_t>(share)));
  std::uint64_t bytes = 0;
  const auto end = std::ranges::find_if(ids, [&](const Id& id) {
    return std::exchange(bytes, bytes + packs.at(id).size) >= subset.bytes;
  });
  ids.erase(end, ids.end());
  return ids;
}

Result<void> ReadPacks(repo::Repository& repository, const PackStates& packs,
                       const DataSubset& subset, CheckReport& report, Meter& meter,
                       std::stop_token stop) {
  const std::vector<Id> ids = ChoosePacks(packs, subset);
  std::uint64_t total = 0;
  for (const Id& id : ids) total += packs.at(id).size;
  meter.SetTotals(ids.size(), total);
  std::mutex mutex;  // guards the report
  const auto work = [&](std::size_t i, std::stop_token each) -> Result<void> {
    const PackState& pack = packs.at(ids[i]);
    const auto read = ReadPack(repository, ids[i], pack.indexed, each);
    if (!read && !IsDamage(read.error())) return read;
    meter.AddFiles(1);
    meter.AddBytes(pack.size);
    const std::lock_guard lock(mutex);
    // A pack that no index lists may be the rest of an interrupted upload.
    if (!read && pack.indexed) report.damage.Add("pack " + ids[i].Hex(), read.error().message);
    ++report.packs_read;
    return {};
  };
  return repo::InParallel(kPackReaders, ids.size(), work, stop);
}

Result<void> CheckTrees(repo::Repository& repository, const std::vector<repo::Snapshot>& snapshots,
                        TreeChecker& trees, std::stop_token stop) {
  for (const repo::Snapshot& snapshot : snapshots) {
    trees.StartSnapshot(snapshot);
    repo::Node root;
    root.type = repo::NodeType::kDir;
    root.subtree = snapshot.tree;
    TRY_VOID(WalkTree(repository, root, trees, stop));
  }
  return {};
}

tl::unexpected<Error> NoSubset(std::string_view text) {
  return Fail(Code::kInvalid, "\"" + std::string(text) +
                                  "\" is no part of the data; write it like 2/5, 10% or 50Gi");
}

template <typename T>
bool ParseWhole(std::string_view text, T& value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

}  // namespace

Result<DataSubset> ParseDataSubset(std::string_view text) {
  DataSubset subset;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const bool numbers = ParseWhole(text.substr(0, slash), subset.bucket) &&
                         ParseWhole(text.substr(slash + 1), subset.buckets);
    const bool sensible = subset.bucket >= 1 && subset.bucket <= subset.buckets &&
                          subset.buckets <= 256;  // by one byte
    if (!numbers || !sensible) return NoSubset(text);
    return subset;
  }
  if (text.ends_with('%')) {
    const bool number = ParseWhole(text.substr(0, text.size() - 1), subset.percent);
    if (!number || !(subset.percent > 0 && subset.percent <= 100)) return NoSubset(text);
    return subset;
  }
  const auto bytes = ParseQuantity(text);
  if (!bytes || *bytes == 0) return NoSubset(text);
  subset.bytes = *bytes;
  return subset;
}

Result<CheckReport> Check(repo::Repository& repository,
                          const std::vector<repo::Snapshot>& snapshots, const DataSubset& read_data,
                          Meter& meter, std::stop_token stop) {
  CheckReport report;
  report.snapshots = snapshots.size();
  meter.SetPhase("scan");
  TRY(PackStates packs, ListPacks(repository, stop));
  CheckPacks(repository.index(), packs, report);
  TRY_VOID(CheckKeys(repository, report, stop));
  TreeChecker trees(repository.index(), report);
  TRY_VOID(CheckTrees(repository, snapshots, trees, stop));
  if (!read_data.empty()) {
    meter.SetPhase("verify");
    TRY_VOID(ReadPacks(repository, packs, read_data, report, meter, stop));
  }
  return report;
}

Result<CheckReport> CheckSnapshots(repo::Repository& repository,
                                   const std::vector<repo::Snapshot>& snapshots, Meter& meter,
                                   std::stop_token stop) {
  CheckReport report;
  report.snapshots = snapshots.size();
  meter.SetPhase("scan");
  PackStates packs;
  TreeChecker trees(repository.index(), report);
  trees.CollectPacks(packs);
  TRY_VOID(CheckTrees(repository, snapshots, trees, stop));
  repository.index().ForEachPack([&](const repo::PackEntry& entry) {
    if (const auto pack = packs.find(entry.id); pack != packs.end())
      pack->second.size = ImpliedSize(entry);
  });
  report.packs = packs.size();
  for (const auto& [id, pack] : packs) report.stored_bytes += pack.size;
  meter.SetPhase("verify");
  TRY_VOID(ReadPacks(repository, packs, DataSubset::All(), report, meter, stop));
  return report;
}

}  // namespace holdfast::engine
