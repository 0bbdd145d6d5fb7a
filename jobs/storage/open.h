// From a repository's location in text to the backend that serves it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "jobs/storage/backend.h"
#include "jobs/storage/s3_signing.h"

namespace holdfast::storage {

// What a location does not say. Storage reads no environment: the mover's main fills this.
struct OpenOptions {
  Credentials s3_credentials;
  std::string s3_region;  // empty: found out
  bool s3_virtual_host_style = false;
  std::string ca_file;  // PEM bundle that replaces the system's; empty for the system's
};

// "/path" or "local:/path"; "s3:https://host[:port]/bucket[/prefix]" or the same with http. Nothing
// is contacted. Invalid, with the right form, for anything else; Denied without S3 credentials.
Result<std::unique_ptr<Backend>> Open(std::string_view location, const OpenOptions& options);

}  // namespace holdfast::storage
