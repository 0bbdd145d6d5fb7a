// Directories for tests: one that goes away, one full of awkward entries, and a comparer that says
// in words how two of them differ. By descriptors, as paths beyond PATH_MAX are among the entries.
#pragma once

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "jobs/engine/directory.h"

namespace holdfast::engine {

class TempDir {
 public:
  TempDir() : TempDir(std::filesystem::temp_directory_path()) {}
  explicit TempDir(const std::filesystem::path& parent) {
    std::string pattern = parent / "holdfast-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
    ::chmod(path_.c_str(), 0755);
  }
  ~TempDir() {
    const std::size_t slash = path_.rfind('/');
    const Fd parent(::open(path_.substr(0, slash).c_str(), O_RDONLY | O_DIRECTORY));
    static_cast<void>(RemoveAll(parent.get(), path_.substr(slash + 1), {}));
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // The path of a new directory in it.
  std::string Make(const std::string& name) const {
    std::filesystem::create_directories(path_ + "/" + name);
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

inline void WriteFile(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The same bytes for the same seed, as hard to compress as random ones.
inline std::string Noise(std::size_t size, std::uint64_t seed) {
  std::string noise(size, '\0');
  for (char& byte : noise) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<char>(seed >> 56);
  }
  return noise;
}

inline void SetTime(const std::string& path, std::int64_t seconds, long nanos) {
  const std::array<timespec, 2> times = {{{seconds, nanos}, {seconds, nanos}}};
  ::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
}

// Directories nested until their path is longer than `length`, with a file at the bottom.
inline void MakeDeep(const std::string& root, std::size_t length) {
  Fd directory(::open(root.c_str(), O_RDONLY | O_DIRECTORY));
  const std::string name(200, 'd');
  for (std::size_t made = 0; made < length; made += name.size() + 1) {
    ::mkdirat(directory.get(), name.c_str(), 0750);
    directory = Fd(::openat(directory.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
  }
  const Fd file(::openat(directory.get(), "bottom", O_WRONLY | O_CREAT, 0640));
  EXPECT_EQ(::write(file.get(), "deep", 4), 4);
}

// Everything a file system can hold that a backup may get wrong. Entries that need root are left
// out for other users. restic 0.14 cannot read a path beyond PATH_MAX: MakeDeep apart.
inline void MakeAwkwardTree(const std::string& root) {
  const bool is_root = ::geteuid() == 0;
  const auto at = [&](const std::string& name) { return root + "/" + name; };
  for (const char* name : {"empty-dir", "sticky", "shared", "with acl"})
    ::mkdir(at(name).c_str(), 0755);
  WriteFile(at("empty"), "");
  WriteFile(at("small"), "hello\n");
  WriteFile(at("large"), Noise(5'000'000, 1));
  WriteFile(at("zeros"), std::string(3'000'000, '\0'));
  WriteFile(at("not utf-8 \xff\xfe\x80"), "bytes");
  WriteFile(at("line\nbreak and \"quotes\" \\ and \t tab"), "name");
  WriteFile(at(std::string(255, 'n')), "long name");
  WriteFile(at("\xe2\x98\x83 snow man"), "utf-8");
  WriteFile(at("- -dash"), "dash");

  WriteFile(at("sparse"), "start");
  EXPECT_EQ(::truncate(at("sparse").c_str(), 40'000'000), 0);

  WriteFile(at("setuid"), "#!/bin/sh\n");
  ::chmod(at("setuid").c_str(), 04755);
  WriteFile(at("unwritable"), "r");
  ::chmod(at("unwritable").c_str(), 0400);
  ::chmod(at("sticky").c_str(), 01777);
  ::chmod(at("shared").c_str(), 02775);

  EXPECT_EQ(::symlink("small", at("link").c_str()), 0);
  EXPECT_EQ(::symlink("no/such/file", at("dangling").c_str()), 0);
  EXPECT_EQ(::symlink(std::string(3000, 'x').c_str(), at("long-link").c_str()), 0);
  EXPECT_EQ(::symlink("/etc", at("absolute-link").c_str()), 0);
  EXPECT_EQ(::link(at("large").c_str(), at("shared/large again").c_str()), 0);
  EXPECT_EQ(::link(at("large").c_str(), at("another large").c_str()), 0);
  EXPECT_EQ(::mkfifo(at("fifo").c_str(), 0620), 0);

  const std::string value("binary\0value", 12);
  ::setxattr(at("small").c_str(), "user.holdfast", value.data(), value.size(), 0);
  ::setxattr(at("shared").c_str(), "user.directory", "", 0, 0);
  // Version 2; entries of tag, permissions and id in little endian: owner rwx, user 1234 r-x, group
  // r--, mask rwx, others ---.
  const std::string acl(
      "\2\0\0\0"
      "\1\0\7\0\xff\xff\xff\xff"
      "\2\0\5\0\xd2\4\0\0"
      "\4\0\4\0\xff\xff\xff\xff"
      "\x10\0\7\0\xff\xff\xff\xff"
      "\x20\0\0\0\xff\xff\xff\xff",
      44);
  WriteFile(at("with acl/file"), "acl");
  for (const char* name : {"with acl", "with acl/file"})
    ::setxattr(at(name).c_str(), "system.posix_acl_access", acl.data(), acl.size(), 0);
  ::setxattr(at("with acl").c_str(), "system.posix_acl_default", acl.data(), acl.size(), 0);

  if (is_root) {
    EXPECT_EQ(::lchown(at("small").c_str(), 1234, 4321), 0);
    EXPECT_EQ(::lchown(at("link").c_str(), 77, 88), 0);
    EXPECT_EQ(::mknod(at("null device").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  }
  SetTime(at("small"), 1'000'000'000, 123'456'789);
  SetTime(at("empty"), -1'000, 1);
  SetTime(at("link"), 1'234'567'890, 987'654'321);
  SetTime(at("empty-dir"), 4'000'000'000, 5);
}

class TreeComparer {
 public:
  // One line for each difference in type, mode, owner, mtime, size, content, link target, device,
  // extended attributes or hard links.
  static std::vector<std::string> Compare(const std::string& expected, const std::string& actual) {
    TreeComparer comparer;
    return comparer.Roots(expected, actual);
  }
  // Names, types, sizes and content only, where `expected` is a copy with times of its own.
  static std::vector<std::string> CompareContent(const std::string& expected,
                                                 const std::string& actual) {
    TreeComparer comparer;
    comparer.content_only_ = true;
    return comparer.Roots(expected, actual);
  }

 private:
  using FileKey = std::pair<dev_t, ino_t>;

  std::vector<std::string> Roots(const std::string& expected, const std::string& actual) {
    Directory(Fd(::open(expected.c_str(), O_RDONLY | O_DIRECTORY)),
              Fd(::open(actual.c_str(), O_RDONLY | O_DIRECTORY)), "");
    return differences_;
  }

  void Note(const std::string& path, const std::string& what) {
    differences_.push_back(Printable(path) + ": " + what);
  }

  template <typename T>
  void Same(const std::string& path, const char* what, const T& expected, const T& actual) {
    if (expected != actual)
      Note(path, std::string(what) + " " + std::to_string(actual) + " instead of " +
                     std::to_string(expected));
  }

  void Directory(const Fd& expected, const Fd& actual, const std::string& path) {
    if (!expected.valid() || !actual.valid()) return Note(path, "cannot be opened");
    Inode(expected.get(), actual.get(), path);
    const auto names = ListNames(expected.get()).value();
    const auto found = ListNames(actual.get()).value();
    std::set<std::string> extra(found.begin(), found.end());
    for (const std::string& name : names) {
      if (extra.erase(name) == 0) {
        Note(path + "/" + name, "missing");
      } else {
        Entry(expected.get(), actual.get(), name, path + "/" + name);
      }
    }
    for (const std::string& name : extra) Note(path + "/" + name, "unexpected");
  }

  void Entry(int expected, int actual, const std::string& name, const std::string& path) {
    struct stat a {
    }, b{};
    ::fstatat(expected, name.c_str(), &a, AT_SYMLINK_NOFOLLOW);
    ::fstatat(actual, name.c_str(), &b, AT_SYMLINK_NOFOLLOW);
    if ((a.st_mode & S_IFMT) != (b.st_mode & S_IFMT)) return Note(path, "another type");
    constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
    if (S_ISDIR(a.st_mode))
      return Directory(Fd(::openat(expected, name.c_str(), kFlags | O_DIRECTORY)),
                       Fd(::openat(actual, name.c_str(), kFlags | O_DIRECTORY)), path);
    Status(a, b, path);
    if (S_ISLNK(a.st_mode) && Target(expected, name) != Target(actual, name))
      Note(path, "another target");
    if (!S_ISREG(a.st_mode)) return;
    const auto [first, added] = linked_.try_emplace({a.st_dev, a.st_ino}, b.st_dev, b.st_ino);
    if (!added && first->second != FileKey(b.st_dev, b.st_ino)) Note(path, "no hard link");
    const Fd left(::openat(expected, name.c_str(), kFlags));
    const Fd right(::openat(actual, name.c_str(), kFlags));
    Inode(left.get(), right.get(), path);
    Content(left.get(), right.get(), path);
  }

  void Status(const struct stat& a, const struct stat& b, const std::string& path) {
    if (content_only_) return Same(path, "size", FileSize(a), FileSize(b));
    Same(path, "mode", a.st_mode, b.st_mode);
    Same(path, "uid", a.st_uid, b.st_uid);
    Same(path, "gid", a.st_gid, b.st_gid);
    Same(path, "mtime", a.st_mtim.tv_sec, b.st_mtim.tv_sec);
    Same(path, "mtime nanoseconds", a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
    if (S_ISDIR(a.st_mode)) return;
    Same(path, "size", a.st_size, b.st_size);
    Same(path, "links", a.st_nlink, b.st_nlink);
    Same(path, "device", a.st_rdev, b.st_rdev);
  }

  static off_t FileSize(const struct stat& status) {
    return S_ISDIR(status.st_mode) ? 0 : status.st_size;
  }

  void Inode(int expected, int actual, const std::string& path) {
    struct stat a {
    }, b{};
    ::fstat(expected, &a);
    ::fstat(actual, &b);
    if (S_ISDIR(a.st_mode)) Status(a, b, path);
    if (Attributes(expected) != Attributes(actual)) Note(path, "other extended attributes");
  }

  void Content(int expected, int actual, const std::string& path) {
    std::string a(1 << 20, '\0'), b(1 << 20, '\0');
    while (true) {
      const ssize_t left = ::read(expected, a.data(), a.size());
      const ssize_t right = ::read(actual, b.data(), b.size());
      if (left != right || (left > 0 && a.compare(0, static_cast<std::size_t>(left), b, 0,
                                                  static_cast<std::size_t>(left)) != 0))
        return Note(path, "other content");
      if (left <= 0) return;
    }
  }

  static std::string Target(int directory, const std::string& name) {
    std::string target(4096, '\0');
    target.resize(static_cast<std::size_t>(
        ::readlinkat(directory, name.c_str(), target.data(), target.size())));
    return target;
  }

  static std::map<std::string, std::string> Attributes(int fd) {
    std::map<std::string, std::string> attributes;
    std::string list(65536, '\0');
    const ssize_t length = ::flistxattr(fd, list.data(), list.size());
    list.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
    for (std::size_t start = 0; start < list.size();) {
      const std::string name = list.c_str() + start;
      start += name.size() + 1;
      std::string value(65536, '\0');
      const ssize_t size = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
      attributes[name] = value.substr(0, size < 0 ? 0 : static_cast<std::size_t>(size));
    }
    return attributes;
  }

  bool content_only_ = false;
  std::vector<std::string> differences_;
  std::map<FileKey, FileKey> linked_;
};

}  // namespace holdfast::engine
