// The words of a repository's location, for the stores that are reached by HTTP.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "jobs/storage/object_store.h"

namespace holdfast::storage {

// What may follow "s3:", "azure:", "gs:" and "rest:" below; nothing is contacted. Invalid, with the
// right form, for anything else. Credentials have no place in a location, and messages do not
// repeat a text that may contain some.

// "https://host[:port]/bucket[/prefix]", or the same with http.
Result<StoreAddress> ParseS3Location(std::string_view rest);

struct AzureLocation {
  std::string account;       // empty: known from elsewhere, and the endpoint with it
  std::string account_path;  // "/account" when the endpoint serves accounts by path
  StoreAddress address;
};
// "container[:/prefix]"; or "https://host[:port]/account/container[/prefix]", as emulators have it.
Result<AzureLocation> ParseAzureLocation(std::string_view rest);

// "bucket[:/prefix]". The endpoint stays empty.
Result<StoreAddress> ParseGcsLocation(std::string_view rest);

// "https://host[:port][/path]", or the same with http. There is no place.
Result<StoreAddress> ParseRestLocation(std::string_view rest);

tl::unexpected<Error> WrongForm(std::string_view location, std::string_view why);

}  // namespace holdfast::storage
