// Which volumes of a source go into which claims of a StatefulSet. Pure.
//
// A claim keeps its template and its pod's ordinal, also in a StatefulSet of another name. What has
// no pod there is left out, and what the source lacks is left as it is; both are said. Of a part
// (target.volumeClaims, target.ordinals) only that is restored and spoken of.
#pragma once

#include "controllers/restore/origins.h"
#include "controllers/restore/resolve.h"

namespace holdfast::controllers::restore {

tl::expected<Resolution, Problem> IntoSet(const World& world, const Found& found);

}  // namespace holdfast::controllers::restore
