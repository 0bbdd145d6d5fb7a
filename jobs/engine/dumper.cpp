#include "jobs/engine/dumper.h"

#include <map>
#include <span>
#include <utility>

#include "jobs/engine/directory.h"
#include "jobs/engine/tree_walk.h"

namespace holdfast::engine {
namespace {

// A file's content, of which as much as possible is known to be there before the first byte of it
// is written.
class Content {
 public:
  // Corrupt when a piece is in no index, the sizes do not add up, or the first piece cannot be
  // read.
  static Result<Content> Open(repo::Repository& repository, const repo::Node& node,
                              const std::stop_token& stop) {
    if (!node.content) return Fail(Code::kCorrupt, "the file has no list of content");
    std::uint64_t size = 0;
    for (const repo::Id& id : *node.content) {
      const auto place = repository.index().Lookup({repo::BlobType::kData, id});
      if (!place) return Fail(Code::kCorrupt, "data " + id.Short() + " is in no index");
      size += place->blob.PlainLength();
    }
    if (size != node.size) return Fail(Code::kCorrupt, "its content does not have the file's size");
    Content content(*node.content);
    if (!content.ids_.empty()) {
      TRY(content.first_, content.Load(0, repository, stop));
    }
    return content;
  }

  Result<void> Write(repo::Repository& repository, const ByteSink& sink,
                     const std::stop_token& stop) const {
    if (!ids_.empty()) TRY_VOID(sink(first_));
    for (std::size_t i = 1; i < ids_.size(); ++i) {
      TRY(const Bytes piece, Load(i, repository, stop));
      TRY_VOID(sink(piece));
    }
    return {};
  }

 private:
  explicit Content(std::span<const repo::Id> ids) : ids_(ids) {}
  Result<Bytes> Load(std::size_t i, repo::Repository& repository,
                     const std::stop_token& stop) const {
    auto piece = repository.LoadBlob({repo::BlobType::kData, ids_[i]}, stop);
    // What a snapshot refers to and the repository lacks is damage, not a wrong name.
    if (!piece && IsAbsent(piece.error())) piece.error().code = Code::kCorrupt;
    return piece;
  }

  std::span<const repo::Id> ids_;  // the node's
  Bytes first_;
};

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
  Result<void> Damaged(const std::string& path, const repo::Node& node, Error error) override {
    if (!path.empty()) TRY_VOID(Named(path, tar_.Add(path + "/", node, "")));
    return Named(path, LeftOut(path, std::move(error)));
  }

  Result<DumpReport> Finish() {
    TRY_VOID(tar_.Finish());
    return std::move(report_);
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
    const bool linked = node.links > 1 && node.inode != 0;
    const std::pair inode(node.device_id, node.inode);
    if (const auto first = links_.find(inode); linked && first != links_.end()) {
      ++report_.files;
      return tar_.Add(path, node, first->second);
    }
    if (node.type == repo::NodeType::kFile) {
      TRY(const bool added, AddFile(path, node));
      if (!added) return {};
    } else {
      TRY_VOID(tar_.Add(path, node, ""));
    }
    ++report_.files;
    if (linked) links_.emplace(inode, path);
    return {};
  }

  Result<void> LeftOut(const std::string& path, Error error) {
    if (!repo::IsDamage(error)) return tl::make_unexpected(std::move(error));
    report_.damaged.Add("/" + path, error.message);
    return {};
  }

  // False when it is damaged and was left out.
  Result<bool> AddFile(const std::string& path, const repo::Node& node) {
    Result<Content> content = Content::Open(repository_, node, stop_);
    if (!content) {
      TRY_VOID(LeftOut(path, std::move(content).error()));
      return false;
    }
    TRY_VOID(tar_.Add(path, node, ""));
    const auto sink = [&](ByteView piece) { return tar_.Write(piece); };
    auto written = content->Write(repository_, sink, stop_);
    if (!written && written.error().code == Code::kCorrupt)
      written.error().message += "; the archive ends here, but restore goes on beside damage";
    if (!written) return tl::make_unexpected(std::move(written).error());
    report_.bytes += node.size;
    return true;
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
  TRY(const Content content, Content::Open(repository, node, stop));
  TRY_VOID(content.Write(repository, sink, stop));
  return DumpReport{1, node.size, 0, {}};
}

}  // namespace holdfast::engine
