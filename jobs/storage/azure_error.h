// What Azure's refusal means here, in a Code and a sentence that says what to change.
#pragma once

#include "base/error.h"
#include "jobs/storage/store_error.h"

namespace holdfast::storage {

Error ErrorForAzure(const StoreRefusal& refusal);

}  // namespace holdfast::storage
