#include "jobs/storage/encoding.h"

#include <algorithm>
#include <new>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace holdfast::storage {
namespace {

bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

std::string UriEncode(std::string_view text, bool keep_slash) {
  std::string encoded;
  for (const char c : text) {
    if (IsUnreserved(c) || (keep_slash && c == '/'))
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

std::string QueryText(const std::map<std::string, std::string>& query) {
  std::string text;
  for (const auto& [name, value] : query)
    text += fmt::format("{}{}={}", text.empty() ? "" : "&", UriEncode(name, false),
                        UriEncode(value, false));
  return text;
}

std::string Base64(ByteView bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a zero
  const int length = EVP_EncodeBlock(reinterpret_cast<std::uint8_t*>(text.data()), bytes.data(),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string Base64Url(ByteView bytes) {
  std::string text = Base64(bytes);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  while (text.ends_with('=')) text.pop_back();
  return text;
}

Result<Bytes> FromBase64(std::string_view text) {
  Bytes bytes(text.size() / 4 * 3);
  const std::string_view content = text.substr(0, text.find('='));
  const std::size_t padding = text.size() - content.size();
  const bool shaped = text.size() % 4 == 0 && padding <= 2;
  const int length =
      shaped ? EVP_DecodeBlock(bytes.data(), reinterpret_cast<const std::uint8_t*>(text.data()),
                               static_cast<int>(text.size()))
             : -1;
  if (length < 0) return Fail(Code::kInvalid, "this is not base64");
  bytes.resize(static_cast<std::size_t>(length) - padding);
  return bytes;
}

std::array<std::uint8_t, 16> Md5(ByteView data) {
  std::array<std::uint8_t, 16> digest;
  if (EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_md5(), nullptr) != 1)
    throw std::bad_alloc();
  return digest;
}

}  // namespace holdfast::storage
