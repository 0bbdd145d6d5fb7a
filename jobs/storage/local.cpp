#include "jobs/storage/local.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/quantity.h"
#include "jobs/storage/layout.h"
#include "jobs/storage/range.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFileMode = 0400;
constexpr mode_t kFolderMode = 0700;
constexpr mode_t kSharedFileMode = 0440;
constexpr mode_t kSharedFolderMode = 02770;  // what is made in it belongs to its group
// A stop is noticed between pieces of this size: about a millisecond on a fast disk.
constexpr std::size_t kPiece = std::size_t{1} << 20;
// Nobody takes so long to write a lock of a few hundred bytes: when a lock counts as stale.
constexpr std::chrono::seconds kOldestLiveLock = std::chrono::minutes(30);

// "user 1000 with the groups 1000, 65532"
std::string WhoWeAre() {
  std::vector<gid_t> listed(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
  const int count = ::getgroups(static_cast<int>(listed.size()), listed.data());
  listed.resize(static_cast<std::size_t>(std::max(0, count)));
  std::set<gid_t> groups(listed.begin(), listed.end());
  groups.insert(::getegid());
  return fmt::format("user {} with the groups {}", ::geteuid(), fmt::join(groups, ", "));
}

// The file system of the nearest folder that exists.
std::string RoomLeft(const fs::path& path) {
  struct statvfs room = {};
  for (fs::path folder = path.parent_path(); ::statvfs(folder.c_str(), &room) != 0;
       folder = folder.parent_path())
    if (folder == folder.parent_path()) return "";
  const std::uint64_t unit = room.f_frsize;
  return fmt::format("; of {} there {} are free, and {} of {} inodes",
                     HumanBytes(room.f_blocks * unit), HumanBytes(room.f_bavail * unit),
                     room.f_favail, room.f_files);
}

// What the operating system's words leave open.
std::string Explanation(int error_number, const fs::path& path) {
  switch (error_number) {
    case EACCES:
    case EPERM:
      return "; this process is " + WhoWeAre() +
             ", and must be able to read and write the folder and all that is in it";
    case EROFS:
      return "; the repository must be mounted for writing, even to be read: readers leave a lock";
    case ENOSPC:
    case EDQUOT:
      return RoomLeft(path);
    case ESTALE:
      return "; the server has put something else in the place of what was mounted here";
    default:
      return "";
  }
}

tl::unexpected<Error> Errno(std::string_view verb, const fs::path& path) {
  const int error_number = errno;
  Error error = FromErrno(fmt::format("{} {}", verb, path.native()), error_number);
  error.message += Explanation(error_number, path);
  return tl::make_unexpected(std::move(error));
}

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  int get() const { return descriptor_; }
  bool IsOpen() const { return descriptor_ >= 0; }
  // Errors that the file system kept until now (NFS, quotas) come out here.
  bool Close() { return ::close(std::exchange(descriptor_, -1)) == 0; }

 private:
  int descriptor_;
};

// Unlinks a temporary file unless it became the object.
class TemporaryName {
 public:
  explicit TemporaryName(fs::path path) : path_(std::move(path)) {}
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;
  ~TemporaryName() { ::unlink(path_.c_str()); }

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

fs::path TemporaryPathFor(const fs::path& path) {
  thread_local std::random_device random;
  return fmt::format("{}.tmp-{:08x}{:08x}", path.native(), random(), random());
}

// Ours, and restic's "<name>-tmp-<random>".
bool IsTemporary(std::string_view file) {
  for (const std::string_view mark : {".tmp-", "-tmp-"}) {
    const std::string_view name = file.substr(0, file.find(mark));
    if (name.size() < file.size() && (name == "config" || IsObjectName(name))) return true;
  }
  return false;
}

bool IsOld(const fs::path& path) {
  struct stat status = {};
  return ::lstat(path.c_str(), &status) == 0 &&
         ::time(nullptr) - status.st_mtime > kOldestLiveLock.count();
}

Result<void> SyncFolder(const fs::path& folder) {
  const File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file.IsOpen()) return Errno("open folder", folder);
  // Some network file systems have nothing to sync on a folder and say EINVAL.
  if (::fsync(file.get()) != 0 && errno != EINVAL) return Errno("sync folder", folder);
  return {};
}

// File systems without owners (CIFS, FAT) refuse both; the data matters more.
bool IsRefusedThere(int error_number) { return error_number == EPERM || error_number == ENOTSUP; }

// To the group first: a change of group takes the setgid bit away.
Result<void> ShareFolder(const fs::path& folder, gid_t group) {
  if (::chown(folder.c_str(), static_cast<uid_t>(-1), group) != 0 && !IsRefusedThere(errno))
    return Errno("set group of", folder);
  if (::chmod(folder.c_str(), kSharedFolderMode) != 0 && !IsRefusedThere(errno))
    return Errno("set mode of", folder);
  return {};
}

// Makes `folder` and what is missing between it and `root`; the folder above `root` must exist,
// unless the place is known to be there.
Result<void> MakeFolders(const fs::path& folder, const fs::path& root,
                         const LocalOptions& options) {
  if (::mkdir(folder.c_str(), kFolderMode) == 0) {
    if (options.group) TRY_VOID(ShareFolder(folder, *options.group));
    return SyncFolder(folder.parent_path());
  }
  if (errno == EEXIST) return {};
  if (errno != ENOENT) return Errno("make folder", folder);
  if (folder == root && !options.group)
    return Fail(kNoPlace, fmt::format("{} does not exist: create it, or mount the volume there",
                                      folder.parent_path().native()));
  TRY_VOID(MakeFolders(folder.parent_path(), root, options));
  return MakeFolders(folder, root, options);
}

Result<File> CreateFile(const fs::path& path, const fs::path& root, const LocalOptions& options) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
  File file(::open(path.c_str(), kFlags, 0600));
  if (!file.IsOpen() && errno == ENOENT) {
    TRY_VOID(MakeFolders(path.parent_path(), root, options));
    return File(::open(path.c_str(), kFlags, 0600));
  }
  return file;
}

Result<void> WriteAll(const File& file, const fs::path& path, ByteView data,
                      const std::stop_token& stop) {
  while (!data.empty()) {
    TRY_VOID(CheckStop(stop));
    const ssize_t written = ::write(file.get(), data.data(), std::min(data.size(), kPiece));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Errno("write", path);
    data = data.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> MakeDurable(File& file, const fs::path& path, const LocalOptions& options) {
  if (options.group && ::fchown(file.get(), static_cast<uid_t>(-1), *options.group) != 0 &&
      !IsRefusedThere(errno))
    return Errno("set group of", path);
  if (::fchmod(file.get(), options.group ? kSharedFileMode : kFileMode) != 0 &&
      !IsRefusedThere(errno))
    return Errno("set mode of", path);
  if (::fsync(file.get()) != 0) return Errno("sync", path);
  if (!file.Close()) return Errno("close", path);
  return {};
}

Result<void> LinkInPlace(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return {};
  if (errno != EPERM && errno != ENOTSUP && errno != ENOSYS) return Errno("create", to);
  // No hard links either: two writers of one name could now replace each other, with the same
  // bytes, as names are hashes of the content.
  if (::access(to.c_str(), F_OK) == 0)
    return tl::make_unexpected(FromErrno("create " + to.native(), EEXIST));
  if (::rename(from.c_str(), to.c_str()) != 0) return Errno("create", to);
  return {};
}

// Gives the finished file its name without replacing another. NFS does not know RENAME_NOREPLACE.
Result<void> MoveInPlace(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno == EINVAL || errno == ENOSYS) return LinkInPlace(from, to);
  return Errno("create", to);
}

Result<void> ReadAll(const File& file, const fs::path& path, std::uint64_t offset,
                     std::span<std::uint8_t> out, const std::stop_token& stop) {
  std::size_t done = 0;
  while (done < out.size()) {
    TRY_VOID(CheckStop(stop));
    const ssize_t count =
        ::pread(file.get(), out.data() + done, std::min(out.size() - done, kPiece),
                static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Errno("read", path);
    if (count == 0) return Fail(Code::kCorrupt, path.native() + " became shorter while being read");
    done += static_cast<std::size_t>(count);
  }
  return {};
}

struct StoredFile {
  File file;
  std::uint64_t size = 0;
};

Result<StoredFile> OpenStored(const fs::path& path) {
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.IsOpen()) return Errno("open", path);
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) return Errno("stat", path);
  return StoredFile{std::move(file), static_cast<std::uint64_t>(status.st_size)};
}

using Visit = std::function<Result<void>(const FileInfo&)>;

Result<void> VisitFile(const fs::path& path, const std::string& name, const Visit& visit) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};  // removed since the folder was read
    return Errno("stat", path);
  }
  if (!S_ISREG(status.st_mode)) return {};
  return visit({name, static_cast<std::uint64_t>(status.st_size)});
}

// Calls `each` with the entries of a folder; one that is absent has none.
Result<void> ForEachEntry(const fs::path& folder, const std::stop_token& stop,
                          const std::function<Result<void>(const fs::path&)>& each) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    TRY_VOID(CheckStop(stop));
    TRY_VOID(each(entry->path()));
  }
  if (!error || error == std::errc::no_such_file_or_directory ||
      error == std::errc::not_a_directory)
    return {};
  errno = error.value();
  return Errno("list", folder);
}

}  // namespace

// The trailing '/' makes parent_path give the folder itself, whether `root` had one or not.
Local::Local(std::string root, LocalOptions options)
    : root_((fs::path(std::move(root)) / "").lexically_normal().parent_path().native()),
      options_(options) {}

Result<std::string> Local::FullPath(const Handle& handle) const {
  TRY(const std::string path, PathOf(handle));
  return (fs::path(root_) / path).native();
}

Result<void> Local::Save(const Handle& handle, ByteView data, std::stop_token stop) {
  return Write(handle, data, MoveInPlace, stop);
}

Result<void> Local::Replace(const Handle& handle, ByteView data, std::stop_token stop) {
  const auto move_over = [](const fs::path& from, const fs::path& to) -> Result<void> {
    if (::rename(from.c_str(), to.c_str()) != 0) return Errno("replace", to);
    return {};
  };
  return Write(handle, data, move_over, stop);
}

Result<void> Local::Write(const Handle& handle, ByteView data, const Move& move,
                          const std::stop_token& stop) {
  TRY(const fs::path path, FullPath(handle));
  TRY_VOID(CheckStop(stop));
  const TemporaryName temporary(TemporaryPathFor(path));
  TRY(File file, CreateFile(temporary.path(), root_, options_));
  if (!file.IsOpen()) return Errno("create", temporary.path());
  TRY_VOID(WriteAll(file, path, data, stop));
  TRY_VOID(MakeDurable(file, path, options_));
  TRY_VOID(CheckStop(stop));
  TRY_VOID(move(temporary.path(), path));
  return SyncFolder(path.parent_path());
}

Result<Bytes> Local::Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                          std::stop_token stop) {
  TRY(const fs::path path, FullPath(handle));
  TRY_VOID(CheckStop(stop));
  TRY(const StoredFile stored, OpenStored(path));
  TRY(const std::uint64_t count, BytesInRange(path.native(), stored.size, offset, length));
  Bytes data(count);
  TRY_VOID(ReadAll(stored.file, path, offset, data, stop));
  return data;
}

Result<void> Local::LoadInto(const Handle& handle, std::uint64_t offset,
                             std::span<std::uint8_t> into, std::stop_token stop) {
  TRY(const fs::path path, FullPath(handle));
  TRY_VOID(CheckStop(stop));
  TRY(const StoredFile stored, OpenStored(path));
  TRY_VOID(BytesInRange(path.native(), stored.size, offset, into.size()));
  return ReadAll(stored.file, path, offset, into, stop);
}

Result<FileInfo> Local::Stat(const Handle& handle, std::stop_token stop) {
  TRY(const fs::path path, FullPath(handle));
  TRY_VOID(CheckStop(stop));
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) return Errno("stat", path);
  return FileInfo{handle.name, static_cast<std::uint64_t>(status.st_size)};
}

Result<void> Local::List(FileType type, const Visit& visit, std::stop_token stop) {
  TRY_VOID(CheckStop(stop));
  const fs::path root = root_;
  if (type == FileType::kConfig) return VisitFile(root / "config", "", visit);
  const auto visit_ours = [&](const fs::path& path) -> Result<void> {
    const auto handle = HandleOf(path.lexically_relative(root).native());
    return handle && handle->type == type ? VisitFile(path, handle->name, visit) : Result<void>();
  };
  const fs::path folder = root / FolderOf(type);
  if (type != FileType::kPack) return ForEachEntry(folder, stop, visit_ours);
  return ForEachEntry(folder, stop,
                      [&](const fs::path& shard) { return ForEachEntry(shard, stop, visit_ours); });
}

Result<void> Local::Remove(const Handle& handle, std::stop_token stop) {
  TRY(const fs::path path, FullPath(handle));
  TRY_VOID(CheckStop(stop));
  if (::unlink(path.c_str()) != 0) return errno == ENOENT ? Result<void>() : Errno("remove", path);
  // Prune removes index files before the packs they list; power loss must not swap the two.
  return SyncFolder(path.parent_path());
}

Result<std::uint64_t> Local::RemoveLeftovers(std::stop_token stop) {
  TRY_VOID(CheckStop(stop));
  std::uint64_t removed = 0;
  const auto remove = [&](const fs::path& path) -> Result<void> {
    if (!IsTemporary(path.filename().native())) return {};
    if (::unlink(path.c_str()) != 0)
      return errno == ENOENT ? Result<void>() : Errno("remove", path);
    ++removed;
    return {};
  };
  const fs::path root = root_;
  TRY_VOID(ForEachEntry(root, stop, remove));
  for (const FileType type : {FileType::kKey, FileType::kSnapshot, FileType::kIndex})
    TRY_VOID(ForEachEntry(root / FolderOf(type), stop, remove));
  TRY_VOID(ForEachEntry(root / FolderOf(FileType::kPack), stop,
                        [&](const fs::path& shard) { return ForEachEntry(shard, stop, remove); }));
  TRY_VOID(ForEachEntry(root / FolderOf(FileType::kLock), stop, [&](const fs::path& path) {
    return IsOld(path) ? remove(path) : Result<void>();
  }));
  return removed;
}

}  // namespace holdfast::storage
