#include <utility>

#include <simdjson.h>
#include <spdlog/fmt/fmt.h>

#include "jobs/repo/index.h"
#include "jobs/repo/json_members.h"
#include "jobs/repo/json_text.h"

namespace holdfast::repo {
namespace {

using simdjson::ondemand::object;
using simdjson::ondemand::value;

Error Bad(std::string_view what) { return {Code::kCorrupt, fmt::format("index: {}", what)}; }

bool ReadText(value json, std::string_view& text) { return json.get_string().get(text) == 0; }

bool ReadNumber(value json, std::uint64_t limit, std::uint32_t& number) {
  std::uint64_t wide = 0;
  if (json.get_uint64().get(wide) != 0 || wide > limit) return false;
  number = static_cast<std::uint32_t>(wide);
  return true;
}

bool ReadType(value json, BlobType& type) {
  std::string_view text;
  if (!ReadText(json, text) || (text != "data" && text != "tree")) return false;
  type = text == "data" ? BlobType::kData : BlobType::kTree;
  return true;
}

bool ReadBlob(value json, Blob& blob) {
  object members;
  if (json.get_object().get(members) != 0) return false;
  bool typed = false;
  const auto read = [&](std::string_view key, value content) {
    if (key == "id") return ReadId(content, blob.handle.id);
    if (key == "type") return typed = ReadType(content, blob.handle.type);
    if (key == "offset") return ReadNumber(content, UINT32_MAX, blob.offset);
    if (key == "length") return ReadNumber(content, kMaxBlobSize + kSealOverhead, blob.length);
    if (key == "uncompressed_length")
      return ReadNumber(content, kMaxBlobSize, blob.uncompressed_length);
    return true;
  };
  return ForEachMember(members, read) && typed && !blob.handle.id.IsNull() &&
         blob.length >= kSealOverhead;
}

bool ReadPack(value json, PackEntry& pack) {
  object members;
  if (json.get_object().get(members) != 0) return false;
  const auto read = [&](std::string_view key, value content) {
    if (key == "id") return ReadId(content, pack.id);
    if (key != "blobs") return true;
    return ForEachItem(content,
                       [&](value blob) { return ReadBlob(blob, pack.blobs.emplace_back()); });
  };
  return ForEachMember(members, read) && !pack.id.IsNull();
}

void AppendBlob(std::string& text, const Blob& blob) {
  JsonObjectWriter object(text);
  object.String("id", blob.handle.id.Hex());
  object.String("type", BlobTypeName(blob.handle.type));
  object.Number("offset", blob.offset);
  object.Number("length", blob.length);
  object.NumberUnlessZero("uncompressed_length", blob.uncompressed_length);
  object.Close();
}

void AppendPack(std::string& text, const PackEntry& pack) {
  JsonObjectWriter object(text);
  object.String("id", pack.id.Hex());
  object.Name("blobs");
  text += '[';
  for (const Blob& blob : pack.blobs) {
    if (&blob != &pack.blobs.front()) text += ',';
    AppendBlob(text, blob);
  }
  text += ']';
  object.Close();
}

}  // namespace

std::string EncodeIndex(std::span<const PackEntry> packs, std::span<const Id> supersedes) {
  std::string text;
  JsonObjectWriter object(text);
  if (!supersedes.empty()) {
    object.Name("supersedes");
    for (const Id& id : supersedes)
      text += (&id == &supersedes.front() ? "[\"" : ",\"") + id.Hex() + "\"";
    text += ']';
  }
  object.Name("packs");
  text += '[';
  for (const PackEntry& pack : packs) {
    if (&pack != &packs.front()) text += ',';
    AppendPack(text, pack);
  }
  text += ']';
  object.Close();
  return text;
}

Result<std::vector<Id>> DecodeIndex(ByteView text,
                                    const std::function<Result<void>(PackEntry&&)>& visit) {
  simdjson::ondemand::parser parser;
  const simdjson::padded_string padded(AsText(text));
  simdjson::ondemand::document document;
  object root;
  if (parser.iterate(padded).get(document) != 0 || document.get_object().get(root) != 0)
    return tl::make_unexpected(Bad("not a JSON object"));

  std::vector<Id> supersedes;
  Result<void> visited;
  const auto visit_pack = [&](value json) {
    PackEntry pack;
    if (!ReadPack(json, pack)) return false;
    visited = visit(std::move(pack));
    return visited.has_value();
  };
  const bool read = ForEachMember(root, [&](std::string_view key, value content) {
    if (key == "packs") return ForEachItem(content, visit_pack);
    if (key != "supersedes") return true;
    return ForEachItem(content, [&](value id) { return ReadId(id, supersedes.emplace_back()); });
  });
  if (!visited) return tl::make_unexpected(visited.error());
  if (!read || !AtEnd(document))
    return tl::make_unexpected(Bad("malformed, or a pack or blob lacks its id, type or length"));
  return supersedes;
}

}  // namespace holdfast::repo
