// One open repository: reads and writes every kind of object, encrypted, in an order that survives
// a power cut (FORMAT.md, "Order").
//
// Threads: every method may be called from many threads at once unless it says otherwise. A save
// that failed makes every later save fail with the same Error: half a backup is never continued.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "jobs/repo/blob.h"
#include "jobs/repo/chunker.h"
#include "jobs/repo/config.h"
#include "jobs/repo/crypto.h"
#include "jobs/repo/id.h"
#include "jobs/repo/index.h"
#include "jobs/repo/key.h"
#include "jobs/repo/pack.h"
#include "jobs/repo/pack_reader.h"
#include "jobs/repo/snapshot.h"
#include "jobs/repo/tree.h"
#include "jobs/storage/backend.h"

namespace holdfast::repo {

struct RepositoryOptions {
  std::size_t pack_size = kDefaultPackSize;
  Compression compression = Compression::kAuto;
  int uploads = 2;  // background threads that store packs
  // Packs in memory at any time, being filled, waiting or being stored: 3 or more.
  int packs = 3;
  // Index files and snapshots that are read at a time: more than a processor each where a store
  // answers slowly. Each takes about 20 MiB meanwhile.
  std::size_t loaders = 2;
};

struct InitOptions {
  int version = kNewestVersion;
  std::optional<KdfParams> kdf;  // calibrated when not given
  RepositoryOptions repository;
  // That of a repository to share chunks with; a new one when not given.
  std::optional<Polynomial> chunker_polynomial = {};
};

struct SavedBlob {
  Id id;
  bool added = false;             // false: the repository had it, or another thread is storing it
  std::uint64_t stored_size = 0;  // bytes in the pack; 0 unless added
};

struct FileEntry {
  Id id;
  std::uint64_t size = 0;  // bytes as stored
  TimePoint stored{};      // by the store's clock; zero where it does not tell
};

// A file ready to be stored, so that its name is known before it is.
struct SealedFile {
  Id id;
  Bytes bytes;
};

class PackUploader;

// Something that is damaged, or that should be there and is not: who reads can go on beside it. No
// other Error is, above all none of the store's.
bool IsDamage(const Error& error);

class Repository {
 public:
  // Makes the key, then the config. AlreadyExists when there is a config. A key without one is left
  // by an Init that was cut short, and used when the password opens it; AlreadyExists when it does
  // not: then it may be somebody else's.
  static Result<std::unique_ptr<Repository>> Init(storage::Backend& storage,
                                                  std::string_view password,
                                                  const InitOptions& options, std::stop_token stop);

  // `master` from FindKey. NotFound when there is no config, Corrupt when the key does not open it.
  // `storage` must outlive the repository.
  static Result<std::unique_ptr<Repository>> Open(storage::Backend& storage, Key master,
                                                  const RepositoryOptions& options,
                                                  std::stop_token stop);

  struct Unlocked {
    std::unique_ptr<Repository> repository;
    Id key;  // the file that the password opened
  };
  // FindKey and Open in one, the config being fetched while scrypt works. nullopt: the password
  // opens no key.
  static Result<std::optional<Unlocked>> Unlock(storage::Backend& storage,
                                                std::string_view password,
                                                const RepositoryOptions& options,
                                                std::stop_token stop);

  // Stops the background threads; what was not flushed is not referenced by anything.
  ~Repository();

  const Config& config() const { return config_; }
  const Key& key() const { return key_; }
  storage::Backend& storage() { return storage_; }
  // For Chunker, made for this repository's polynomial.
  const std::shared_ptr<const CutSearch>& cut_search() const { return cut_search_; }

  // --- Files other than packs ("Unpacked Data Format") ---

  // The content, opened, decompressed and compared with its name. Not for keys. Corrupt and
  // NotFound name the type and the short id.
  Result<Bytes> LoadUnpacked(storage::FileType type, const Id& id, std::stop_token stop);
  // The same, of a size that a listing gave: one request less.
  Result<Bytes> LoadFile(storage::FileType type, const FileEntry& file, std::stop_token stop);
  // Durable when it returns.
  Result<Id> SaveUnpacked(storage::FileType type, ByteView content, std::stop_token stop);
  // SaveUnpacked in two steps.
  SealedFile SealFile(ByteView content) const;
  Result<void> SaveSealed(storage::FileType type, const SealedFile& file, std::stop_token stop);
  Result<void> RemoveFile(storage::FileType type, const Id& id, std::stop_token stop);
  // The ids of all files of a type with their stored sizes, in no order.
  Result<std::vector<FileEntry>> ListFiles(storage::FileType type, std::stop_token stop);

  // --- Blobs ---

  // Reads all index files into index(). Call it before SaveBlob (blobs that it does not know are
  // stored again) and after the snapshots to be read were listed. Index files that another one
  // supersedes are left out. Once per object; not while other threads use it. The first that cannot
  // be read is the Error; who only reads gives `damaged`, to which they are added instead.
  Result<void> LoadIndex(std::stop_token stop, std::vector<Error>* damaged = nullptr);
  // Adds the packs that are in no index, as their headers tell: all of them may be needed once an
  // index file is lost. How many there were; packs that are damaged themselves are passed over.
  Result<std::size_t> IndexFromPacks(std::stop_token stop);
  Index& index() { return index_; }

  // Stores the content unless the repository has it already: hashes, compresses and seals on the
  // calling thread; packs are stored in the background, and the call waits while too many of them
  // are under way. `known_id` saves the hashing.
  Result<SavedBlob> SaveBlob(BlobType type, ByteView content, std::stop_token stop,
                             const Id* known_id = nullptr);
  // Stores the content in a further pack although the repository has it: what prune moves out of a
  // pack that is to go. Returns the bytes it takes there.
  Result<std::uint64_t> SaveAgain(const BlobHandle& handle, ByteView content, std::stop_token stop);

  // Stores everything saved so far: the open packs, then the index files that list them. Other
  // threads may not save meanwhile.
  Result<void> Flush(std::stop_token stop);

  // NotFound when no index lists the blob. When one place is damaged the others are tried.
  Result<Bytes> LoadBlob(const BlobHandle& handle, std::stop_token stop);
  Result<Tree> LoadTree(const Id& id, std::stop_token stop);

  // Reads blobs of one pack with few requests, as PackReader says.
  using BlobVisitor = std::function<Result<void>(const Blob&, Result<ByteView>)>;
  Result<void> LoadBlobs(const Id& pack, std::span<const Blob> blobs, const BlobVisitor& visit,
                         std::stop_token stop);
  // The same for blobs of many packs, until the source gives no more.
  Result<void> LoadPortions(const PackReader::Source& source, const PackReader::Visitor& visit,
                            std::stop_token stop);

  // --- Snapshots ---

  // Flushes first, so that a snapshot never stands before what it refers to. Sets snapshot.id.
  Result<Id> SaveSnapshot(Snapshot& snapshot, std::stop_token stop);
  Result<Snapshot> LoadSnapshot(const Id& id, std::stop_token stop);
  // By all or the first digits of the id, or "latest". NotFound; Invalid when several match.
  Result<Snapshot> FindSnapshot(std::string_view name, std::stop_token stop);
  // All of them, oldest first. The first that cannot be read fails the listing; who only reads
  // gives `damaged`, to which they are added instead.
  Result<std::vector<Snapshot>> ListSnapshots(std::stop_token stop,
                                              std::vector<Error>* damaged = nullptr);

 private:
  Repository(storage::Backend& storage, Key key, Config config, const RepositoryOptions& options);
  static Result<std::unique_ptr<Repository>> OpenWith(storage::Backend& storage, Key master,
                                                      ByteView sealed_config,
                                                      const RepositoryOptions& options);

  Result<std::vector<Id>> ReadIndexFiles(std::span<const FileEntry> files,
                                         std::vector<Error>* damaged, std::stop_token stop);
  Result<std::uint64_t> StoreBlob(const BlobHandle& handle, ByteView content, std::stop_token stop);
  Result<Bytes> LoadStored(const PackedBlob& place, std::stop_token stop);
  Result<Snapshot> ReadSnapshot(const FileEntry& file, std::stop_token stop);

  storage::Backend& storage_;
  const Key key_;
  const Config config_;
  const RepositoryOptions options_;
  const std::shared_ptr<const CutSearch> cut_search_;
  Index index_;
  std::unique_ptr<PackUploader> uploader_;
};

}  // namespace holdfast::repo
