// A file that is there whole or not at all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::plugin {

// Written under another name beside its own, and removed unless it was finished. One thread.
class DownloadFile {
 public:
  // AlreadyExists for one that is there, unless it is to be replaced.
  static Result<DownloadFile> Create(const std::string& path, bool replace);

  DownloadFile(DownloadFile&& other) noexcept;
  DownloadFile& operator=(DownloadFile&&) = delete;
  ~DownloadFile();

  Result<void> Write(std::string_view bytes);
  // Onto the disk, and under its name.
  Result<void> Finish();
  std::uint64_t size() const { return size_; }

 private:
  DownloadFile(std::string path, std::string unfinished, int fd)
      : path_(std::move(path)), unfinished_(std::move(unfinished)), fd_(fd) {}

  std::string path_;
  std::string unfinished_;
  int fd_;
  std::uint64_t size_ = 0;
};

}  // namespace holdfast::plugin
