// Completion's questions, asked of the cluster.
#pragma once

#include "operator/plugin/completion.h"
#include "operator/plugin/session.h"

namespace holdfast::plugin {

// `session` outlives it.
Completer ClusterCompleter(const Session& session);

}  // namespace holdfast::plugin
