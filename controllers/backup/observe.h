// All that Decide wants to know of a Backup: from the caches, and from the API server what is not
// worth caching (claims, the pods that mount them, movers' logs).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <unordered_map>
#include <vector>

#include "controllers/backup/decide.h"
#include "controllers/backup/deletion.h"
#include "controllers/context.h"

namespace holdfast::controllers::backup {

// A World and what its pointers point at.
struct Observed {
  World world;
  kube::Cache<crds::BackupPolicy>::Entry policy;
  kube::Cache<crds::BackupRepository>::Entry repository;
  std::vector<kube::Cache<StatefulSetView>::Entry> stateful_sets;
  std::vector<kube::Cache<crds::BackupRepository>::Entry> copy_repositories;
  // By claim, for those that are to be started: as whom the workload uses the volume.
  std::map<std::string, crds::MoverSecurityContext> security;
};

// The last progress of each mover, and when its log may be read next. Progress is a courtesy: it
// takes a fifth of a worker's time at most, however many movers there are and however slowly their
// nodes answer. Losing the book costs nothing.
//
// Threads: safe from many threads.
class ProgressBook {
 public:
  bool MayRead(const std::string& job_uid, TimePoint now) const;
  // Of a log that was read at `now` in the time it `took`; nullopt for one that could not be.
  void Note(const std::string& job_uid, TimePoint now, std::chrono::nanoseconds took,
            std::optional<std::string> log, std::chrono::seconds period);
  std::optional<protocol::Progress> Last(const std::string& job_uid) const;
  void Forget(const std::string& job_uid);

 private:
  struct Entry {
    TimePoint next;
    std::optional<protocol::Progress> progress;
  };
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  TimePoint next_;  // of any log
};

// What surrounds `backup`, which is as the cache or the API server has it.
Result<Observed> Observe(const Context& context, ProgressBook& book, crds::Backup backup,
                         std::stop_token stop);

// Of a Backup that is being deleted; without the repository.
DeletionWorld ObserveDeletion(const Context& context, const crds::Backup& backup,
                              std::stop_token stop);

// Whether its finalizer is to be set or taken away, now or when what it is for is done.
bool NeedsFinalizer(const crds::Backup& backup);

// Backups queue for a repository's slots in the order in which they were made. True for one that
// says so and has enough others before it, by the cache: nothing can change for it before one of
// them starts, which is news that reaches it (Setup).
bool IsFarBack(const Caches& caches, const crds::Backup& backup);

// Those at the head of the queue for `repository`: as many as it has slots, and the one that is
// next when one of them goes.
std::vector<kube::ObjectKey> HeadOfQueue(const Caches& caches, const kube::ObjectKey& repository);

// The oldest Backups for which a copy in `repository` is due and has no Job: as many as it has
// slots.
std::vector<kube::ObjectKey> HeadOfCopies(const Caches& caches, const kube::ObjectKey& repository,
                                          TimePoint now);

}  // namespace holdfast::controllers::backup
