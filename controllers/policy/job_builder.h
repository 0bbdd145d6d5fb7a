// The Jobs of a policy: one applies its retention to one claim, another watches one. Pure.
#pragma once

#include "controllers/policy/decide.h"
#include "controllers/settings.h"

namespace holdfast::controllers::policy {

// `start` as Decide gave it; world.repository must be there.
Result<Json> BuildForgetJob(const World& world, const ForgetStart& start, const Settings& settings);

// `start` as Decide gave it; its claim must be among world.mounts.
Result<Json> BuildWatchJob(const World& world, const WatchStart& start, const Settings& settings);

}  // namespace holdfast::controllers::policy
