// What an S3 store's refusal means here, in a Code and a sentence that says what to change.
#pragma once

#include <string>

#include "base/error.h"
#include "jobs/storage/s3_xml.h"

namespace holdfast::storage {

struct S3Failure {
  int status = 0;
  bool is_head = false;  // the answer to a HEAD never has a body
  S3ErrorBody body;
  std::string redirect;  // the Location header
  std::string endpoint;
  std::string bucket;
  std::string action;  // "PUT prefix/keys/0123..."
};

// NotFound only when the store itself says that the object is absent: the 404 of a proxy or of an
// unknown user must not pass for it.
Error ErrorForS3(const S3Failure& failure);

}  // namespace holdfast::storage
