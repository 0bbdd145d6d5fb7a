// Which volume of a source fills a claim. Pure.
#pragma once

#include <string>
#include <vector>

#include "controllers/restore/resolve.h"
#include "controllers/views.h"

namespace holdfast::controllers::populator {

// The claim that was backed up; empty for a source that is one volume without a name. In this
// order: `from`, where the user says it; the claim of the same name; for a claim of a StatefulSet
// (one of `sets`), the same template and ordinal of the StatefulSet that was backed up; the only
// volume, unless the claim is one of several of a StatefulSet: two replicas with one's data would
// be worse than none. A dump fills a claim only if it is named.
tl::expected<std::string, restore::Problem> ChooseVolume(const restore::Found& found,
                                                         const std::string& from,
                                                         const std::string& claim,
                                                         const std::vector<StatefulSetView>& sets);

}  // namespace holdfast::controllers::populator
