// Claims that are to be restored and do not exist. Pure.
#pragma once

#include "controllers/restore/draft.h"

namespace holdfast::controllers::restore {

// True when all exist, or are made by the plan.
bool ClaimsExist(Draft& d);

}  // namespace holdfast::controllers::restore
