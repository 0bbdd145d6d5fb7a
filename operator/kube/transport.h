// The seam to the network: sends one HTTP request to the API server. Production is
// transport_cpprest; tests script one.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::kube {

enum class Method { kGet, kPost, kPut, kPatch, kDelete };

struct Request {
  Method method = Method::kGet;
  std::string path;   // "/api/v1/namespaces/shop/pods", already percent-encoded
  std::string query;  // "watch=1&resourceVersion=5", already percent-encoded; may be empty
  std::string body;
  std::string content_type;          // of the body
  std::chrono::seconds timeout{30};  // of the whole request; for a stream, of silence
};

struct Response {
  int status = 0;  // HTTP status; every status is a Response, not an Error
  std::string body;
  std::optional<std::chrono::seconds> retry_after;
};

// Threads: both methods may be called from many threads at once, and block.
class Transport {
 public:
  virtual ~Transport() = default;

  // Unavailable or Timeout when no answer came; Cancelled on stop.
  virtual Result<Response> Send(const Request& request, std::stop_token stop) = 0;

  // Calls `on_bytes` with the pieces of a successful (2xx) response's body as they arrive, on the
  // caller's thread; an Error from it ends the stream and is returned. Any other status comes back
  // as a Response with its body and no piece. A body that the server ends is a Response with status
  // 200 and an empty body.
  virtual Result<Response> Stream(const Request& request,
                                  const std::function<Result<void>(std::string_view)>& on_bytes,
                                  std::stop_token stop) = 0;
};

}  // namespace holdfast::kube
