#include "jobs/engine/listing.h"

#include <algorithm>
#include <string_view>

#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/wording.h"
#include "jobs/engine/directory.h"
#include "jobs/engine/tree_walk.h"

namespace holdfast::engine {
namespace {

std::string Joined(std::span<const std::string> words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + Printable(word);
  return text;
}

std::string SizeOf(const repo::Snapshot& snapshot) {
  return snapshot.summary ? HumanBytes(snapshot.summary->total_bytes_processed) : "-";
}

Json SnapshotJson(const repo::Snapshot& snapshot) {
  Json json = Json::parse(repo::EncodeSnapshot(snapshot), nullptr, false);
  json["id"] = snapshot.id.Hex();
  json["short_id"] = snapshot.id.Short();
  return json;
}

// "drwxr-xr-x", as ls writes it.
std::string ModeText(mode_t mode, repo::NodeType type) {
  std::string text = "?rwxrwxrwx";
  switch (type) {
    case repo::NodeType::kFile:
      text[0] = '-';
      break;
    case repo::NodeType::kDir:
      text[0] = 'd';
      break;
    case repo::NodeType::kSymlink:
      text[0] = 'l';
      break;
    case repo::NodeType::kDev:
      text[0] = 'b';
      break;
    case repo::NodeType::kCharDev:
      text[0] = 'c';
      break;
    case repo::NodeType::kFifo:
      text[0] = 'p';
      break;
    case repo::NodeType::kSocket:
      text[0] = 's';
      break;
    case repo::NodeType::kIrregular:
      break;
  }
  for (unsigned bit = 0; bit < 9; ++bit) {
    if ((mode & (0400U >> bit)) == 0) text[bit + 1] = '-';
  }
  if ((mode & S_ISUID) != 0) text[3] = text[3] == 'x' ? 's' : 'S';
  if ((mode & S_ISGID) != 0) text[6] = text[6] == 'x' ? 's' : 'S';
  if ((mode & S_ISVTX) != 0) text[9] = text[9] == 'x' ? 't' : 'T';
  return text;
}

std::string TimeText(const repo::FileTime& time) {
  return FormatTime(TimePoint(std::chrono::seconds(time.seconds)));
}

class TreePrinter final : public TreeVisitor {
 public:
  TreePrinter(std::ostream& out, std::string root, bool long_format, bool json)
      : out_(out), root_(std::move(root)), long_format_(long_format), json_(json) {}

  Result<bool> Enter(const std::string& path, const repo::Node& node, const repo::Tree&) override {
    if (!path.empty()) Print(path, node);
    return true;
  }
  Result<void> Leave(const std::string&, const repo::Node&) override { return {}; }
  Result<void> Entry(const std::string& path, const repo::Node& node) override {
    Print(path, node);
    return {};
  }
  Result<void> Damaged(const std::string& path, const repo::Node& node, Error error) override {
    if (!repo::IsDamage(error)) return tl::make_unexpected(std::move(error));
    if (!path.empty()) Print(path, node);
    damaged_.Add(path.empty() ? root_ : JoinPath(root_, path), error.message);
    return {};
  }
  ProblemList damaged() && { return std::move(damaged_); }

  void Print(const std::string& path, const repo::Node& node) {
    const std::string full = path.empty() ? root_ : JoinPath(root_, path);
    if (json_) {
      out_ << DumpJson(NodeJson(full, node)) << '\n';
    } else if (long_format_) {
      out_ << fmt::format("{} {:>5} {:>5} {:>12} {} {}",
                          ModeText(repo::PosixMode(node.mode), node.type), node.uid, node.gid,
                          node.size, TimeText(node.mtime), Printable(full));
      if (node.type == repo::NodeType::kSymlink) out_ << " -> " << Printable(node.link_target);
      out_ << '\n';
    } else {
      out_ << Printable(full) << '\n';
    }
  }

 private:
  std::ostream& out_;
  const std::string root_;
  const bool long_format_;
  const bool json_;
  ProblemList damaged_;
};

}  // namespace

Json NodeJson(const std::string& path, const repo::Node& node) {
  return {{"struct_type", "node"},
          {"name", node.name},
          {"type", std::string(repo::NodeTypeName(node.type))},
          {"path", path},
          {"uid", node.uid},
          {"gid", node.gid},
          {"size", node.size},
          {"mode", node.mode},
          {"mtime", TimeText(node.mtime)}};
}

void PrintSnapshots(std::ostream& out, std::span<const repo::Snapshot> snapshots, bool json) {
  if (json) {
    for (const repo::Snapshot& snapshot : snapshots)
      out << DumpJson(SnapshotJson(snapshot)) << '\n';
    return;
  }
  std::size_t host_width = 4;
  std::size_t path_width = 4;
  for (const repo::Snapshot& snapshot : snapshots) {
    host_width = std::max(host_width, snapshot.hostname.size());
    path_width = std::max(path_width, Joined(snapshot.paths).size());
  }
  out << fmt::format("{:<8}  {:<20}  {:<{}}  {:<{}}  {:>10}  {}\n", "ID", "TIME", "HOST",
                     host_width, "PATH", path_width, "SIZE", "TAGS");
  for (const repo::Snapshot& snapshot : snapshots)
    out << fmt::format("{:<8}  {:<20}  {:<{}}  {:<{}}  {:>10}  {}\n", snapshot.id.Short(),
                       FormatTime(snapshot.time), snapshot.hostname, host_width,
                       Joined(snapshot.paths), path_width, SizeOf(snapshot), Joined(snapshot.tags));
  out << Counted(snapshots.size(), "snapshot") << '\n';
}

void PrintRecords(std::ostream& out, std::span<const protocol::BackupRecord> records, bool json) {
  if (json) {
    for (const protocol::BackupRecord& record : records) out << protocol::EncodeLine(record);
    return;
  }
  std::size_t cluster_width = 7;
  std::size_t name_width = 6;
  const auto name_of = [](const auto& record) { return record.ns + "/" + record.name; };
  for (const protocol::BackupRecord& record : records) {
    cluster_width = std::max(cluster_width, record.cluster.size());
    name_width = std::max(name_width, name_of(record).size());
  }
  out << fmt::format("{:<20}  {:<{}}  {:<{}}  {:>7}  {:>10}  {}\n", "TIME", "CLUSTER",
                     cluster_width, "BACKUP", name_width, "VOLUMES", "SIZE", "POLICY");
  for (const protocol::BackupRecord& record : records) {
    std::uint64_t bytes = 0;
    for (const protocol::RecordedVolume& volume : record.volumes) bytes += volume.bytes;
    out << fmt::format("{:<20}  {:<{}}  {:<{}}  {:>7}  {:>10}  {}\n", FormatTime(record.start),
                       Printable(record.cluster), cluster_width, Printable(name_of(record)),
                       name_width, record.volumes.size(), HumanBytes(bytes),
                       Printable(record.policy));
  }
}

void PrintDecisions(std::ostream& out, const ForgetReport& report, bool dry_run) {
  for (const ForgetReport::Decision& decision : report.decisions) {
    const bool removed =
        std::ranges::find(report.removed, decision.snapshot.id) != report.removed.end();
    const std::string verdict = !decision.reasons.empty() ? "keep    " + Joined(decision.reasons)
                                : removed ? (dry_run ? "would be removed" : "removed")
                                          : "due; run again";
    out << fmt::format("{}  {}  {}\n", decision.snapshot.id.Short(),
                       FormatTime(decision.snapshot.time), verdict);
  }
}

Result<ProblemList> PrintTree(std::ostream& out, repo::Repository& repository,
                              const repo::Snapshot& snapshot, const std::string& path,
                              const TreeFormat& format, std::stop_token stop) {
  TRY(const repo::Node root, FindNode(repository, snapshot.tree, path, stop));
  TreePrinter printer(out, path, format.long_format, format.json);
  if (root.type != repo::NodeType::kDir) {
    printer.Print("", root);
  } else if (!format.recurse) {
    if (!root.subtree) return Fail(Code::kCorrupt, "the directory has no tree; run check");
    auto tree = repository.LoadTree(*root.subtree, stop);
    // What a snapshot refers to and the repository lacks is damage, not a wrong name.
    if (!tree && IsAbsent(tree.error())) tree.error().code = Code::kCorrupt;
    if (!tree) return tl::make_unexpected(std::move(tree).error());
    for (const repo::Node& node : tree->nodes) printer.Print(node.name, node);
  } else {
    TRY_VOID(WalkTree(repository, root, printer, stop));
  }
  return std::move(printer).damaged();
}

}  // namespace holdfast::engine
