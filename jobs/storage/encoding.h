// How object stores spell bytes and names in requests.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::storage {

// RFC 3986 with upper-case hex: all but letters, digits and "-._~" escaped; '/' only on request.
std::string UriEncode(std::string_view text, bool keep_slash);

// "a=1&b=2", encoded and sorted: both what is signed and what is sent.
std::string QueryText(const std::map<std::string, std::string>& query);

std::string Base64(ByteView bytes);
// With '-' and '_' and without padding (RFC 7515 section 2).
std::string Base64Url(ByteView bytes);
// Invalid for anything but padded base64.
Result<Bytes> FromBase64(std::string_view text);

// What stores check a transfer with; no protection against anybody's intent.
std::array<std::uint8_t, 16> Md5(ByteView data);

}  // namespace holdfast::storage
