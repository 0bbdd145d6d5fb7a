// How long a Restore will take, told before it starts, and how far off that was. Pure.
//
// The time of a volume is that of its pod's start and of its bytes at the rate at which volumes
// came back from the repository before. As many as the repository has slots are restored side by
// side, in their order. In place, the pods' stop and start come on top: what they took last time.
//
// It is an upper bound: a volume that holds most of the data already takes less, since only what
// differs is fetched and written; and so does a Restore with spec.paths.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crds/types/backup.h"
#include "crds/types/backup_repository.h"
#include "crds/types/restore.h"

namespace holdfast::controllers::restore {

// In any order, and over or not.
using Restores = std::vector<std::shared_ptr<const crds::Restore>>;

// How fast things were, or are taken to be.
struct Pace {
  std::int64_t bytes_per_second = 0;  // of one volume; positive
  std::string basis;                  // a sentence that says where that comes from
  std::chrono::seconds start{0};      // of a mover's pod
  // Until the pods have stopped and are ready again; nullopt when that was never measured.
  std::optional<std::chrono::seconds> around;
};

// What is to be restored.
struct Load {
  std::vector<std::int64_t> volumes;  // bytes of each, in the order in which they are restored
  std::int64_t slots = 1;
  bool in_place = false;
};

struct Prospect {
  Load load;
  Pace pace;
};

// Bytes a second of one volume, over the last Restores of `past` that succeeded, those from one
// repository. Volumes that held most of their data already tell nothing, and neither do small ones,
// which are opening a repository and no more. nullopt when there are no others.
std::optional<std::int64_t> MeasuredRate(const Restores& past);

// For a Restore of `backup` (nullptr for none) from the repository. `past` as above; `stateful_set`
// is the one that is restored in place, empty for none.
Pace PaceOf(const crds::BackupRepository& repository, const crds::Backup* backup,
            const Restores& past, const std::string& stateful_set);

crds::RestoreEstimate EstimateOf(const Load& load, const Pace& pace);

// "Expected to take 3m10s, with 1.4 GiB to read at most."
std::string Expectation(const crds::RestoreEstimate& estimate);

// "took 2m58s, 6 % less", of a Restore that ends now. What it waited for before it did anything
// (another Restore, a repository) does not count.
std::string ErrorOf(const crds::RestoreStatus& status);

}  // namespace holdfast::controllers::restore
