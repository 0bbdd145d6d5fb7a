// Writes a file of a snapshot, or a directory as tar, to a stream.
#pragma once

#include <stop_token>
#include <string>

#include "base/error.h"
#include "jobs/engine/report.h"
#include "jobs/engine/tar_writer.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

struct DumpReport {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;            // of content
  std::uint64_t sockets_skipped = 0;  // tar has none
  ProblemList damaged;                // entries that the archive lacks
};

// A file's content as it is, or with `archive` as a tar of one entry; a directory always as tar,
// with the names below it. Piece by piece: one of at most kMaxBlobSize is in memory. NotFound when
// the path is not there, Invalid for a link or device without `archive`.
//
// An archive goes on beside directories that cannot be read, files with pieces in no index, and
// files whose first piece cannot be read. Corrupt when a later piece cannot: what was written until
// then cannot be taken back, and is no whole output.
Result<DumpReport> Dump(repo::Repository& repository, const repo::Id& tree, const std::string& path,
                        bool archive, const ByteSink& sink, std::stop_token stop);

}  // namespace holdfast::engine
