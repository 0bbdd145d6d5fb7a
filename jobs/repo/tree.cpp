#include "jobs/repo/tree.h"

#include <algorithm>
#include <array>

#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>

#include "base/json.h"
#include "jobs/repo/json_text.h"

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
    object.String("value", Base64Encode(AsBytes(attribute.value)));
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
    text += '"' + id.Hex() + '"';
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
    object.String("linktarget_raw", Base64Encode(AsBytes(node.link_target)));
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

// Reads the members of one node; what is missing or null stays at its default, as in Go, and what
// has another type is remembered as an error.
class NodeReader {
 public:
  explicit NodeReader(const Json& object) : object_(object) {}

  bool good() const { return good_; }

  std::string String(const char* name) {
    const Json* value = Member(name);
    if (value == nullptr || !Expect(value->is_string())) return {};
    return value->get<std::string>();
  }

  template <typename Number>
  Number Unsigned(const char* name) {
    const Json* value = Member(name);
    if (value == nullptr || !Expect(value->is_number_unsigned())) return 0;
    const auto number = value->get<std::uint64_t>();
    return Expect(number <= std::numeric_limits<Number>::max()) ? static_cast<Number>(number) : 0;
  }

  FileTime Time(const char* name) {
    const Json* value = Member(name);
    if (value == nullptr || !Expect(value->is_string())) return {};
    return Get(ParseFileTime(value->get_ref<const std::string&>()));
  }

  std::optional<Id> OptionalId(const char* name) {
    const Json* value = Member(name);
    if (value == nullptr) return std::nullopt;
    return ReadId(*value);
  }

  std::optional<std::vector<Id>> Ids(const char* name) {
    const Json* value = Member(name);
    if (value == nullptr || !Expect(value->is_array())) return std::nullopt;
    std::vector<Id> ids;
    ids.reserve(value->size());
    for (const Json& item : *value) ids.push_back(ReadId(item));
    return ids;
  }

  std::string Base64(const char* name) {
    const Bytes bytes = Get(Base64Decode(String(name)));
    return std::string(AsText(bytes));
  }

  std::vector<ExtendedAttribute> Attributes(const char* name) {
    std::vector<ExtendedAttribute> attributes;
    const Json* value = Member(name);
    if (value == nullptr || !Expect(value->is_array())) return attributes;
    for (const Json& item : *value) {
      NodeReader reader(item);
      attributes.push_back({reader.String("name"), reader.Base64("value")});
      Expect(reader.good());
    }
    return attributes;
  }

  std::string Raw(const char* name) {
    const Json* value = Member(name);
    return value == nullptr ? std::string() : DumpJson(*value);
  }

  template <typename T>
  T Get(Result<T> result) {
    return Expect(result.has_value()) ? *std::move(result) : T{};
  }

  bool Expect(bool good) {
    good_ = good_ && good;
    return good;
  }

 private:
  const Json* Member(const char* name) {
    if (!Expect(object_.is_object())) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  Id ReadId(const Json& value) {
    if (!Expect(value.is_string())) return {};
    return Get(Id::Parse(value.get_ref<const std::string&>()));
  }

  const Json& object_;
  bool good_ = true;
};

// A type that this program does not know is kept as irregular: it cannot be restored, but the rest
// of its directory can.
NodeType ReadType(std::string_view name) {
  const auto found = std::ranges::find(kTypeNames, name);
  return found == kTypeNames.end() ? NodeType::kIrregular
                                   : static_cast<NodeType>(found - kTypeNames.begin());
}

bool SafeName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

Result<Node> ReadNode(const Json& json) {
  NodeReader reader(json);
  Node node;
  node.name = reader.Get(GoUnquote(reader.String("name")));
  node.type = ReadType(reader.String("type"));
  node.mode = reader.Unsigned<std::uint32_t>("mode");
  node.mtime = reader.Time("mtime");
  node.atime = reader.Time("atime");
  node.ctime = reader.Time("ctime");
  node.uid = reader.Unsigned<std::uint32_t>("uid");
  node.gid = reader.Unsigned<std::uint32_t>("gid");
  node.user = reader.String("user");
  node.group = reader.String("group");
  node.inode = reader.Unsigned<std::uint64_t>("inode");
  node.device_id = reader.Unsigned<std::uint64_t>("device_id");
  node.size = reader.Unsigned<std::uint64_t>("size");
  node.links = reader.Unsigned<std::uint64_t>("links");
  node.link_target = reader.String("linktarget");
  if (std::string raw = reader.Base64("linktarget_raw"); !raw.empty())
    node.link_target = std::move(raw);
  node.extended_attributes = reader.Attributes("extended_attributes");
  node.generic_attributes = reader.Raw("generic_attributes");
  node.device = reader.Unsigned<std::uint64_t>("device");
  node.content = reader.Ids("content");
  node.subtree = reader.OptionalId("subtree");
  node.error = reader.String("error");
  if (!reader.good()) return Fail(Code::kCorrupt, "tree: a node is malformed");
  if (!SafeName(node.name))
    return Fail(Code::kCorrupt, fmt::format("tree: \"{}\" is no file name", GoQuote(node.name)));
  return node;
}

// Takes each node as soon as it is parsed and lets the parser drop it.
class TreeReader {
 public:
  // The parser's callback: false drops the value.
  bool operator()(int depth, Json::parse_event_t event, Json& value) {
    using Event = Json::parse_event_t;
    if (depth > kMaxDepth) Fail({Code::kCorrupt, "tree: nested too deep"});
    if (event == Event::key && depth == 1) in_nodes_ = value == "nodes";
    if (event != Event::object_end || depth != kNodeDepth || !in_nodes_) return !error_;
    if (!error_) Add(ReadNode(value));
    return false;
  }

  Result<Tree> Take(bool parsed) {
    if (error_) return tl::make_unexpected(*std::move(error_));
    if (!parsed) return holdfast::Fail(Code::kCorrupt, "tree: not valid JSON");
    return std::move(tree_);
  }

 private:
  static constexpr int kNodeDepth = 2;  // {"nodes": [{...}]}
  static constexpr int kMaxDepth = 64;

  void Add(Result<Node> node) {
    if (!node) return Fail(std::move(node).error());
    if (!tree_.nodes.empty() && node->name <= tree_.nodes.back().name)
      return Fail({Code::kCorrupt, "tree: names are not in order"});
    tree_.nodes.push_back(*std::move(node));
  }
  void Fail(Error error) {
    if (!error_) error_ = std::move(error);
  }

  Tree tree_;
  bool in_nodes_ = false;
  std::optional<Error> error_;
};

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
  return done += "]}\n";
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

Result<Tree> DecodeTree(ByteView text) {
  TreeReader reader;
  const Json rest = Json::parse(text.begin(), text.end(), std::ref(reader), false);
  return reader.Take(rest.is_object());
}

}  // namespace holdfast::repo
