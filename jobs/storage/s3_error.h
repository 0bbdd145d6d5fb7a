// What an S3 store's refusal means here, in a Code and a sentence that says what to change.
#pragma once

#include <string>

#include "base/error.h"
#include "jobs/storage/s3_xml.h"
#include "jobs/storage/store_error.h"

namespace holdfast::storage {

struct S3Failure {
  StoreRefusal refusal;
  bool is_head = false;  // the answer to a HEAD never has a body
  std::string redirect;  // the Location header
  bool retains = false;  // the call was to have an object retained
};

// The header that says how an object is retained.
inline constexpr const char* kObjectLockMode = "x-amz-object-lock-mode";

// NotFound only when the store itself says that the object is absent: the 404 of a proxy or of an
// unknown user must not pass for it.
Error ErrorForS3(const S3Failure& failure);

// Whether the code says that the session's keys are no longer good.
bool SaysExpired(const std::string& s3_code);

}  // namespace holdfast::storage
