// A Restore that writes nothing (target.browse): a pod that can read the repository stays for a
// while, in which people run the mover's reading verbs (kubectl exec, kubectl holdfast). Pure.
//
// The pod sees the whole repository, whatever the source names: who may create Restores and exec in
// pods of the namespace may read all that its repository holds. The source says which one that is,
// and which snapshots the message names.
#pragma once

#include "controllers/restore/decide.h"

namespace holdfast::controllers::restore {

// The key of its Job in World::movers.
inline constexpr const char* kBrowser = "";

// Resolves the source, waits for the repository, starts the Job, says which pod it is, and ends
// with the Job. There is nothing to undo when the Restore is deleted: the Job goes with it.
Plan DecideBrowse(const World& world, const Settings& settings);

// world.repository is set.
Result<Json> BuildBrowser(const World& world, const Settings& settings);

}  // namespace holdfast::controllers::restore
