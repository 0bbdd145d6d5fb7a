// A small HTTP server for metrics and health, with TLS where asked, by Boost.Beast. Every answer
// ends its connection.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"

namespace holdfast::op {

struct HttpRequest {
  std::string path;
  std::string authorization;  // the header's value; empty for none
};

struct HttpAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  // When set, what follows `body`: called until it returns nothing. For long answers, of which only
  // a piece is to be in memory.
  std::function<std::string()> next_piece{};
};

// PEM files. Read again for the next connection after they changed; while they cannot be read, the
// last good ones serve.
struct TlsFiles {
  std::string certificate;  // with its chain
  std::string key;
};

// Handlers are called on the server's threads, at most two at once; they may block for as long as a
// client may wait, and end soon once stopped.
using HttpHandler = std::function<HttpAnswer(const HttpRequest&, std::stop_token)>;

struct HttpEndpoint {
  std::string address;  // "host:port", or ":port" for all interfaces; empty serves nothing
  std::optional<TlsFiles> tls;
  std::map<std::string, HttpHandler> handlers;  // by path
};

// Serves GET until destroyed.
class HttpServer {
 public:
  // Endpoints of the same address are one. Invalid for an address that cannot be listened on, and
  // for files that are no certificate and its key.
  static Result<std::unique_ptr<HttpServer>> Start(std::vector<HttpEndpoint> endpoints);
  ~HttpServer();

  // As bound, in the order of the addresses: what port 0 became.
  std::vector<int> ports() const;

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace holdfast::op
