// What a backup has met so far, counted from many threads.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "jobs/engine/archiver.h"
#include "jobs/engine/meter.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// Safe from many threads. Paths are below the source, with a leading '/'; "" is the source itself.
class ArchiveTally {
 public:
  // Problems are reported under `prefix`, the snapshot's path.
  ArchiveTally(std::string prefix, Meter& meter) : prefix_(std::move(prefix)), meter_(meter) {}

  // An entry that is not in the snapshot, by errno or in words.
  void Missing(std::string_view path, int error_number);
  void Problem(std::string_view path, std::string_view reason);
  void Socket();
  void ChangedWhileRead();

  void Read(std::uint64_t bytes);
  // Content that need not be read.
  void Skipped(std::uint64_t bytes) { meter_.AddBytes(bytes); }
  void Blob(repo::BlobType type, std::uint64_t size, const repo::SavedBlob& saved);

  // A file of the snapshot; `before` is its node in the parent snapshot, or nullptr. `taken_over`:
  // it was not opened.
  void File(const repo::Node& node, const repo::Node* before, bool taken_over);
  void Directory(const std::optional<repo::Id>& before, const repo::Id& tree);

  // Nobody may count any more.
  ArchiveReport& report() { return report_; }

 private:
  const std::string prefix_;
  Meter& meter_;
  std::mutex mutex_;
  ArchiveReport report_;
  repo::SnapshotSummary& summary_ = report_.snapshot.summary.emplace();
};

}  // namespace holdfast::engine
