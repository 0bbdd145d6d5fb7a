// Where in a snapshot's tree the content of the path lies that was backed up.
#pragma once

#include <stop_token>
#include <string>

#include "base/error.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// The path itself, in snapshots of ours, of `restic backup /path`, of K8up (/data/<claim>), of
// Stash.
// "/" in those that were made from within the folder (`cd /path && restic backup .`), as VolSync
// and Velero do, for their trees begin with what is in it; and in those of several paths.
//
// Which of the two a snapshot is, its tree tells: above a path that was named there is nothing but
// the way to it. A folder that holds nothing but a folder with its own name looks the same from
// within; of VolSync, whose path is always /data, it is known.
//
// Errors of the repository.
Result<std::string> ContentRoot(repo::Repository& repository, const repo::Snapshot& snapshot,
                                std::stop_token stop);

// `snapshot` with a tree in which paths begin at its content root, as people name them who know the
// volume. A content that is no directory, as a block device's, is the one file in it. Errors of the
// repository.
Result<repo::Snapshot> FromContentRoot(repo::Repository& repository, repo::Snapshot snapshot,
                                       std::stop_token stop);

}  // namespace holdfast::engine
