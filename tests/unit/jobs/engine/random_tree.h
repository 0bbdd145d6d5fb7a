// Random directory trees by a seed: whatever a volume can hold, in any combination. Needs root.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "tests/unit/jobs/engine/trees.h"

namespace holdfast::engine {

class RandomTree {
 public:
  struct Options {
    bool raw_links = true;  // targets that are not UTF-8
    std::size_t entries = 150;
  };

  RandomTree(std::string root, std::uint32_t seed, Options options)
      : root_(std::move(root)), random_(seed), options_(options) {
    directories_.push_back(root_);
    for (std::size_t i = 0; i < options_.entries; ++i) AddEntry();
    Dress();
  }

  // Some entries change, some go, some come.
  void Change() {
    for (std::size_t i = 0; i < files_.size(); ++i) {
      if (!OneIn(4)) continue;
      if (OneIn(3)) {
        ::unlink(files_[i].c_str());
        files_[i] = files_.back();
        files_.pop_back();
      } else {
        WriteContent(files_[i]);
      }
    }
    for (std::size_t i = 0; i < options_.entries / 4; ++i) AddEntry();
    Dress();
  }

  std::uint64_t sockets() const { return sockets_.size(); }
  // They are in no snapshot. The times of their directories stay.
  void RemoveSockets() {
    for (const std::string& path : sockets_) {
      const std::string parent = path.substr(0, path.rfind('/'));
      struct stat status {};
      ::stat(parent.c_str(), &status);
      ::unlink(path.c_str());
      const std::array<timespec, 2> times = {status.st_atim, status.st_mtim};
      ::utimensat(AT_FDCWD, parent.c_str(), times.data(), 0);
    }
    sockets_.clear();
  }

 private:
  std::uint32_t Below(std::size_t limit) {
    return static_cast<std::uint32_t>(random_() % static_cast<std::uint32_t>(limit));
  }
  bool OneIn(std::size_t count) { return Below(count) == 0; }
  template <typename T>
  const T& AnyOf(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }

  std::string Letters(std::size_t length) {
    std::string text(length, ' ');
    for (char& letter : text) letter = static_cast<char>('a' + Below(26));
    return text;
  }
  // Any bytes a name may have.
  std::string RawBytes(std::size_t length) {
    std::string text(length, ' ');
    for (char& byte : text) {
      byte = static_cast<char>(1 + Below(255));
      if (byte == '/') byte = '\\';
    }
    return text;
  }
  std::string NewName() {
    switch (Below(8)) {
      case 0:
        return RawBytes(3 + Below(20));
      case 1:
        return Letters(255);
      case 2:
        return RawBytes(255);
      case 3:
        return "\xe2\x98\x83 \xf0\x9f\x92\xbe " + Letters(4);
      case 4:
        return "." + Letters(5);
      case 5:
        return "-\n\"\\\t" + Letters(3) + " ";
      default:
        return Letters(1 + Below(12));
    }
  }
  // A path below some directory that is free and that can be named by a path.
  std::string NewPath() {
    std::string path;
    do path = AnyOf(directories_) + "/" + NewName();
    while (path.size() > 3500 || ::access(path.c_str(), F_OK) == 0);
    return path;
  }

  void AddEntry() {
    const std::string path = NewPath();
    switch (Below(16)) {
      case 0:
      case 1:
      case 2:
        ASSERT_EQ(::mkdir(path.c_str(), 0755), 0) << path;
        directories_.push_back(path);
        break;
      case 3:
        AddLink(path);
        return;
      case 4:
        ASSERT_EQ(::mkfifo(path.c_str(), 0644), 0);
        others_.push_back(path);
        break;
      case 5:
        ASSERT_EQ(::mknod(path.c_str(), OneIn(2) ? S_IFCHR | 0600 : S_IFBLK | 0600,
                          makedev(1 + Below(4000), Below(1000000))),
                  0);
        others_.push_back(path);
        break;
      case 6:
        ASSERT_EQ(::mknod(path.c_str(), S_IFSOCK | 0600, 0), 0);
        sockets_.push_back(path);
        break;
      case 7:
        if (!files_.empty() && ::link(AnyOf(files_).c_str(), path.c_str()) == 0) {
          files_.push_back(path);
          break;
        }
        [[fallthrough]];
      default:
        WriteContent(path);
        files_.push_back(path);
        break;
    }
  }
  void AddLink(const std::string& path) {
    const std::string target =
        options_.raw_links && OneIn(3) ? RawBytes(1 + Below(100)) : "../" + Letters(Below(200));
    ASSERT_EQ(::symlink(target.c_str(), path.c_str()), 0);
    others_.push_back(path);
  }

  std::size_t NewSize() {
    switch (Below(10)) {
      case 0:
        return 0;
      case 1:
        return 4095 + Below(3);
      case 2:
        return 512 * 1024 - 1 + Below(3);
      case 3:
        return 600'000 + Below(3'000'000);
      case 4:
        return 65'536 * Below(10);
      default:
        return Below(20'000);
    }
  }
  void WriteContent(const std::string& path) {
    const std::size_t size = NewSize();
    ::unlink(OneIn(2) ? path.c_str() : "");
    switch (Below(4)) {
      case 0:
        return WriteFile(path, std::string(size, OneIn(2) ? '\0' : 'z'));
      case 1:
        return WriteSparse(path, size);
      default:
        return WriteFile(path, Noise(size, random_()));
    }
  }
  // Islands of data in a file that is one hole, which may also be at its end.
  void WriteSparse(const std::string& path, std::size_t size) {
    WriteFile(path, "");
    const Fd file(::open(path.c_str(), O_WRONLY));
    for (std::size_t i = Below(4); i > 0; --i) {
      const std::string island = Noise(1 + Below(10'000), random_());
      EXPECT_GE(::pwrite(file.get(), island.data(), island.size(), Below(size + 1)), 0);
    }
    struct stat status {};
    ::fstat(file.get(), &status);
    EXPECT_EQ(::ftruncate(file.get(), status.st_size + Below(5'000'000)), 0);
  }

  // Owners, then what chown resets, the times last, those of directories from the bottom up.
  void Dress() {
    for (const std::string& path : files_) DressOne(path, true);
    for (const std::string& path : others_) DressOne(path, false);
    for (const std::string& path : sockets_) DressOne(path, false);
    for (auto path = directories_.rbegin(); path != directories_.rend(); ++path)
      DressOne(*path, true);
  }
  void DressOne(const std::string& path, bool may_have_attributes) {
    struct stat status {};
    ASSERT_EQ(::lstat(path.c_str(), &status), 0) << path;
    const int owned = OneIn(2) ? 0 : ::lchown(path.c_str(), AnyOf(ids_), AnyOf(ids_));
    ASSERT_EQ(owned, 0);
    if (!S_ISLNK(status.st_mode) && !OneIn(3)) ::chmod(path.c_str(), Below(010000));
    if (may_have_attributes && OneIn(4)) SetAttributes(path, S_ISDIR(status.st_mode));
    SetTime(path, AnyOf(seconds_) + Below(100'000'000), static_cast<long>(Below(1'000'000'000)));
  }
  void SetAttributes(const std::string& path, bool directory) {
    for (std::size_t i = 1 + Below(3); i > 0; --i) {
      const std::string value = OneIn(4) ? "" : RawBytes(Below(200));
      const std::string name = (OneIn(4) ? "trusted." : "user.") + Letters(1 + Below(30));
      EXPECT_EQ(::setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0), 0)
          << name << ": " << std::strerror(errno);
    }
    if (OneIn(2)) SetAcl(path, "system.posix_acl_access");
    if (directory && OneIn(2)) SetAcl(path, "system.posix_acl_default");
  }
  // Version 2; entries of tag, permissions and id in little endian: owner, one user, group, mask,
  // others.
  void SetAcl(const std::string& path, const char* name) {
    std::string acl("\2\0\0\0", 4);
    const auto add = [&](char tag, std::uint32_t id) {
      acl += {tag, 0, static_cast<char>(Below(8)), 0};
      for (int shift = 0; shift < 32; shift += 8) acl += static_cast<char>(id >> shift);
    };
    constexpr std::uint32_t kNobodyElse = UINT32_MAX;
    add(1, kNobodyElse);
    add(2, 1000 + Below(1000));
    add(4, kNobodyElse);
    add(0x10, kNobodyElse);
    add(0x20, kNobodyElse);
    EXPECT_EQ(::setxattr(path.c_str(), name, acl.data(), acl.size(), 0), 0)
        << name << ": " << std::strerror(errno);
  }

  const std::string root_;
  std::mt19937 random_;
  const Options options_;
  std::vector<std::string> directories_, files_, others_, sockets_;
  const std::vector<uid_t> ids_ = {0, 1, 1000, 65534, 100'000, 4'000'000'000};
  // 1969, 2001, 2026, 2096
  const std::vector<std::int64_t> seconds_ = {-100'000'000, 1'000'000'000, 1'780'000'000,
                                              4'000'000'000};
};

}  // namespace holdfast::engine
