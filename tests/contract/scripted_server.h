// An HTTP server on loopback that answers each request with the next line of a script, however
// broken that line is.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace holdfast::storage {

struct Answer {
  enum class Then {
    kKeep,    // wait for the next request on the same connection
    kClose,   // close in order
    kReset,   // break the connection off (TCP RST)
    kHang,    // say nothing more until the client gives up
    kTunnel,  // pass bytes to and fro between the client and `tunnel_port`, as after CONNECT
  };

  std::string bytes;
  Then then = Then::kKeep;
  int tunnel_port = 0;  // on loopback
};

using HeaderLines = std::vector<std::pair<std::string, std::string>>;

// A well-formed answer with Content-Length.
Answer Reply(int status, const HeaderLines& headers = {}, const std::string& body = "");
// The same with <Error><Code>code</Code>...</Error> as body.
Answer Refusal(int status, const std::string& code, const HeaderLines& headers = {},
               const std::string& more_xml = "");

struct SeenRequest {
  std::string method;
  std::string target;  // path and query as sent
  std::string head;    // all lines before the body
  std::string body;
};

// After the script's end every connection is closed without an answer.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<Answer> script);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string endpoint() const;  // "http://127.0.0.1:port"
  std::vector<SeenRequest> requests() const;
  int connections() const;

 private:
  void Serve(const std::stop_token& stop);
  void ServeConnection(int connection);

  const std::vector<Answer> script_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::size_t next_ = 0;  // guarded by mutex_, as what follows
  std::vector<SeenRequest> requests_;
  int connections_ = 0;
  int current_ = -1;  // the connection being served
  std::jthread thread_;
};

}  // namespace holdfast::storage
