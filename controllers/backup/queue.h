// A repository's queue: which movers have its slots (spec.limits.concurrentMovers), and which
// Backups wait for one. They take slots in the order in which they were made.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "controllers/backup/world.h"
#include "controllers/context.h"

namespace holdfast::controllers::backup {

bool OlderThan(const crds::Backup& a, const crds::Backup& b);

// True for one that says that it waits for a slot and has enough others before it, by the cache:
// nothing can change for it before one of them starts, which is news that reaches it (Setup).
bool IsFarBack(const Caches& caches, const crds::Backup& backup);

// Those at the head of the queue for `repository`: as many as it has slots, and the one that is
// next when one of them goes.
std::vector<kube::ObjectKey> HeadOfQueue(const Caches& caches, const kube::ObjectKey& repository);

// The oldest Backups for which a copy in `repository` is due and has no Job: as many as it has
// slots.
std::vector<kube::ObjectKey> HeadOfCopies(const Caches& caches, const kube::ObjectKey& repository,
                                          TimePoint now);

// The slots of world.repository that are free once all older Backups have theirs, the Job that
// prunes it, and Jobs of world.backup that the cache does not show yet.
//
// The movers that have slots are those that this process and its predecessors made, so that the
// cache is enough once it shows all of them (freshness.h): a Job that another Backup made a moment
// ago counts. One that has ended unseen counts too; its end is news that brings those who wait
// back. Until then Jobs are listed, as new as the last that was made, which the API server need not
// wait for.
Result<void> LookAtSlots(const Context& context, World& world, std::stop_token stop);

// How many of the repository's slots are taken, by the same rule.
Result<int> CountMovers(const Context& context, const kube::ObjectKey& repository,
                        std::stop_token stop);

}  // namespace holdfast::controllers::backup
