// A small HTTP server with TLS where asked, by Boost.Beast: for metrics and health, where every
// answer ends its connection, and for objects, whose connections are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"

namespace holdfast::http {

struct Request {
  std::string path;           // as it was sent, without the query
  std::string authorization;  // the header's value; empty for none
  std::string method = "GET";
  std::string range{};  // the header's value; empty for none
  std::string body{};
};

struct Answer {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  // When set, what follows `body`: called until it returns nothing. For long answers, of which only
  // a piece is to be in memory.
  std::function<std::string()> next_piece{};
  // How long `body` and all pieces are together, where that is known. Pieces that end before it
  // break the connection off, by which the client knows. To HEAD it is all there is to say.
  std::optional<std::uint64_t> length{};
  std::map<std::string, std::string> headers{};  // further ones
};

// PEM files. Read again for the next connection after they changed; while they cannot be read, the
// last good ones serve.
struct TlsFiles {
  std::string certificate;  // with its chain
  std::string key;
};

// Handlers are called on the server's threads, at most as many at once as there are; they may block
// for as long as a client may wait, and end soon once stopped.
using Handler = std::function<Answer(const Request&, std::stop_token)>;

// Whatever path and method, over connections that are kept for the next request.
struct Service {
  Handler handle;
  // Asked with the request's head, before its body is read. An answer is a refusal.
  std::function<std::optional<Answer>(const Request&, std::stop_token)> refusal;
  std::uint64_t max_body = 0;  // bytes
  // What requests under way may take together, in bytes: each its body, or a piece of its answer.
  // One that finds no room waits.
  std::uint64_t memory = 0;
  std::uint64_t piece = 0;  // of an answer, at most, in bytes
  int max_connections = 0;
};

struct Endpoint {
  std::string address;  // "host:port", or ":port" for all interfaces; empty serves nothing
  std::optional<TlsFiles> tls;
  std::map<std::string, Handler> handlers;  // by path; for GET alone
  std::optional<Service> service{};         // instead of handlers
};

// Serves until destroyed.
class Server {
 public:
  // Endpoints with handlers of the same address are one. Invalid for an address that cannot be
  // listened on, and for files that are no certificate and its key.
  static Result<std::unique_ptr<Server>> Start(std::vector<Endpoint> endpoints, int threads = 2);
  ~Server();

  // As bound, in the order of the addresses: what port 0 became.
  std::vector<int> ports() const;

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace holdfast::http
