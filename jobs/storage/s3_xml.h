// The XML of S3 that the mover reads and writes: errors, listings, uploads in parts, keys of a
// role.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "jobs/storage/object_store.h"

namespace holdfast::storage {

// The <Error> document, also within the token service's <ErrorResponse>; every field is empty when
// the body is something else (a proxy's page).
struct S3ErrorBody {
  std::string code;
  std::string message;
  std::string region;
};
S3ErrorBody ParseS3Error(ByteView body);

// What follows are Unavailable for any other document: a proxy in between or an answer that was
// cut, either of which may be gone the next time.

// One page of ListObjectsV2.
Result<ListingPage> ParseS3Listing(ByteView body);

// The upload's id in the answer to CreateMultipartUpload.
Result<std::string> ParseS3UploadId(ByteView body);

struct S3Part {
  std::string etag;
  std::string sha256;  // base64; empty when the store is not asked to check it
};
// The body of CompleteMultipartUpload; the first part has the number 1.
std::string CompleteUploadXml(const std::vector<S3Part>& parts);
// Success only for the document that says so: S3 may answer 200 before it knows, and then send an
// <Error>, which ParseS3Error reads.
Result<void> ParseS3Completed(ByteView body);

// One page of ListObjectVersions: keys in order, of each the newest version first.
struct S3VersionsPage {
  struct Entry {
    std::string key;
    std::string id;
    bool is_marker = false;
    TimePoint stored{};
  };
  std::vector<Entry> entries;
  std::string next_key, next_id;  // where the next page starts; both empty on the last one
};
Result<S3VersionsPage> ParseS3Versions(ByteView body);

// The body of PutObjectRetention.
std::string RetentionXml(std::string_view mode, TimePoint until);

struct S3SessionKeys {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;
  TimePoint expiration;
};
// The answer to AssumeRoleWithWebIdentity.
Result<S3SessionKeys> ParseAssumedRole(ByteView body);

}  // namespace holdfast::storage
