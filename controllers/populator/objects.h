// The objects that filling a claim makes and changes (decide.h). Pure.
#pragma once

#include <string>

#include "controllers/populator/world.h"

namespace holdfast::controllers::populator {

// The Restore that fills the prime claim from volume `from` of the source.
crds::Restore BuildChild(const World& world, const std::string& from);

// As large as the claim and of its class, for the node that the claim's pod is to run on.
Json BuildPrime(const Claim& claim, const crds::Restore& child);

// Merge patches; each is of the volume as it was read.
// The volume of a prime claim is deleted with that, whatever its class says: it may be half filled.
Json GoesWithPrime(const Volume& volume);
// From the prime to the claim, with the reclaim policy that its class gave it.
Json GivenTo(const Claim& claim, const Volume& volume);

}  // namespace holdfast::controllers::populator
