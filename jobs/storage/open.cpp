#include "jobs/storage/open.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "jobs/storage/local.h"
#include "jobs/storage/s3.h"

namespace holdfast::storage {
namespace {

using Opened = Result<std::unique_ptr<Backend>>;

constexpr std::string_view kForms =
    "write /path, local:/path or s3:https://host[:port]/bucket[/prefix]";

tl::unexpected<Error> WrongForm(std::string_view location, std::string_view why) {
  return Fail(Code::kInvalid,
              fmt::format("\"{}\" is no location, as {}: {}", location, why, kForms));
}

std::string_view TrimSlashes(std::string_view text) {
  while (text.starts_with('/')) text.remove_prefix(1);
  while (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

Opened OpenLocal(std::string_view path, const OpenOptions& /*options*/) {
  if (!path.starts_with('/')) return WrongForm(path, "the path is not absolute");
  return std::make_unique<Local>(std::string(path));
}

// Splits "https://host/bucket/prefix" into the three fields of S3Options.
Result<S3Options> ParseS3Location(std::string_view url) {
  const std::size_t scheme_end = url.find("://");
  const std::string_view scheme = url.substr(0, scheme_end);
  if (scheme_end == std::string_view::npos || (scheme != "https" && scheme != "http"))
    return WrongForm(url, "it does not start with s3:https:// or s3:http://");
  if (url.find_first_of("@?#") != std::string_view::npos)
    return WrongForm(url.substr(0, scheme_end), "it has no place for credentials or queries");
  const std::size_t host_end = std::min(url.find('/', scheme_end + 3), url.size());
  if (host_end == scheme_end + 3) return WrongForm(url, "the host is missing");
  const std::string_view path = TrimSlashes(url.substr(host_end));
  const std::size_t bucket_end = std::min(path.find('/'), path.size());
  if (bucket_end == 0) return WrongForm(url, "the bucket is missing");
  S3Options options;
  options.endpoint = url.substr(0, host_end);
  options.bucket = path.substr(0, bucket_end);
  options.prefix = TrimSlashes(path.substr(bucket_end));
  return options;
}

Opened OpenS3(std::string_view url, const OpenOptions& options) {
  TRY(S3Options s3, ParseS3Location(url));
  if (options.s3_credentials.access_key_id.empty() ||
      options.s3_credentials.secret_access_key.empty())
    return Fail(Code::kDenied,
                fmt::format("there are no credentials for {}: the Secret that "
                            "spec.s3.credentialsSecret names must have AWS_ACCESS_KEY_ID and "
                            "AWS_SECRET_ACCESS_KEY",
                            s3.endpoint));
  s3.region = options.s3_region;
  s3.virtual_host_style = options.s3_virtual_host_style;
  s3.credentials = options.s3_credentials;
  s3.http.ca_file = options.ca_file;
  static const SystemClock clock;
  return std::make_unique<S3>(std::move(s3), clock);
}

struct Scheme {
  std::string_view prefix;
  Opened (*open)(std::string_view rest, const OpenOptions& options);
};

// The registry: a backend is one line here.
constexpr std::array kSchemes = {
    Scheme{"local:", OpenLocal},
    Scheme{"s3:", OpenS3},
};

}  // namespace

Result<std::unique_ptr<Backend>> Open(std::string_view location, const OpenOptions& options) {
  if (location.starts_with('/')) return OpenLocal(location, options);
  for (const Scheme& scheme : kSchemes)
    if (location.starts_with(scheme.prefix))
      return scheme.open(location.substr(scheme.prefix.size()), options);
  return WrongForm(location, "it starts with no known kind");
}

}  // namespace holdfast::storage
