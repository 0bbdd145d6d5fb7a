#include "jobs/storage/location.h"

#include <algorithm>

#include <fmt/format.h>

namespace holdfast::storage {
namespace {

constexpr std::string_view kForms =
    "write /path, local:/path, s3:https://host[:port]/bucket[/prefix], azure:container:/[prefix], "
    "gs:bucket:/[prefix] or rest:https://host[:port]/[path]";

std::string_view TrimSlashes(std::string_view text) {
  while (text.starts_with('/')) text.remove_prefix(1);
  while (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

// Takes the text before the first '/' off `path`.
std::string_view TakeSegment(std::string_view& path) {
  path = TrimSlashes(path);
  const std::string_view segment = path.substr(0, path.find('/'));
  path = TrimSlashes(path.substr(segment.size()));
  return segment;
}

bool IsUrl(std::string_view text) { return text.find("://") != std::string_view::npos; }

struct Url {
  std::string_view endpoint;
  std::string_view path;
};

Result<Url> ParseUrl(std::string_view url, std::string_view kind) {
  const std::size_t scheme_end = url.find("://");
  const std::string_view scheme = url.substr(0, scheme_end);
  if (scheme_end == std::string_view::npos || (scheme != "https" && scheme != "http"))
    return WrongForm(url,
                     fmt::format("it does not start with {}https:// or {}http://", kind, kind));
  if (url.find_first_of("@?#") != std::string_view::npos)
    return WrongForm(url.substr(0, scheme_end), "it has no place for credentials or queries");
  const std::size_t host_end = std::min(url.find('/', scheme_end + 3), url.size());
  if (host_end == scheme_end + 3) return WrongForm(url, "the host is missing");
  return Url{url.substr(0, host_end), url.substr(host_end)};
}

// restic's form for both: "place:/prefix".
Result<StoreAddress> ParsePlace(std::string_view text, std::string_view what) {
  if (text.find_first_of("@?#") != std::string_view::npos)
    return WrongForm(what, "it has no place for credentials or queries");
  const std::string_view place = text.substr(0, text.find(':'));
  if (place.empty() || place.find('/') != std::string_view::npos)
    return WrongForm(text, fmt::format("a {} must come before \":/\"", what));
  StoreAddress address;
  address.place = place;
  address.prefix = TrimSlashes(text.substr(std::min(place.size() + 1, text.size())));
  return address;
}

}  // namespace

tl::unexpected<Error> WrongForm(std::string_view location, std::string_view why) {
  return Fail(Code::kInvalid,
              fmt::format("\"{}\" is no location, as {}: {}", location, why, kForms));
}

Result<StoreAddress> ParseS3Location(std::string_view rest) {
  TRY(Url url, ParseUrl(rest, "s3:"));
  StoreAddress address;
  address.endpoint = url.endpoint;
  address.place = TakeSegment(url.path);
  address.prefix = url.path;
  if (address.place.empty()) return WrongForm(rest, "the bucket is missing");
  return address;
}

Result<AzureLocation> ParseAzureLocation(std::string_view rest) {
  AzureLocation location;
  if (!IsUrl(rest)) {
    TRY(location.address, ParsePlace(rest, "container"));
    return location;
  }
  TRY(Url url, ParseUrl(rest, "azure:"));
  location.account = TakeSegment(url.path);
  location.account_path = "/" + location.account;
  location.address.endpoint = url.endpoint;
  location.address.place = TakeSegment(url.path);
  location.address.prefix = url.path;
  if (location.address.place.empty())
    return WrongForm(rest, "an address must go on with /account/container");
  return location;
}

Result<StoreAddress> ParseGcsLocation(std::string_view rest) { return ParsePlace(rest, "bucket"); }

Result<StoreAddress> ParseRestLocation(std::string_view rest) {
  TRY(const Url url, ParseUrl(rest, "rest:"));
  StoreAddress address;
  address.endpoint = url.endpoint;
  address.prefix = TrimSlashes(url.path);
  return address;
}

}  // namespace holdfast::storage
