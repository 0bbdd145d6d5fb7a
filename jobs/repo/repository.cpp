#include "jobs/repo/repository.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <unordered_set>
#include <utility>

#include <malloc.h>
#include <spdlog/fmt/fmt.h>

#include "base/clock.h"
#include "jobs/repo/pack_uploader.h"
#include "jobs/repo/parallel.h"

namespace holdfast::repo {
namespace {

using storage::FileType;
using storage::Handle;

// Larger than any file but packs that restic or we write: an index file has about 8 MiB.
constexpr std::uint64_t kMaxUnpacked = 256ULL << 20;
constexpr std::uint8_t kCompressedJson = 2;  // the envelope's version byte

std::string_view TypeName(FileType type) {
  switch (type) {
    case FileType::kConfig:
      return "config";
    case FileType::kKey:
      return "key";
    case FileType::kLock:
      return "lock";
    case FileType::kSnapshot:
      return "snapshot";
    case FileType::kIndex:
      return "index";
    case FileType::kPack:
      return "pack";
  }
  return "file";
}

std::string Describe(FileType type, const Id& id) {
  return fmt::format("{} {}", TypeName(type), id.Short());
}

template <typename T>
Result<T> Named(const std::string& what, Result<T> result) {
  if (result) return result;
  return tl::make_unexpected(WithContext(what, std::move(result).error()));
}

// `size` bytes from the start; what the store holds beyond them is never fetched.
Result<Bytes> LoadWhole(storage::Backend& storage, const Handle& handle, std::uint64_t size,
                        std::stop_token stop) {
  if (size < kSealOverhead || size > kMaxUnpacked)
    return Fail(Code::kCorrupt, fmt::format("{} bytes is no possible size", size));
  return storage.Load(handle, 0, size, stop);
}

// FORMAT.md, "Unpacked files".
Result<Bytes> OpenEnvelope(ByteView plaintext) {
  if (plaintext.empty()) return Fail(Code::kCorrupt, "empty");
  const std::uint8_t version = plaintext.front();
  if (version == '{' || version == '[') return Bytes(plaintext.begin(), plaintext.end());
  if (version != kCompressedJson)
    return Fail(Code::kCorrupt, fmt::format("unknown encoding {}", version));
  return DecompressUpTo(plaintext.subspan(1), kMaxUnpacked);
}

Bytes MakeEnvelope(ByteView content) {
  const ByteView compressed = Compress(content, Compression::kAuto);
  if (compressed.empty()) return Bytes(content.begin(), content.end());
  Bytes envelope{kCompressedJson};
  envelope.insert(envelope.end(), compressed.begin(), compressed.end());
  return envelope;
}

Result<Bytes> LoadConfig(storage::Backend& storage, std::stop_token stop) {
  const Handle handle{FileType::kConfig, ""};
  TRY(const storage::FileInfo info, Named("config", storage.Stat(handle, stop)));
  return Named("config", LoadWhole(storage, handle, info.size, stop));
}

// Damage is noted where that is asked for; any other Error is passed on.
Result<void> PassOver(Error error, std::vector<Error>* damaged) {
  if (damaged == nullptr || !IsDamage(error)) return tl::make_unexpected(std::move(error));
  damaged->push_back(std::move(error));
  return {};
}

Result<bool> HasFile(storage::Backend& storage, const Handle& handle, std::stop_token stop) {
  const auto info = storage.Stat(handle, stop);
  if (info) return true;
  if (IsAbsent(info.error())) return false;
  return tl::make_unexpected(info.error());
}

// The master key of a repository that is to be made: a new one, saved; or the one that an init left
// which was cut short before it wrote the config.
Result<Key> KeyForInit(storage::Backend& storage, std::string_view password,
                       const std::optional<KdfParams>& kdf, std::stop_token stop) {
  Result<std::optional<FoundKey>> found = FindKey(storage, password, stop);
  if (found && *found) return std::move((*found)->master);
  if (found)
    return Fail(Code::kAlreadyExists,
                "there is no config at " + storage.Location() +
                    ", but a key that this password does not open: the password is wrong, or the "
                    "place is somebody else's repository; correct the password or choose another "
                    "place");
  if (!IsAbsent(found.error())) return tl::make_unexpected(std::move(found).error());
  Key master = Key::Random();
  TRY(const KeyFile file,
      MakeKeyFile(master, password, kdf ? *kdf : CalibrateKdf(), SystemClock().Now()));
  TRY_VOID(SaveKey(storage, file, stop));
  return master;
}

}  // namespace

Repository::Repository(storage::Backend& storage, Key key, Config config,
                       const RepositoryOptions& options)
    : storage_(storage),
      key_(std::move(key)),
      config_(std::move(config)),
      options_(options),
      cut_search_(CutSearch::For(config_.chunker_polynomial)) {
  const auto save_index = [this](ByteView json, std::stop_token stop) -> Result<void> {
    TRY_VOID(SaveUnpacked(FileType::kIndex, json, stop));
    return {};
  };
  uploader_ = std::make_unique<PackUploader>(storage_, key_, index_, save_index, options.pack_size,
                                             options.uploads, options.packs);
}

Repository::~Repository() = default;

bool IsDamage(const Error& error) {
  return error.code == Code::kCorrupt || error.code == Code::kNotFound;
}

Result<std::unique_ptr<Repository>> Repository::Init(storage::Backend& storage,
                                                     std::string_view password,
                                                     const InitOptions& options,
                                                     std::stop_token stop) {
  TRY(const bool exists, HasFile(storage, {FileType::kConfig, ""}, stop));
  if (exists)
    return Fail(Code::kAlreadyExists,
                "there is a repository at " + storage.Location() + " already");
  TRY(Key master, KeyForInit(storage, password, options.kdf, stop));
  Config config = Config::Random(options.version);
  if (options.chunker_polynomial) config.chunker_polynomial = *options.chunker_polynomial;
  const Bytes sealed = master.Seal(AsBytes(EncodeConfig(config)));
  TRY_VOID(Named("config", storage.Save({FileType::kConfig, ""}, sealed, stop)));
  return std::unique_ptr<Repository>(
      new Repository(storage, std::move(master), config, options.repository));
}

Result<std::unique_ptr<Repository>> Repository::Open(storage::Backend& storage, Key master,
                                                     const RepositoryOptions& options,
                                                     std::stop_token stop) {
  TRY(const Bytes sealed, LoadConfig(storage, stop));
  return OpenWith(storage, std::move(master), sealed, options);
}

Result<std::optional<Repository::Unlocked>> Repository::Unlock(storage::Backend& storage,
                                                               std::string_view password,
                                                               const RepositoryOptions& options,
                                                               std::stop_token stop) {
  auto config = std::async(std::launch::async, [&] { return LoadConfig(storage, stop); });
  TRY(std::optional<FoundKey> key, FindKey(storage, password, stop));
  if (!key) return std::nullopt;
  TRY(const Bytes sealed, config.get());
  TRY(auto repository, OpenWith(storage, std::move(key->master), sealed, options));
  return Unlocked{std::move(repository), key->file};
}

Result<std::unique_ptr<Repository>> Repository::OpenWith(storage::Backend& storage, Key master,
                                                         ByteView sealed_config,
                                                         const RepositoryOptions& options) {
  TRY(const Bytes text, Named("config", master.Open(sealed_config)));
  TRY(Config config, DecodeConfig(text));
  return std::unique_ptr<Repository>(
      new Repository(storage, std::move(master), std::move(config), options));
}

Result<Bytes> Repository::LoadFile(FileType type, const FileEntry& file, std::stop_token stop) {
  const auto load = [&]() -> Result<Bytes> {
    TRY(Bytes sealed, LoadWhole(storage_, {type, file.id.Hex()}, file.size, stop));
    if (Id::Of(sealed) != file.id) return Fail(Code::kCorrupt, "the content does not have this id");
    TRY(const auto plaintext, key_.OpenInPlace(sealed));
    return OpenEnvelope(plaintext);
  };
  return Named(Describe(type, file.id), load());
}

Result<Bytes> Repository::LoadUnpacked(FileType type, const Id& id, std::stop_token stop) {
  TRY(const storage::FileInfo info,
      Named(Describe(type, id), storage_.Stat({type, id.Hex()}, stop)));
  return LoadFile(type, {id, info.size}, stop);
}

SealedFile Repository::SealFile(ByteView content) const {
  SealedFile file;
  file.bytes = key_.Seal(config_.version == 1 ? content : ByteView(MakeEnvelope(content)));
  file.id = Id::Of(file.bytes);
  return file;
}

Result<void> Repository::SaveSealed(FileType type, const SealedFile& file, std::stop_token stop) {
  return Named(Describe(type, file.id), storage_.Save({type, file.id.Hex()}, file.bytes, stop));
}

Result<Id> Repository::SaveUnpacked(FileType type, ByteView content, std::stop_token stop) {
  const SealedFile file = SealFile(content);
  TRY_VOID(SaveSealed(type, file, stop));
  return file.id;
}

Result<void> Repository::RemoveFile(FileType type, const Id& id, std::stop_token stop) {
  return Named(Describe(type, id), storage_.Remove({type, id.Hex()}, stop));
}

Result<std::vector<FileEntry>> Repository::ListFiles(FileType type, std::stop_token stop) {
  std::vector<FileEntry> files;
  const auto visit = [&](const storage::FileInfo& info) -> Result<void> {
    if (const Result<Id> id = Id::Parse(info.name)) files.push_back({*id, info.size, info.stored});
    return {};
  };
  TRY_VOID(storage_.List(type, visit, stop));
  return files;
}

Result<std::vector<Id>> Repository::ReadIndexFiles(std::span<const FileEntry> files,
                                                   std::vector<Error>* damaged,
                                                   std::stop_token stop) {
  std::mutex mutex;
  std::vector<Id> superseded;
  const auto add = [&](PackEntry&& pack) -> Result<void> {
    index_.Add(pack);
    return {};
  };
  const auto decode = [&](const FileEntry& file, std::stop_token each) -> Result<std::vector<Id>> {
    TRY(const Bytes text, LoadFile(FileType::kIndex, file, each));
    return Named(Describe(FileType::kIndex, file.id), DecodeIndex(text, add));
  };
  const auto read = [&](std::size_t i, std::stop_token each) -> Result<void> {
    Result<std::vector<Id>> ids = decode(files[i], each);
    const std::lock_guard lock(mutex);
    if (!ids) return PassOver(std::move(ids).error(), damaged);
    superseded.insert(superseded.end(), ids->begin(), ids->end());
    return {};
  };
  TRY_VOID(InParallel(options_.loaders, files.size(), read, stop));
  return superseded;
}

Result<void> Repository::LoadIndex(std::stop_token stop, std::vector<Error>* damaged) {
  TRY(auto files, ListFiles(FileType::kIndex, stop));
  const auto noted = static_cast<std::ptrdiff_t>(damaged != nullptr ? damaged->size() : 0);
  TRY(const std::vector<Id> ids, ReadIndexFiles(files, damaged, stop));
  // Rare: somebody was interrupted between saving an index file and removing those it replaces.
  const std::unordered_set<Id> superseded(ids.begin(), ids.end());
  const auto replaced = [&](const FileEntry& file) { return superseded.contains(file.id); };
  if (std::erase_if(files, replaced) > 0) {
    index_.Clear();
    if (damaged != nullptr) damaged->erase(damaged->begin() + noted, damaged->end());
    TRY_VOID(ReadIndexFiles(files, damaged, stop));
  }
  index_.ShrinkToFit();
  // What decoding used lies between the index's blocks, which stay.
  ::malloc_trim(0);
  return {};
}

Result<std::size_t> Repository::IndexFromPacks(std::stop_token stop) {
  TRY(std::vector<FileEntry> packs, ListFiles(FileType::kPack, stop));
  std::unordered_set<Id> known;
  index_.ForEachPack([&](const PackEntry& pack) { known.insert(pack.id); });
  std::erase_if(packs, [&](const FileEntry& pack) { return known.contains(pack.id); });
  std::size_t found = 0;
  std::vector<Error> damaged;
  std::mutex mutex;
  const auto read = [&](std::size_t i, std::stop_token each) -> Result<void> {
    auto blobs = ReadPackHeader(storage_, key_, packs[i].id, packs[i].size, each);
    const std::lock_guard lock(mutex);
    if (!blobs) return PassOver(std::move(blobs).error(), &damaged);
    index_.Add({packs[i].id, *std::move(blobs)});
    ++found;
    return {};
  };
  TRY_VOID(InParallel(options_.loaders, packs.size(), read, stop));
  return found;
}

Result<std::uint64_t> Repository::StoreBlob(const BlobHandle& handle, ByteView content,
                                            std::stop_token stop) {
  const bool compress = config_.version > 1 && (options_.compression != Compression::kOff ||
                                                handle.type == BlobType::kTree);
  const ByteView compressed = compress ? Compress(content, options_.compression) : ByteView();
  const bool smaller = !compressed.empty();
  const ByteView stored = smaller ? compressed : content;
  TRY_VOID(uploader_->Add(handle, stored, smaller ? static_cast<std::uint32_t>(content.size()) : 0,
                          stop));
  return stored.size() + kSealOverhead;
}

Result<SavedBlob> Repository::SaveBlob(BlobType type, ByteView content, std::stop_token stop,
                                       const Id* known_id) {
  if (content.size() > kMaxBlobSize)
    return Fail(Code::kInvalid, fmt::format("a blob of {} bytes is too large", content.size()));
  const BlobHandle handle{type, known_id != nullptr ? *known_id : Id::Of(content)};
  if (!index_.Claim(handle)) return SavedBlob{handle.id, false, 0};
  const Result<std::uint64_t> stored = StoreBlob(handle, content, stop);
  if (!stored) {
    index_.Abandon(handle);
    return tl::make_unexpected(stored.error());
  }
  return SavedBlob{handle.id, true, *stored};
}

Result<std::uint64_t> Repository::SaveAgain(const BlobHandle& handle, ByteView content,
                                            std::stop_token stop) {
  return StoreBlob(handle, content, stop);
}

Result<void> Repository::Flush(std::stop_token stop) { return uploader_->Drain(stop); }

Result<Bytes> Repository::LoadStored(const PackedBlob& place, std::stop_token stop) {
  const Blob& blob = place.blob;
  if (blob.length > kMaxBlobSize + kSealOverhead || blob.PlainLength() > kMaxBlobSize)
    return Fail(Code::kCorrupt, repo::Describe(blob.handle) + ": larger than any blob");
  TRY(Bytes sealed,
      Named(repo::Describe(blob.handle) + " in " + Describe(FileType::kPack, place.pack),
            storage_.Load({FileType::kPack, place.pack.Hex()}, blob.offset, blob.length, stop)));
  return Named(Describe(FileType::kPack, place.pack), OpenBlob(key_, blob, sealed));
}

Result<Bytes> Repository::LoadBlob(const BlobHandle& handle, std::stop_token stop) {
  Result<Bytes> content =
      Fail(Code::kNotFound, repo::Describe(handle) + ": in no index of this repository");
  for (const PackedBlob& place : index_.LookupAll(handle)) {
    content = LoadStored(place, stop);
    if (content || content.error().code == Code::kCancelled) break;
  }
  return content;
}

Result<Tree> Repository::LoadTree(const Id& id, std::stop_token stop) {
  const BlobHandle handle{BlobType::kTree, id};
  TRY(const Bytes text, LoadBlob(handle, stop));
  return Named(repo::Describe(handle), DecodeTree(text));
}

Result<void> Repository::LoadBlobs(const Id& pack, std::span<const Blob> blobs,
                                   const BlobVisitor& visit, std::stop_token stop) {
  std::optional<PackReader::Portion> only({pack, {blobs.begin(), blobs.end()}});
  return LoadPortions([&] { return std::exchange(only, std::nullopt); },
                      [&](std::size_t, const Blob& blob, Result<ByteView> content) {
                        return visit(blob, std::move(content));
                      },
                      std::move(stop));
}

Result<void> Repository::LoadPortions(const PackReader::Source& source,
                                      const PackReader::Visitor& visit, std::stop_token stop) {
  return PackReader(storage_, key_).Read(source, visit, std::move(stop));
}

Result<Id> Repository::SaveSnapshot(Snapshot& snapshot, std::stop_token stop) {
  TRY_VOID(Flush(stop));
  TRY(snapshot.id, SaveUnpacked(FileType::kSnapshot, AsBytes(EncodeSnapshot(snapshot)), stop));
  return snapshot.id;
}

Result<Snapshot> Repository::ReadSnapshot(const FileEntry& file, std::stop_token stop) {
  TRY(const Bytes text, LoadFile(FileType::kSnapshot, file, stop));
  TRY(Snapshot snapshot, Named(Describe(FileType::kSnapshot, file.id), DecodeSnapshot(text)));
  snapshot.id = file.id;
  return snapshot;
}

Result<Snapshot> Repository::LoadSnapshot(const Id& id, std::stop_token stop) {
  TRY(const storage::FileInfo info, Named(Describe(FileType::kSnapshot, id),
                                          storage_.Stat({FileType::kSnapshot, id.Hex()}, stop)));
  return ReadSnapshot({id, info.size}, stop);
}

Result<Snapshot> Repository::FindSnapshot(std::string_view name, std::stop_token stop) {
  if (name == "latest") {
    TRY(std::vector<Snapshot> all, ListSnapshots(stop));
    if (all.empty()) return Fail(Code::kNotFound, "the repository has no snapshot");
    return std::move(all.back());
  }
  TRY(const auto files, ListFiles(FileType::kSnapshot, stop));
  const FileEntry* found = nullptr;
  for (const FileEntry& file : files) {
    if (!file.id.Hex().starts_with(name)) continue;
    if (found != nullptr)
      return Fail(Code::kInvalid, fmt::format("snapshot {}: several ids begin like that", name));
    found = &file;
  }
  if (found == nullptr || name.empty())
    return Fail(Code::kNotFound, fmt::format("snapshot {}: there is none", name));
  return ReadSnapshot(*found, stop);
}

// Those that are not there any more were removed by somebody, unless they are listed still.
Result<std::vector<Snapshot>> Repository::ListSnapshots(std::stop_token stop,
                                                        std::vector<Error>* damaged) {
  TRY(const auto files, ListFiles(FileType::kSnapshot, stop));
  std::vector<Snapshot> snapshots;
  std::vector<std::pair<Id, Error>> absent;
  std::mutex mutex;
  const auto read = [&](std::size_t i, std::stop_token each) -> Result<void> {
    Result<Snapshot> snapshot = ReadSnapshot(files[i], each);
    const std::lock_guard lock(mutex);
    if (snapshot)
      snapshots.push_back(*std::move(snapshot));
    else if (IsAbsent(snapshot.error()))
      absent.emplace_back(files[i].id, std::move(snapshot).error());
    else
      return PassOver(std::move(snapshot).error(), damaged);
    return {};
  };
  TRY_VOID(InParallel(options_.loaders, files.size(), read, stop));
  std::vector<FileEntry> still;
  if (!absent.empty()) {
    TRY(still, ListFiles(FileType::kSnapshot, stop));
  }
  for (auto& [id, error] : absent)
    if (std::ranges::find(still, id, &FileEntry::id) != still.end())
      TRY_VOID(PassOver(std::move(error), damaged));
  const auto when = [](const Snapshot& snapshot) { return std::pair(snapshot.time, snapshot.id); };
  std::ranges::sort(snapshots, {}, when);
  return snapshots;
}

}  // namespace holdfast::repo
