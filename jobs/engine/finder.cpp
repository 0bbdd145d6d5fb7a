#include "jobs/engine/finder.h"

#include <utility>

#include "jobs/engine/directory.h"
#include "jobs/engine/exclude.h"
#include "jobs/engine/listing.h"
#include "jobs/engine/tree_walk.h"

namespace holdfast::engine {
namespace {

class Finding final : public TreeVisitor {
 public:
  Finding(std::ostream& out, const FindOptions& options, const ExcludeList& names, bool json)
      : out_(out), options_(options), names_(names), json_(json) {}

  void StartSnapshot(const repo::Snapshot& snapshot) {
    snapshot_ = &snapshot;
    announced_ = json_;
  }
  FindReport report() && { return std::move(report_); }

  Result<bool> Enter(const std::string& path, const repo::Node& node, const repo::Tree&) override {
    if (!path.empty()) Look(path, node);
    return true;
  }
  Result<void> Leave(const std::string&, const repo::Node&) override { return {}; }
  Result<void> Entry(const std::string& path, const repo::Node& node) override {
    Look(path, node);
    return {};
  }
  Result<void> Damaged(const std::string& path, const repo::Node& node, Error error) override {
    if (!repo::IsDamage(error)) return tl::make_unexpected(std::move(error));
    if (!path.empty()) Look(path, node);
    report_.damaged.Add("snapshot " + snapshot_->id.Short() + ", /" + path, error.message);
    return {};
  }

 private:
  bool Wanted(const std::string& path, const repo::Node& node) const {
    if (options_.type && node.type != *options_.type) return false;
    const TimePoint modified{std::chrono::seconds(node.mtime.seconds)};
    if (options_.newer && modified < *options_.newer) return false;
    if (options_.older && modified > *options_.older) return false;
    return names_.Names(path);
  }

  void Look(const std::string& below, const repo::Node& node) {
    const std::string path = "/" + below;
    if (!Wanted(path, node)) return;
    ++report_.found;
    if (!std::exchange(announced_, true))
      out_ << "snapshot " << snapshot_->id.Short() << " of " << FormatTime(snapshot_->time) << '\n';
    if (json_) {
      Json json = NodeJson(path, node);
      json["snapshot"] = snapshot_->id.Hex();
      out_ << DumpJson(json) << '\n';
    } else {
      out_ << Printable(path) << '\n';
    }
  }

  std::ostream& out_;
  const FindOptions& options_;
  const ExcludeList& names_;
  const bool json_;
  const repo::Snapshot* snapshot_ = nullptr;
  bool announced_ = false;
  FindReport report_;
};

}  // namespace

Result<repo::NodeType> ParseNodeType(std::string_view text) {
  using repo::NodeType;
  for (const auto type : {NodeType::kFile, NodeType::kDir, NodeType::kSymlink, NodeType::kDev,
                          NodeType::kCharDev, NodeType::kFifo}) {
    if (text == repo::NodeTypeName(type)) return type;
  }
  if (text == "f") return NodeType::kFile;
  if (text == "d") return NodeType::kDir;
  if (text == "l") return NodeType::kSymlink;
  return Fail(Code::kInvalid, "\"" + std::string(text) +
                                  "\" is no type; use file, dir, symlink, dev, chardev or fifo");
}

Result<FindReport> Find(std::ostream& out, repo::Repository& repository,
                        std::span<const repo::Snapshot> snapshots, const FindOptions& options,
                        bool json, std::stop_token stop) {
  const std::vector<std::string> none;
  TRY(const ExcludeList names, options.ignore_case ? ExcludeList::Parse(none, options.patterns)
                                                   : ExcludeList::Parse(options.patterns));
  Finding finding(out, options, names, json);
  for (const repo::Snapshot& snapshot : snapshots) {
    finding.StartSnapshot(snapshot);
    repo::Node root;
    root.type = repo::NodeType::kDir;
    root.subtree = snapshot.tree;
    TRY_VOID(WalkTree(repository, root, finding, stop));
  }
  return std::move(finding).report();
}

}  // namespace holdfast::engine
