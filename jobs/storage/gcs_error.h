// What Google Cloud Storage's refusal means here, in a Code and a sentence that says what to
// change.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "jobs/storage/store_error.h"

namespace holdfast::storage {

// Takes code and message from the JSON of an answer ("Error responses" in the JSON API reference);
// the code stays empty for anything else (a proxy's page).
StoreRefusal WithGcsReason(StoreRefusal refusal, ByteView body);

// `about_object`: the request names an object, in a bucket that is known to exist.
Error ErrorForGcs(const StoreRefusal& refusal, bool about_object);

}  // namespace holdfast::storage
