// Where the access tokens of Google Cloud Storage come from.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "jobs/storage/http.h"

namespace holdfast::storage {

// Safe from many threads.
class TokenSource {
 public:
  virtual ~TokenSource() = default;
  // Empty when requests go without one.
  virtual Result<std::string> Get(const std::stop_token& stop) = 0;
  // The store refuses this one: the next Get gives another, if there is any.
  virtual void Drop(const std::string& refused) = 0;
};

// A token made elsewhere, which lasts an hour at most; or none at all, for emulators.
std::unique_ptr<TokenSource> FixedToken(std::string token);

// Tokens for a service account's key file, as GOOGLE_APPLICATION_CREDENTIALS names one, by a signed
// JWT (RFC 7523). The file is read for each token, as a mounted Secret may be replaced. `clock`
// must outlive it.
std::unique_ptr<TokenSource> ServiceAccountTokens(std::string key_file, HttpOptions http,
                                                  const Clock& clock);

// Tokens of the machine's, or with Workload Identity the pod's, service account. `endpoint` is that
// of the metadata server, "http://metadata.google.internal". `clock` must outlive it.
std::unique_ptr<TokenSource> MetadataTokens(std::string endpoint, HttpOptions http,
                                            const Clock& clock);

}  // namespace holdfast::storage
