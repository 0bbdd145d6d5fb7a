#include <nlohmann/json.hpp>
#include <spdlog/fmt/fmt.h>

#include "jobs/repo/index.h"
#include "jobs/repo/json_text.h"

namespace holdfast::repo {
namespace {

enum class Field {
  kOther,
  kPacks,
  kSupersedes,
  kId,
  kBlobs,
  kType,
  kOffset,
  kLength,
  kUncompressedLength
};

// How deep each part of the document is nested: {"packs": [{"blobs": [{...}]}]}.
constexpr std::size_t kRoot = 1;
constexpr std::size_t kList = 2;
constexpr std::size_t kPack = 3;
constexpr std::size_t kBlob = 5;

Field FieldOf(std::string_view key) {
  if (key == "id") return Field::kId;
  if (key == "type") return Field::kType;
  if (key == "offset") return Field::kOffset;
  if (key == "length") return Field::kLength;
  if (key == "uncompressed_length") return Field::kUncompressedLength;
  if (key == "packs") return Field::kPacks;
  if (key == "blobs") return Field::kBlobs;
  if (key == "supersedes") return Field::kSupersedes;
  return Field::kOther;
}

// Takes the parser's events; holds one pack at a time. Fields it does not know are passed over.
class IndexReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit IndexReader(const std::function<Result<void>(PackEntry&&)>& visit) : visit_(visit) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return !AtBlob() || Bad("negative number"); }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }

  bool number_unsigned(number_unsigned_t value) override {
    if (!AtBlob()) return true;
    switch (fields_[kBlob]) {
      case Field::kOffset:
        return Store(value, UINT32_MAX, blob_.offset);
      case Field::kLength:
        return Store(value, kMaxBlobSize + kSealOverhead, blob_.length);
      case Field::kUncompressedLength:
        return Store(value, kMaxBlobSize, blob_.uncompressed_length);
      default:
        return true;
    }
  }

  bool string(string_t& text) override {
    if (AtBlob()) return BlobString(text);
    if (depth_ == kPack && InPacks() && fields_[kPack] == Field::kId)
      return StoreId(text, pack_.id);
    if (depth_ == kList && fields_[kRoot] == Field::kSupersedes)
      return StoreId(text, supersedes_.emplace_back());
    return true;
  }

  bool start_object(std::size_t) override {
    if (++depth_ == kPack) pack_ = {};
    if (depth_ == kBlob) blob_ = {};
    if (depth_ == kBlob) typed_ = false;
    return true;
  }
  bool start_array(std::size_t) override { return ++depth_ != kRoot || Bad("not an object"); }
  bool key(string_t& name) override {
    if (depth_ <= kBlob) fields_[depth_] = FieldOf(name);
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool end_object() override {
    const bool done = AtBlob() ? EndBlob() : depth_ != kPack || !InPacks() || EndPack();
    --depth_;
    return done;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return Bad("not valid JSON");
  }

  std::vector<Id> TakeSupersedes() { return std::move(supersedes_); }
  Error TakeError() { return std::move(error_); }

 private:
  bool InPacks() const { return fields_[kRoot] == Field::kPacks; }
  bool AtBlob() const { return depth_ == kBlob && InPacks() && fields_[kPack] == Field::kBlobs; }

  bool Bad(std::string_view what) {
    error_ = {Code::kCorrupt, fmt::format("index: {}", what)};
    return false;
  }
  bool Store(std::uint64_t value, std::uint64_t limit, std::uint32_t& to) {
    if (value > limit) return Bad("a blob is larger than any blob");
    to = static_cast<std::uint32_t>(value);
    return true;
  }
  bool StoreId(const std::string& text, Id& to) {
    const Result<Id> id = Id::Parse(text);
    if (!id) return Bad("malformed id");
    to = *id;
    return true;
  }
  bool BlobString(const std::string& text) {
    if (fields_[kBlob] == Field::kId) return StoreId(text, blob_.handle.id);
    if (fields_[kBlob] != Field::kType) return true;
    if (text != "data" && text != "tree") return Bad("unknown blob type");
    blob_.handle.type = text == "data" ? BlobType::kData : BlobType::kTree;
    typed_ = true;
    return true;
  }
  bool EndBlob() {
    if (blob_.handle.id.IsNull() || !typed_ || blob_.length < kSealOverhead)
      return Bad("a blob lacks its id, type or length");
    pack_.blobs.push_back(blob_);
    return true;
  }
  bool EndPack() {
    if (pack_.id.IsNull()) return Bad("a pack lacks its id");
    const Result<void> visited = visit_(std::move(pack_));
    if (!visited) error_ = visited.error();
    return visited.has_value();
  }

  const std::function<Result<void>(PackEntry&&)>& visit_;
  std::size_t depth_ = 0;
  std::array<Field, kBlob + 1> fields_{};  // the current member at each depth
  PackEntry pack_;
  Blob blob_;
  bool typed_ = false;
  std::vector<Id> supersedes_;
  Error error_{Code::kCorrupt, "index: not valid JSON"};
};

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
  IndexReader reader(visit);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader))
    return tl::make_unexpected(reader.TakeError());
  return reader.TakeSupersedes();
}

}  // namespace holdfast::repo
