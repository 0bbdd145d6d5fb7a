// A small HTTP server for metrics and health, by civetweb.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace holdfast::op {

struct HttpAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
};

// Serves every path on every address until destroyed. Handlers are called on the server's threads,
// at most two at once, and must not block.
class HttpServer {
 public:
  using Handler = std::function<HttpAnswer()>;

  // Addresses are "host:port" or ":port" for all interfaces; equal and empty ones are dropped, and
  // without any nothing is served. Invalid for an address that cannot be listened on.
  static Result<std::unique_ptr<HttpServer>> Start(const std::vector<std::string>& addresses,
                                                   std::map<std::string, Handler> handlers);
  ~HttpServer();

  // As bound, in the order of the addresses: what port 0 became.
  std::vector<int> ports() const;

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace holdfast::op
