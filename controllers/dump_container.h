// A dump beside the mover in its pod: the user's image runs the user's command under holdfast-dump,
// which sends the output to the mover through a named pipe. An init container of the mover's image
// puts both into a volume that the two share; they share nothing else. The dump sees neither the
// repository's credentials nor an API token, and the mover sees none of the dump's variables.
#pragma once

#include "base/json.h"
#include "controllers/settings.h"
#include "crds/types/dump.h"

namespace holdfast::controllers {

// Where the mover finds the pipe: an entry of its volumeMounts.
Json DumpMount();

// Adds the containers, their volumes and what the image is pulled with to a mover's pod.
void AddDump(const crds::Dump& dump, const Settings& settings, Json& pod);

}  // namespace holdfast::controllers
