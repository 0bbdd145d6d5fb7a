// JSON Web Tokens signed with RS256 (RFC 7515, RFC 7518 section 3.3), as a Google service account
// proves itself. Pure: no clock, no network.
#pragma once

#include <string>

#include "base/error.h"
#include "base/json.h"

namespace holdfast::storage {

// "header.claims.signature". Invalid when `private_key` is no RSA key in PEM.
Result<std::string> SignedJwt(const Json& header, const Json& claims,
                              const std::string& private_key);

// The RSASSA-PKCS1-v1_5 signature over SHA-256, in base64url.
Result<std::string> SignRs256(std::string_view text, const std::string& private_key);

}  // namespace holdfast::storage
