// The movers of a Restore: one Job a volume, as many at once as the repository allows. Pure.
#pragma once

#include "controllers/restore/draft.h"

namespace holdfast::controllers::restore {

// Starts what may start, and says how far all are.
void RunMovers(Draft& d);

bool AllSucceeded(const Draft& d);
bool AnyFailed(const Draft& d);
bool NoneAtWork(const Draft& d);
// Some volume is still to be restored and has no Job.
bool MissingMover(const Draft& d);

// " Claim a failed: ... Claim b failed: ..."; empty for none.
std::string Failures(const Draft& d);

}  // namespace holdfast::controllers::restore
