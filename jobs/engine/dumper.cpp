#include "jobs/engine/dumper.h"

#include <map>
#include <utility>

#include "jobs/engine/directory.h"
#include "jobs/engine/tree_walk.h"

namespace holdfast::engine {
namespace {

Result<void> WriteContent(repo::Repository& repository, const repo::Node& node,
                          const ByteSink& sink, const std::stop_token& stop) {
  if (!node.content) return Fail(Code::kCorrupt, "the file has no list of content; run check");
  std::uint64_t written = 0;
  for (const repo::Id& id : *node.content) {
    TRY(const Bytes piece, repository.LoadBlob({repo::BlobType::kData, id}, stop));
    written += piece.size();
    if (written > node.size) break;
    TRY_VOID(sink(piece));
  }
  if (written != node.size)
    return Fail(Code::kCorrupt, "its content does not have the file's size; run check");
  return {};
}

class Taring final : public TreeVisitor {
 public:
  Taring(repo::Repository& repository, const ByteSink& sink, std::stop_token stop)
      : repository_(repository), stop_(std::move(stop)), tar_(sink) {}

  Result<bool> Enter(const std::string& path, const repo::Node& node, const repo::Tree&) override {
    if (!path.empty()) TRY_VOID(Named(path, tar_.Add(path + "/", node, "")));
    return true;
  }
  Result<void> Leave(const std::string&, const repo::Node&) override { return {}; }
  Result<void> Entry(const std::string& path, const repo::Node& node) override {
    return Named(path, Add(path, node));
  }
  Result<void> Damaged(const std::string& path, Error error) override {
    return Named(path, tl::make_unexpected(std::move(error)));
  }

  Result<DumpReport> Finish() {
    TRY_VOID(tar_.Finish());
    return report_;
  }

 private:
  static Result<void> Named(const std::string& path, Result<void> result) {
    if (result) return result;
    return tl::make_unexpected(WithContext("/" + Printable(path), std::move(result).error()));
  }

  Result<void> Add(const std::string& path, const repo::Node& node) {
    if (node.type == repo::NodeType::kSocket || node.type == repo::NodeType::kIrregular) {
      ++report_.sockets_skipped;
      return {};
    }
    ++report_.files;
    std::string first;
    if (node.type != repo::NodeType::kDir && node.links > 1 && node.inode != 0) {
      const auto [link, added] = links_.try_emplace({node.device_id, node.inode}, path);
      if (!added) first = link->second;
    }
    TRY_VOID(tar_.Add(path, node, first));
    if (node.type != repo::NodeType::kFile || !first.empty()) return {};
    report_.bytes += node.size;
    return WriteContent(
        repository_, node, [&](ByteView piece) { return tar_.Write(piece); }, stop_);
  }

  repo::Repository& repository_;
  const std::stop_token stop_;
  TarWriter tar_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> links_;  // device and inode
  DumpReport report_;
};

}  // namespace

Result<DumpReport> Dump(repo::Repository& repository, const repo::Id& tree, const std::string& path,
                        bool archive, const ByteSink& sink, std::stop_token stop) {
  TRY(const repo::Node node, FindNode(repository, tree, path, stop));
  if (node.type == repo::NodeType::kDir) {
    Taring taring(repository, sink, stop);
    TRY_VOID(WalkTree(repository, node, taring, stop));
    return taring.Finish();
  }
  if (archive) {
    Taring taring(repository, sink, stop);
    TRY_VOID(taring.Entry(node.name, node));
    return taring.Finish();
  }
  if (node.type != repo::NodeType::kFile)
    return Fail(Code::kInvalid, Printable(path) +
                                    " is neither a file nor a directory; see it with "
                                    "ls --long, or add --archive tar");
  TRY_VOID(WriteContent(repository, node, sink, stop));
  return DumpReport{1, node.size, 0};
}

}  // namespace holdfast::engine
