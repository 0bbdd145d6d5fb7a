// The movers of a run: one Job a volume, as many at once as the repository allows. Pure.
#pragma once

#include <string>

#include "controllers/backup/decide.h"

namespace holdfast::controllers::backup {

// What a run waits for, in the condition's words; empty for one that is on its way.
struct Wait {
  std::string reason;
  std::string message;
};

// No mover was made for the volume yet, and one could be. One that has failed without ever having
// one does not wait.
bool AwaitsMover(const World& world, const VolumeWorld& seen);

// How far the movers are that there are, and what they left. Stops those that nobody needs any
// more, and those that are not where their volume is. The first that is held up says why in `wait`.
void UpdateVolumes(const World& world, Plan& plan, Wait& wait);

// Volumes without a Job start in order while there are slots. Those that cannot say why in `wait`.
void StartVolumes(const World& world, Plan& plan, Wait& wait);

// Volumes without a Job fail: without policy and repository none can be made.
void FailUnstarted(const World& world, Plan& plan);

}  // namespace holdfast::controllers::backup
