// What a claim's dataSourceRef names, as the caches know it.
#pragma once

#include <string>

#include "controllers/context.h"
#include "controllers/populator/claim.h"
#include "controllers/restore/resolve.h"

namespace holdfast::controllers::populator {

struct Source {
  crds::RestoreSpec spec;  // of the Restore that is to fill the claim, without its target
  std::string from;        // spec.target.populator.from of the Restore that is named
  restore::Found found;
};

// The Problem says what somebody has to change, or what is awaited.
tl::expected<Source, restore::Problem> FindSource(const Context& context, const Claim& claim);

}  // namespace holdfast::controllers::populator
