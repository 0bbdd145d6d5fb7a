#include "jobs/engine/checker.h"

#include <algorithm>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <sys/stat.h>

#include "jobs/engine/pack_size.h"
#include "jobs/engine/tree_walk.h"

namespace holdfast::engine {
namespace {

using repo::BlobType;
using repo::Id;
using storage::FileType;

bool IsDamage(const Error& error) {
  return error.code == Code::kCorrupt || error.code == Code::kNotFound;
}

// Reads each tree once, however many snapshots share it.
class TreeChecker final : public TreeVisitor {
 public:
  TreeChecker(const repo::Index& index, CheckReport& report) : index_(index), report_(report) {}

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
    }
    if (size != node.size)
      Note(path,
           "its content has " + std::to_string(size) + " bytes, not " + std::to_string(node.size));
    return {};
  }
  Result<void> Damaged(const std::string& path, Error error) override {
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
};

struct PackState {
  std::uint64_t size = 0;
  bool indexed = false;
};

using PackStates = std::unordered_map<Id, PackState>;

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
    if (implied != pack->second.size)
      report.damage.Add("pack " + entry.id.Hex(), "has " + std::to_string(pack->second.size) +
                                                      " bytes, the index implies " +
                                                      std::to_string(implied));
  });
  for (const auto& [id, pack] : packs) {
    report.stored_bytes += pack.size;
    if (!pack.indexed) ++report.unused_packs;
  }
  report.packs = packs.size();
}

// Everything in one pack against its name, its own header and its blobs' ids.
Result<void> ReadPack(repo::Repository& repository, const Id& id, std::stop_token stop) {
  TRY(Bytes content, repository.storage().Load({FileType::kPack, id.Hex()}, 0, 0, stop));
  if (Id::Of(content) != id) return Fail(Code::kCorrupt, "its content does not match its name");
  TRY(const auto blobs, repo::DecodePackHeader(repository.key(), content, content.size()));
  for (const repo::Blob& blob : blobs) {
    TRY_VOID(repo::OpenBlob(repository.key(), blob,
                            std::span(content).subspan(blob.offset, blob.length)));
  }
  return {};
}

Result<void> ReadPacks(repo::Repository& repository, const PackStates& packs, CheckReport& report,
                       Meter& meter, std::stop_token stop) {
  for (const auto& [id, pack] : packs) {
    const auto read = ReadPack(repository, id, stop);
    if (!read && !IsDamage(read.error())) return read;
    // A pack that no index lists may be the rest of an interrupted upload.
    if (!read && pack.indexed) report.damage.Add("pack " + id.Hex(), read.error().message);
    ++report.packs_read;
    meter.AddFiles(1);
    meter.AddBytes(pack.size);
  }
  return {};
}

}  // namespace

Result<CheckReport> Check(repo::Repository& repository,
                          const std::vector<repo::Snapshot>& snapshots, bool read_data,
                          Meter& meter, std::stop_token stop) {
  CheckReport report;
  report.snapshots = snapshots.size();
  meter.SetPhase("scan");
  TRY(PackStates packs, ListPacks(repository, stop));
  CheckPacks(repository.index(), packs, report);
  TreeChecker trees(repository.index(), report);
  for (const repo::Snapshot& snapshot : snapshots) {
    trees.StartSnapshot(snapshot);
    repo::Node root;
    root.type = repo::NodeType::kDir;
    root.subtree = snapshot.tree;
    TRY_VOID(WalkTree(repository, root, trees, stop));
  }
  if (read_data) {
    meter.SetPhase("verify");
    meter.SetTotals(report.packs, report.stored_bytes);
    TRY_VOID(ReadPacks(repository, packs, report, meter, stop));
  }
  return report;
}

}  // namespace holdfast::engine
