#include "jobs/storage/azure_signing.h"

#include <array>
#include <ctime>

#include <fmt/format.h>

#include "base/hash.h"
#include "jobs/storage/encoding.h"

namespace holdfast::storage {
namespace {

// In this order, between the method and the store's own headers. The length has rules of its own.
constexpr std::array kBeforeLength = {"content-encoding", "content-language"};
constexpr std::array kAfterLength = {"content-md5",         "content-type", "date",
                                     "if-modified-since",   "if-match",     "if-none-match",
                                     "if-unmodified-since", "range"};

std::string ValueLine(const AzureRequest& request, const char* name) {
  const auto found = request.headers.find(name);
  return (found == request.headers.end() ? "" : found->second) + "\n";
}

}  // namespace

std::string HttpDate(TimePoint time) {
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  // The mover runs in the "C" locale, whose names of days and months are the standard's.
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

std::string AzureStringToSign(const AzureRequest& request, const std::string& account) {
  std::string text = request.method + "\n";
  for (const char* name : kBeforeLength) text += ValueLine(request, name);
  text += request.body_size == 0 ? "\n" : fmt::format("{}\n", request.body_size);
  for (const char* name : kAfterLength) text += ValueLine(request, name);
  for (const auto& [name, value] : request.headers)
    if (name.starts_with("x-ms-")) text += fmt::format("{}:{}\n", name, value);
  text += "/" + account + request.path;
  for (const auto& [name, value] : request.query) text += fmt::format("\n{}:{}", name, value);
  return text;
}

void SignAzure(AzureRequest& request, const std::string& account, ByteView key, TimePoint now) {
  request.headers["x-ms-date"] = HttpDate(now);
  const std::string to_sign = AzureStringToSign(request, account);
  request.headers["authorization"] =
      fmt::format("SharedKey {}:{}", account, Base64(HmacSha256(key, AsBytes(to_sign))));
}

}  // namespace holdfast::storage
