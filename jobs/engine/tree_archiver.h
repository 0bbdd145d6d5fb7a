// Stores a directory with everything below it: lists, looks at every entry, compares with the
// parent snapshot, stores what changed and writes the trees, on all threads of a pool.
//
// A directory is worked on in slices of its names. A slice is looked at in ranges, each a job that
// also reads the range's small files; large files and directories become jobs of their own. When
// the last of a slice's parts is done, whoever did it goes on with the next slice or finishes the
// directory, and so on upwards. A directory of which nothing changed keeps its tree's id: nothing
// is encoded, and no file is opened.
//
// Memory: the names of the directories being worked on, about 500 bytes for an entry of their
// slices, and the parent snapshot's trees of the same directories.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "base/error.h"
#include "jobs/engine/archive_tally.h"
#include "jobs/engine/content_archiver.h"
#include "jobs/engine/exclude.h"
#include "jobs/engine/fd.h"
#include "jobs/engine/linked_files.h"
#include "jobs/engine/work_pool.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

struct TreeArchiverOptions {
  const ExcludeList* excludes = nullptr;
  std::string exclude_prefix;    // before a path when it is matched
  bool one_file_system = false;  // directories on other file systems are stored empty
};

class TreeArchiver {
 public:
  // All must outlive it.
  TreeArchiver(repo::Repository& repository, const TreeArchiverOptions& options, WorkPool& pool,
               ContentArchiver& contents, ArchiveTally& tally);

  // Runs the pool until everything is stored. The source's node with its tree; nullopt when the
  // source itself cannot be read, which the tally then says. `before` is the source's tree in the
  // parent snapshot. Errors of the repository, and Cancelled.
  Result<std::optional<repo::Node>> Run(Fd source, repo::Node node, std::optional<repo::Id> before,
                                        std::stop_token stop);

 private:
  struct Entry;
  struct Directory;
  class DirectoryJob;
  class RangeJob;
  class SmallFiles;
  class PartDoneJob;
  using DirectoryPtr = std::shared_ptr<Directory>;

  Result<void> Start(const DirectoryPtr& directory, std::stop_token stop);
  bool Open(Directory& directory);
  Result<void> LoadBefore(Directory& directory, std::stop_token stop);
  Result<void> Advance(DirectoryPtr directory, std::stop_token stop);
  std::size_t StartSlice(const DirectoryPtr& directory);
  Result<void> AppendSlice(Directory& directory);
  Result<void> Finish(Directory& directory, std::stop_token stop);
  Result<void> PartDone(const DirectoryPtr& directory, std::stop_token stop);

  Result<void> VisitRange(const DirectoryPtr& directory, std::size_t first, std::size_t last,
                          std::stop_token stop);
  void VisitDirectory(const DirectoryPtr& directory, Entry& entry, const struct stat& status,
                      std::vector<DirectoryPtr>& children);
  void VisitSpecial(Directory& directory, Entry& entry);
  void ReadExtrasOf(Directory& directory, Entry& entry, int fd);
  Result<void> VisitFile(const DirectoryPtr& directory, Entry& entry, const struct stat& status,
                         SmallFiles& small, std::stop_token stop);
  void StoreLarge(const DirectoryPtr& directory, Entry& entry, std::stop_token stop);
  static Fd OpenFile(const Directory& directory, const Entry& entry);
  bool WaitsForOtherName(const DirectoryPtr& directory, Entry& entry);
  // The file's content is stored, or could not be read: for this name, and for others that wait.
  void FileDone(Directory& directory, Entry& entry, const Content& content);
  void FinishEntry(Directory& directory, Entry& entry, const Content& content);
  bool AllStored(const repo::Node& before) const;

  repo::Repository& repository_;
  const TreeArchiverOptions options_;
  WorkPool& pool_;
  ContentArchiver& contents_;
  ArchiveTally& tally_;
  LinkedFiles linked_;
  std::uint64_t device_ = 0;  // of the source
};

}  // namespace holdfast::engine
