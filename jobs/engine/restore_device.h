// Brings a file of a snapshot back onto a block device, or any file that is open for writing: only
// what differs is fetched and written.
#pragma once

#include <stop_token>

#include "base/error.h"
#include "jobs/engine/fd.h"
#include "jobs/engine/meter.h"
#include "jobs/engine/restore_batch.h"
#include "jobs/engine/restorer.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// `file` is the file's node. Invalid when the device is smaller than it; Corrupt when the
// repository lacks a part, of which nothing was written then; otherwise as Restore. What lies on
// the device behind the file's end stays as it is.
Result<RestoreReport> RestoreOnto(repo::Repository& repository, const repo::Node& file,
                                  const Fd& device, const RestoreOptions& options, Meter& meter,
                                  std::stop_token stop);

}  // namespace holdfast::engine
