#include "jobs/repo/tree.h"

#include <algorithm>
#include <array>

#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>

#include "jobs/repo/json_text.h"
#include "jobs/storage/encoding.h"

namespace holdfast::repo {
namespace {

// Go's os.FileMode: permission bits as in POSIX, the rest counted down from the top.
constexpr std::uint32_t kGoDir = 1U << 31;
constexpr std::uint32_t kGoSymlink = 1U << 27;
constexpr std::uint32_t kGoDevice = 1U << 26;
constexpr std::uint32_t kGoFifo = 1U << 25;
constexpr std::uint32_t kGoSocket = 1U << 24;
constexpr std::uint32_t kGoSetuid = 1U << 23;
constexpr std::uint32_t kGoSetgid = 1U << 22;
constexpr std::uint32_t kGoCharDevice = 1U << 21;
constexpr std::uint32_t kGoSticky = 1U << 20;
constexpr std::uint32_t kGoIrregular = 1U << 19;
constexpr std::uint32_t kPermissions = 0777;

constexpr std::array<std::string_view, 8> kTypeNames = {"file",    "dir",  "symlink", "dev",
                                                        "chardev", "fifo", "socket",  "irregular"};

std::uint32_t GoType(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return 0;
    case S_IFDIR:
      return kGoDir;
    case S_IFLNK:
      return kGoSymlink;
    case S_IFBLK:
      return kGoDevice;
    case S_IFCHR:
      return kGoDevice | kGoCharDevice;
    case S_IFIFO:
      return kGoFifo;
    case S_IFSOCK:
      return kGoSocket;
    default:
      return kGoIrregular;
  }
}

mode_t PosixType(std::uint32_t go_mode) {
  if ((go_mode & kGoDir) != 0) return S_IFDIR;
  if ((go_mode & kGoSymlink) != 0) return S_IFLNK;
  if ((go_mode & kGoCharDevice) != 0) return S_IFCHR;
  if ((go_mode & kGoDevice) != 0) return S_IFBLK;
  if ((go_mode & kGoFifo) != 0) return S_IFIFO;
  if ((go_mode & kGoSocket) != 0) return S_IFSOCK;
  return S_IFREG;
}

void AppendAttributes(std::string& text, const std::vector<ExtendedAttribute>& attributes) {
  text += '[';
  for (const ExtendedAttribute& attribute : attributes) {
    if (&attribute != &attributes.front()) text += ',';
    JsonObjectWriter object(text);
    object.String("name", attribute.name);
    object.String("value", storage::Base64(AsBytes(attribute.value)));
    object.Close();
  }
  text += ']';
}

void AppendContent(std::string& text, const std::optional<std::vector<Id>>& content) {
  if (!content) {
    text += "null";
    return;
  }
  text += '[';
  for (const Id& id : *content) {
    if (&id != &content->front()) text += ',';
    text += '"';
    text += id.Hex();
    text += '"';
  }
  text += ']';
}

void AppendNode(std::string& text, const Node& node) {
  JsonObjectWriter object(text);
  object.String("name", GoQuote(node.name));
  object.String("type", NodeTypeName(node.type));
  object.NumberUnlessZero("mode", node.mode);
  object.String("mtime", FormatFileTime(node.mtime));
  object.String("atime", FormatFileTime(node.atime));
  object.String("ctime", FormatFileTime(node.ctime));
  object.Number("uid", node.uid);
  object.Number("gid", node.gid);
  object.StringUnlessEmpty("user", node.user);
  object.StringUnlessEmpty("group", node.group);
  object.NumberUnlessZero("inode", node.inode);
  object.NumberUnlessZero("device_id", node.device_id);
  object.NumberUnlessZero("size", node.size);
  object.NumberUnlessZero("links", node.links);
  object.StringUnlessEmpty("linktarget", node.link_target);
  if (!IsUtf8(node.link_target))
    object.String("linktarget_raw", storage::Base64(AsBytes(node.link_target)));
  if (!node.extended_attributes.empty()) {
    object.Name("extended_attributes");
    AppendAttributes(text, node.extended_attributes);
  }
  if (!node.generic_attributes.empty()) {
    object.Name("generic_attributes");
    text += node.generic_attributes;
  }
  object.NumberUnlessZero("device", node.device);
  object.Name("content");
  AppendContent(text, node.content);
  if (node.subtree) object.String("subtree", node.subtree->Hex());
  object.StringUnlessEmpty("error", node.error);
  object.Close();
}

}  // namespace

std::string_view NodeTypeName(NodeType type) { return kTypeNames[static_cast<std::size_t>(type)]; }

const Node* Tree::Find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(nodes, name, {}, &Node::name);
  return found != nodes.end() && found->name == name ? &*found : nullptr;
}

std::uint32_t GoMode(mode_t mode) {
  std::uint32_t go_mode = (mode & kPermissions) | GoType(mode);
  if ((mode & S_ISUID) != 0) go_mode |= kGoSetuid;
  if ((mode & S_ISGID) != 0) go_mode |= kGoSetgid;
  if ((mode & S_ISVTX) != 0) go_mode |= kGoSticky;
  return go_mode;
}

mode_t PosixMode(std::uint32_t go_mode) {
  mode_t mode = (go_mode & kPermissions) | PosixType(go_mode);
  if ((go_mode & kGoSetuid) != 0) mode |= S_ISUID;
  if ((go_mode & kGoSetgid) != 0) mode |= S_ISGID;
  if ((go_mode & kGoSticky) != 0) mode |= S_ISVTX;
  return mode;
}

NodeType TypeOfMode(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return NodeType::kFile;
    case S_IFDIR:
      return NodeType::kDir;
    case S_IFLNK:
      return NodeType::kSymlink;
    case S_IFBLK:
      return NodeType::kDev;
    case S_IFCHR:
      return NodeType::kCharDev;
    case S_IFIFO:
      return NodeType::kFifo;
    case S_IFSOCK:
      return NodeType::kSocket;
    default:
      return NodeType::kIrregular;
  }
}

TreeBuilder::TreeBuilder() : text_("{\"nodes\":[") {}

Result<void> TreeBuilder::Add(const Node& node) {
  if (node.name <= last_name_)
    return Fail(Code::kInvalid, fmt::format("tree: \"{}\" after \"{}\" is not in order",
                                            GoQuote(node.name), GoQuote(last_name_)));
  if (count_ > 0) text_ += ',';
  AppendNode(text_, node);
  last_name_ = node.name;
  ++count_;
  return {};
}

std::string TreeBuilder::Finish() {
  std::string done = std::move(text_);
  *this = TreeBuilder();
  done += "]}\n";
  return done;
}

std::string EncodeNode(const Node& node) {
  std::string text;
  AppendNode(text, node);
  return text;
}

Result<std::string> EncodeTree(const Tree& tree) {
  TreeBuilder builder;
  for (const Node& node : tree.nodes) TRY_VOID(builder.Add(node));
  return builder.Finish();
}

}  // namespace holdfast::repo
