// Objects as files below a folder: a local disk, or a mounted claim or NFS share.
#pragma once

#include <filesystem>
#include <optional>

#include <sys/types.h>

#include "jobs/storage/backend.h"

namespace holdfast::storage {

struct LocalOptions {
  // Shares the folder between users who have this group: files are given to it with 0440 and
  // folders with 02770, which restic takes for group access too. Who asks for it knows that the
  // place is mounted: folders that are missing above the root are made as well.
  std::optional<gid_t> group;
};

// Files are 0400 and folders 0700, as restic makes them. The root is made by the first Save; the
// folder above it must exist, or Save fails with kNoPlace: what is not mounted must not be replaced
// by an empty folder on the wrong disk.
//
// Errors of the file system say what a person needs to know of it: who the process is when it is
// refused, how much room there is when it is full.
class Local final : public Backend {
 public:
  explicit Local(std::string root, LocalOptions options = {});

  // AlreadyExists when the object is there, also when two writers race. A writer that dies leaves
  // at most a temporary file "<name>.tmp-<random>", which no List shows and RemoveLeftovers
  // removes.
  Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override;
  Result<void> Replace(const Handle& handle, ByteView data, std::stop_token stop) override;
  Result<Bytes> Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                     std::stop_token stop) override;
  Result<void> LoadInto(const Handle& handle, std::uint64_t offset, std::span<std::uint8_t> into,
                        std::stop_token stop) override;
  Result<FileInfo> Stat(const Handle& handle, std::stop_token stop) override;
  Result<void> List(FileType type, const std::function<Result<void>(const FileInfo&)>& visit,
                    std::stop_token stop) override;
  Result<void> Remove(const Handle& handle, std::stop_token stop) override;
  Result<std::uint64_t> RemoveLeftovers(std::stop_token stop) override;
  std::string Location() const override { return root_; }

 private:
  using Move =
      std::function<Result<void>(const std::filesystem::path&, const std::filesystem::path&)>;

  Result<std::string> FullPath(const Handle& handle) const;
  // Under a temporary name first; `move` gives it its own.
  Result<void> Write(const Handle& handle, ByteView data, const Move& move,
                     const std::stop_token& stop);

  const std::string root_;
  const LocalOptions options_;
};

}  // namespace holdfast::storage
