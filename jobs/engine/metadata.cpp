#include "jobs/engine/metadata.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "jobs/engine/directory.h"

namespace holdfast::engine {
namespace {

// There are no *at calls for extended attributes before Linux 6.13; this path is one step from the
// directory's descriptor, so that neither long paths nor renamed parents matter.
std::string ProcPath(const Place& place) {
  return "/proc/self/fd/" + std::to_string(place.directory) + "/" + place.name;
}

ssize_t ListAttributes(const Place& place, char* buffer, std::size_t size) {
  if (place.fd >= 0) return ::flistxattr(place.fd, buffer, size);
  return ::llistxattr(ProcPath(place).c_str(), buffer, size);
}

ssize_t GetAttribute(const Place& place, const char* name, char* buffer, std::size_t size) {
  if (place.fd >= 0) return ::fgetxattr(place.fd, name, buffer, size);
  return ::lgetxattr(ProcPath(place).c_str(), name, buffer, size);
}

bool SetAttribute(const Place& place, const repo::ExtendedAttribute& attribute) {
  const char* name = attribute.name.c_str();
  const std::string& value = attribute.value;
  if (place.fd >= 0) return ::fsetxattr(place.fd, name, value.data(), value.size(), 0) == 0;
  return ::lsetxattr(ProcPath(place).c_str(), name, value.data(), value.size(), 0) == 0;
}

bool RemoveAttribute(const Place& place, const std::string& name) {
  if (place.fd >= 0) return ::fremovexattr(place.fd, name.c_str()) == 0;
  return ::lremovexattr(ProcPath(place).c_str(), name.c_str()) == 0;
}

// Calls `read(buffer, size)` until the value fits; it may grow between asking and reading. -1 with
// errno on failure.
template <typename Read>
ssize_t ReadWhole(std::string& value, Read read) {
  value.resize(256);
  while (true) {
    const ssize_t length = read(value.data(), value.size());
    if (length >= 0) {
      value.resize(static_cast<std::size_t>(length));
      return length;
    }
    if (errno != ERANGE) return -1;
    const ssize_t needed = read(nullptr, 0);
    if (needed < 0) return -1;
    value.resize(static_cast<std::size_t>(needed) + 64);
  }
}

bool MeansNoAttributes(int error_number) {
  return error_number == ENOTSUP || error_number == ENODATA || error_number == EPERM;
}

Result<std::vector<std::string>> AttributeNames(const Place& place) {
  std::string list;
  const ssize_t length = ReadWhole(
      list, [&](char* buffer, std::size_t size) { return ListAttributes(place, buffer, size); });
  if (length < 0 && MeansNoAttributes(errno)) return std::vector<std::string>{};
  if (length < 0) return tl::make_unexpected(FromErrno("list extended attributes", errno));
  std::vector<std::string> names;
  for (std::size_t start = 0; start < list.size();) {
    names.emplace_back(list.c_str() + start);
    start += names.back().size() + 1;
  }
  std::ranges::sort(names);
  return names;
}

Result<void> ReadAttributes(const Place& place, repo::Node& node) {
  TRY(const std::vector<std::string> names, AttributeNames(place));
  for (const std::string& name : names) {
    std::string value;
    const ssize_t length = ReadWhole(value, [&](char* buffer, std::size_t size) {
      return GetAttribute(place, name.c_str(), buffer, size);
    });
    if (length >= 0) {
      node.extended_attributes.push_back({name, std::move(value)});
    } else if (!MeansNoAttributes(errno)) {
      return tl::make_unexpected(FromErrno("read extended attribute " + Printable(name), errno));
    }
  }
  return {};
}

Result<void> ReadTarget(const Place& place, repo::Node& node) {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = ::readlinkat(place.directory, place.name, target.data(), target.size());
  if (length < 0) return tl::make_unexpected(FromErrno("read symbolic link", errno));
  target.resize(static_cast<std::size_t>(length));
  node.link_target = std::move(target);
  return {};
}

bool StatPlace(const Place& place, struct stat& status) {
  if (place.fd >= 0) return ::fstat(place.fd, &status) == 0;
  return ::fstatat(place.directory, place.name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool SetOwner(const Place& place, uid_t uid, gid_t gid) {
  if (place.fd >= 0) return ::fchown(place.fd, uid, gid) == 0;
  return ::fchownat(place.directory, place.name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0;
}

bool SetMode(const Place& place, mode_t mode) {
  if (place.fd >= 0) return ::fchmod(place.fd, mode) == 0;
  return ::fchmodat(place.directory, place.name, mode, AT_SYMLINK_NOFOLLOW) == 0;
}

bool SetTimes(const Place& place, const repo::FileTime& atime, const repo::FileTime& mtime) {
  const std::array<timespec, 2> times = {
      {{atime.seconds, atime.nanos}, {mtime.seconds, mtime.nanos}}};
  if (place.fd >= 0) return ::futimens(place.fd, times.data()) == 0;
  return ::utimensat(place.directory, place.name, times.data(), AT_SYMLINK_NOFOLLOW) == 0;
}

// A volume's root belongs to whoever made the volume, and only its owner may set its times. They
// say when it was mounted or tidied, not what is in it.
bool IsMountPoint(const Place& place) {
  struct stat above {};
  struct stat here {};
  return place.fd >= 0 && ::fstat(place.fd, &here) == 0 &&
         ::fstatat(place.fd, "..", &above, 0) == 0 && above.st_dev != here.st_dev;
}

// Without the right to give files away, the group may still be one of our own.
std::uint64_t ApplyOwner(const Place& place, const repo::Node& node, const struct stat& status) {
  if (SetOwner(place, node.uid, node.gid)) return 0;
  if (status.st_gid != node.gid) SetOwner(place, static_cast<uid_t>(-1), node.gid);
  return 1;
}

// The kernel turns these into mode bits and keeps them beside the mode: they come after it.
bool IsAcl(std::string_view name) { return name.starts_with("system."); }

// Others than these are the system's own business (a label, a quota, the layers of an overlay)
// unless the node has them.
bool MayBeRemoved(std::string_view name) {
  if (name.starts_with("trusted.")) return !name.starts_with("trusted.overlay.");
  return name.starts_with("user.") || name.starts_with("system.posix_acl_") ||
         name == "security.capability";
}

bool HasValue(const Place& place, const repo::ExtendedAttribute& attribute) {
  std::string value;
  const ssize_t length = ReadWhole(value, [&](char* buffer, std::size_t size) {
    return GetAttribute(place, attribute.name.c_str(), buffer, size);
  });
  return length >= 0 && value == attribute.value;
}

std::uint64_t ApplyAttributes(const Place& place, const repo::Node& node, bool acls) {
  std::uint64_t failures = 0;
  for (const repo::ExtendedAttribute& attribute : node.extended_attributes) {
    if (IsAcl(attribute.name) != acls) continue;
    if (!SetAttribute(place, attribute) && !HasValue(place, attribute)) ++failures;
  }
  return failures;
}

// What an earlier file had, or a directory's default ACL gave, and the snapshot does not know.
std::uint64_t RemoveOtherAttributes(const Place& place, const std::vector<std::string>& names,
                                    const repo::Node& node) {
  std::uint64_t failures = 0;
  for (const std::string& name : names) {
    const bool wanted = std::ranges::any_of(node.extended_attributes,
                                            [&](const auto& a) { return a.name == name; });
    if (!wanted && MayBeRemoved(name) && !RemoveAttribute(place, name)) ++failures;
  }
  return failures;
}

constexpr mode_t kPermissions = 07777;

// An owner without CAP_FSETID loses bits without a word, so the mode is looked at afterwards.
std::uint64_t ApplyMode(const Place& place, mode_t mode, mode_t before) {
  const mode_t wanted = mode & kPermissions;
  if ((before & kPermissions) == wanted) return 0;
  struct stat status {};
  if (!SetMode(place, wanted) || !StatPlace(place, status)) return 1;
  return (status.st_mode & kPermissions) == wanted ? 0 : 1;
}

}  // namespace

repo::Node NodeFromStat(std::string name, const struct stat& status) {
  repo::Node node;
  node.name = std::move(name);
  node.type = repo::TypeOfMode(status.st_mode);
  node.mode = repo::GoMode(status.st_mode);
  node.mtime = {status.st_mtim.tv_sec, static_cast<std::uint32_t>(status.st_mtim.tv_nsec)};
  node.ctime = {status.st_ctim.tv_sec, static_cast<std::uint32_t>(status.st_ctim.tv_nsec)};
  node.atime = node.mtime;
  node.uid = status.st_uid;
  node.gid = status.st_gid;
  node.inode = status.st_ino;
  node.links = status.st_nlink;
  // Only a hard link needs its device; left out elsewhere, a volume mounted under another device
  // number gives the same trees.
  if (!S_ISDIR(status.st_mode) && status.st_nlink > 1) node.device_id = status.st_dev;
  if (S_ISREG(status.st_mode)) node.size = static_cast<std::uint64_t>(status.st_size);
  if (S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode)) node.device = status.st_rdev;
  return node;
}

Result<void> ReadExtras(const Place& place, repo::Node& node) {
  if (node.type == repo::NodeType::kSymlink) TRY_VOID(ReadTarget(place, node));
  return ReadAttributes(place, node);
}

std::uint64_t ApplyMetadata(const Place& place, const repo::Node& node) {
  struct stat status {};
  if (!StatPlace(place, status)) return 1;
  const bool owned = status.st_uid == node.uid && status.st_gid == node.gid;
  std::uint64_t failures = owned ? 0 : ApplyOwner(place, node, status);
  const std::vector<std::string> names = AttributeNames(place).value_or(std::vector<std::string>());
  failures += RemoveOtherAttributes(place, names, node);
  failures += ApplyAttributes(place, node, false);
  // A new owner and other ACLs are another mode, too.
  const bool same_mode = owned && names.empty() && node.extended_attributes.empty();
  if (!same_mode && !StatPlace(place, status)) return failures + 1;
  if (node.type != repo::NodeType::kSymlink)
    failures += ApplyMode(place, repo::PosixMode(node.mode), status.st_mode);
  failures += ApplyAttributes(place, node, true);
  if (!SetTimes(place, node.atime, node.mtime) && !(errno == EPERM && IsMountPoint(place)))
    ++failures;
  return failures;
}

}  // namespace holdfast::engine
