// HTTP/1.1 by libcurl: one request, one answer, over connections that are kept for the next.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

namespace holdfast::storage {

struct HttpOptions {
  std::string ca_file;  // PEM bundle that replaces the system's; empty for the system's
  // What the user corrects when the server is not found or not trusted, for messages.
  std::string endpoint_setting = "spec.s3.endpoint";
  std::string ca_setting = "spec.s3.caBundle";
  bool use_proxy = true;  // the environment's, if it has one for the host
  std::chrono::milliseconds connect_timeout{15'000};  // name, connection and TLS together
  // An answer may take any time while bytes move; this long without one is a Timeout. Whole
  // seconds.
  std::chrono::seconds stall_timeout{60};
};

struct HttpRequest {
  std::string method;
  std::string url;
  std::map<std::string, std::string> headers;
  ByteView body;  // must stay valid during Send; sent with PUT and POST only
  // A successful answer may have at most this many bytes of body, another one kErrorBodyLimit.
  std::uint64_t max_body = 0;
  // The whole exchange may take this long; zero for as long as bytes move.
  std::chrono::milliseconds time_limit{0};
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  Bytes body;

  bool IsSuccess() const { return status >= 200 && status < 300; }
  // Whether the end of the body was marked, so that a cut one would have been noticed.
  bool IsDelimited() const;
  // "" when absent.
  std::string Header(const std::string& name) const;
};

// "host:port" of "https://host:port".
std::string HostOf(const std::string& endpoint);

inline constexpr std::uint64_t kErrorBodyLimit = 64 << 10;  // what exceeds it is dropped

// Proxies are those of the environment (https_proxy, no_proxy), which libcurl reads. Redirects are
// answers like others, never followed. Safe from many threads; each concurrent Send
// has a connection of its own.
class Http {
 public:
  explicit Http(HttpOptions options);
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  // Any answer that arrived whole is a value, whatever its status. Unavailable when the name, the
  // connection, TLS or the transfer fails, or the answer exceeds `max_body`; Timeout; Invalid for a
  // CA file that cannot be read; Cancelled within a second after a stop.
  Result<HttpResponse> Send(const HttpRequest& request, const std::stop_token& stop);

 private:
  class Pool;

  const HttpOptions options_;
  const std::unique_ptr<Pool> pool_;
};

// The time in a Date header; nothing when it is none.
std::optional<TimePoint> ParseHttpDate(const std::string& text);

// Undoes percent-encoding; '+' is a space, as in S3's url-encoded listings.
std::string UrlDecode(std::string text);

}  // namespace holdfast::storage
