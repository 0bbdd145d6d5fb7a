// What a mover is doing, as the caches know it and, where they may be behind, the API server.
#pragma once

#include <stop_token>
#include <vector>

#include "controllers/context.h"
#include "controllers/mover_state.h"

namespace holdfast::controllers {

// The movers' Jobs that belong to `owner` and that the cache has, in no order.
std::vector<kube::Cache<JobView>::Entry> JobsOf(const Caches& caches,
                                                const crds::ObjectMeta& owner);

// The pods of a mover's Job that the cache has.
std::vector<PodView> PodsOf(const Caches& caches, const JobView& job);

// As its Job and all of the Job's pods tell. Why a Job makes no pod is asked for.
MoverState StateOrWhyNone(const Context& context, const JobView& job,
                          const std::vector<PodView>& pods, std::stop_token stop);

// Jobs and pods come by two watches, of which either may be behind: a Job that has ended before its
// pod is seen to have ended would count as one that left no result. Then the pods are asked for.
// Waiting while they cannot be. Why a Job makes no pod is asked for as well.
MoverState LookAtMover(const Context& context, const JobView& job, std::stop_token stop);

}  // namespace holdfast::controllers
