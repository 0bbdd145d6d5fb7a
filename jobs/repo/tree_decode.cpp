// Tree blobs into nodes, streaming: no document is built beside them.
#include <algorithm>
#include <limits>
#include <utility>

#include <simdjson.h>
#include <spdlog/fmt/fmt.h>

#include "jobs/repo/json_members.h"
#include "jobs/repo/json_text.h"
#include "jobs/repo/tree.h"
#include "jobs/storage/encoding.h"

namespace holdfast::repo {
namespace {

using simdjson::ondemand::array;
using simdjson::ondemand::json_type;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

constexpr std::array<std::pair<std::string_view, NodeType>, 7> kTypes = {
    {{"file", NodeType::kFile},
     {"dir", NodeType::kDir},
     {"symlink", NodeType::kSymlink},
     {"dev", NodeType::kDev},
     {"chardev", NodeType::kCharDev},
     {"fifo", NodeType::kFifo},
     {"socket", NodeType::kSocket}}};

// A type that this program does not know is kept as irregular: it cannot be restored, but the rest
// of its directory can.
NodeType ReadType(std::string_view name) {
  const auto found = std::ranges::find(kTypes, name, &std::pair<std::string_view, NodeType>::first);
  return found == kTypes.end() ? NodeType::kIrregular : found->second;
}

bool SafeName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

// Each of these gives false when the value has another type or does not fit.
bool Read(value json, std::string_view& text) { return json.get_string().get(text) == 0; }

bool Read(value json, std::string& text) {
  std::string_view view;
  if (!Read(json, view)) return false;
  text = view;
  return true;
}

template <typename Number>
bool ReadNumber(value json, Number& number) {
  std::uint64_t wide = 0;
  if (json.get_uint64().get(wide) != 0 || wide > std::numeric_limits<Number>::max()) return false;
  number = static_cast<Number>(wide);
  return true;
}

template <typename T>
bool Take(Result<T> parsed, T& to) {
  if (parsed) to = *std::move(parsed);
  return parsed.has_value();
}

bool ReadTime(value json, FileTime& time) {
  std::string_view text;
  return Read(json, text) && Take(ParseFileTime(text), time);
}

bool ReadName(value json, std::string& name) {
  std::string_view text;
  return Read(json, text) && Take(GoUnquote(text), name);
}

bool ReadBase64(value json, std::string& bytes) {
  std::string_view text;
  Bytes decoded;
  if (!Read(json, text) || !Take(storage::FromBase64(text), decoded)) return false;
  bytes = AsText(decoded);
  return true;
}

bool ReadIds(value json, std::vector<Id>& ids) {
  return ForEachItem(json, [&](value id) { return ReadId(id, ids.emplace_back()); });
}

bool ReadAttribute(object json, ExtendedAttribute& attribute) {
  for (auto field : json) {
    std::string_view key;
    value member;
    if (field.unescaped_key().get(key) != 0 || field.value().get(member) != 0) return false;
    if (key == "name" && !Read(member, attribute.name)) return false;
    bool null = false;
    if (key == "value" &&
        (member.is_null().get(null) != 0 || (!null && !ReadBase64(member, attribute.value))))
      return false;
  }
  return true;
}

bool ReadAttributes(value json, std::vector<ExtendedAttribute>& attributes) {
  array list;
  if (json.get_array().get(list) != 0) return false;
  for (auto item : list) {
    object attribute;
    if (item.get_object().get(attribute) != 0 ||
        !ReadAttribute(attribute, attributes.emplace_back()))
      return false;
  }
  return true;
}

bool ReadRaw(value json, std::string& text) {
  object inner;
  std::string_view raw;
  if (json.get_object().get(inner) != 0 || inner.raw_json().get(raw) != 0) return false;
  text = raw;
  return true;
}

// One member of a node; those that this program does not know are passed over.
bool ReadMember(std::string_view key, value json, Node& node) {
  if (key == "name") return ReadName(json, node.name);
  if (key == "type") {
    std::string_view name;
    if (!Read(json, name)) return false;
    node.type = ReadType(name);
    return true;
  }
  if (key == "mode") return ReadNumber(json, node.mode);
  if (key == "mtime") return ReadTime(json, node.mtime);
  if (key == "atime") return ReadTime(json, node.atime);
  if (key == "ctime") return ReadTime(json, node.ctime);
  if (key == "uid") return ReadNumber(json, node.uid);
  if (key == "gid") return ReadNumber(json, node.gid);
  if (key == "user") return Read(json, node.user);
  if (key == "group") return Read(json, node.group);
  if (key == "inode") return ReadNumber(json, node.inode);
  if (key == "device_id") return ReadNumber(json, node.device_id);
  if (key == "size") return ReadNumber(json, node.size);
  if (key == "links") return ReadNumber(json, node.links);
  // The raw form comes after the text and replaces it.
  if (key == "linktarget") return !node.link_target.empty() || Read(json, node.link_target);
  if (key == "linktarget_raw") return ReadBase64(json, node.link_target);
  if (key == "extended_attributes") return ReadAttributes(json, node.extended_attributes);
  if (key == "generic_attributes") return ReadRaw(json, node.generic_attributes);
  if (key == "device") return ReadNumber(json, node.device);
  if (key == "content") return ReadIds(json, node.content.emplace());
  if (key == "subtree") return ReadId(json, node.subtree.emplace());
  if (key == "error") return Read(json, node.error);
  return true;
}

// What is missing or null stays at its default, as in Go.
Result<Node> ReadNode(object json) {
  Node node;
  // Irregular unless the type says otherwise.
  node.type = NodeType::kIrregular;
  if (!ForEachMember(
          json, [&](std::string_view key, value member) { return ReadMember(key, member, node); }))
    return Fail(Code::kCorrupt, "tree: a node is malformed");
  if (!SafeName(node.name))
    return Fail(Code::kCorrupt, fmt::format("tree: \"{}\" is no file name", GoQuote(node.name)));
  return node;
}

Result<void> ReadNodes(value json, Tree& tree) {
  array nodes;
  if (json.get_array().get(nodes) != 0) return Fail(Code::kCorrupt, "tree: nodes are no list");
  for (auto item : nodes) {
    object json_node;
    if (item.get_object().get(json_node) != 0)
      return Fail(Code::kCorrupt, "tree: a node is malformed");
    TRY(Node node, ReadNode(json_node));
    if (!tree.nodes.empty() && node.name <= tree.nodes.back().name)
      return Fail(Code::kCorrupt, "tree: names are not in order");
    tree.nodes.push_back(std::move(node));
  }
  return {};
}

Result<Tree> Invalid() { return Fail(Code::kCorrupt, "tree: not valid JSON"); }

}  // namespace

Result<Tree> DecodeTree(ByteView text) {
  thread_local simdjson::ondemand::parser parser;
  const simdjson::padded_string padded(AsText(text));
  simdjson::ondemand::document document;
  object root;
  if (parser.iterate(padded).get(document) != 0 || document.get_object().get(root) != 0)
    return Invalid();
  Tree tree;
  Result<void> nodes;
  const bool read = ForEachMember(root, [&](std::string_view key, value member) {
    if (key == "nodes") nodes = ReadNodes(member, tree);
    return nodes.has_value();
  });
  if (!nodes) return tl::make_unexpected(nodes.error());
  if (!read || !AtEnd(document)) return Invalid();
  return tree;
}

}  // namespace holdfast::repo
