// Shared Key authorization of Azure Blob Storage ("Authorize with Shared Key" in its REST
// reference), from version 2015-02-21 on. Pure: no clock, no network.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"

namespace holdfast::storage {

// What is signed. Names and values of `query` are plain text; names of `headers` are lower case.
struct AzureRequest {
  std::string method;
  std::string path;  // as it is sent, encoded, starting with '/'
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;
  std::uint64_t body_size = 0;
};

// Adds x-ms-date and authorization; every header that is sent must be there already, but those that
// HTTP itself needs.
void SignAzure(AzureRequest& request, const std::string& account, ByteView key, TimePoint now);

std::string AzureStringToSign(const AzureRequest& request, const std::string& account);

// "Fri, 26 Jun 2015 23:39:12 GMT" (RFC 9110 section 5.6.7).
std::string HttpDate(TimePoint time);

}  // namespace holdfast::storage
