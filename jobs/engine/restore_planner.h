// The thread of a restore that plans: it walks the snapshot's tree, makes the directories, clears
// the way where something else stands, and gives the batches what is to be written.
#pragma once

#include <stop_token>

#include "base/error.h"
#include "jobs/engine/fd.h"
#include "jobs/engine/meter.h"
#include "jobs/engine/path_filter.h"
#include "jobs/engine/restorer.h"
#include "jobs/repo/repository.h"
#include "jobs/repo/tree.h"

namespace holdfast::engine {

// Brings what the filter selects below `root` into the open directory `target`, and waits until it
// is on disk. NotFound when the filter asks for what is not there; otherwise as Restore.
Result<RestoreReport> RestoreTree(repo::Repository& repository, const repo::Node& root,
                                  const RestoreOptions& options, PathFilter filter, Fd target,
                                  Meter& meter, std::stop_token stop);

}  // namespace holdfast::engine
