// An API server's exec endpoint in the test's own process: a real WebSocket over TLS, whose side of
// the conversation a test scripts.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "operator/kube/config.h"

namespace holdfast::kube {

// What a script speaks with: one connection, upgraded. Errors of a client that went are ignored.
class ExecPeer {
 public:
  virtual ~ExecPeer() = default;
  virtual void Send(unsigned char channel, std::string_view bytes) = 0;
  // The same message in frames of one byte each.
  virtual void SendInPieces(unsigned char channel, std::string_view bytes) = 0;
  virtual void SendEmpty() = 0;
  virtual void Close() = 0;        // with a close frame
  virtual void HangUp() = 0;       // without a word
  virtual void AwaitHangUp() = 0;  // until the client goes
};

class ExecServer {
 public:
  struct Seen {
    std::string target;
    std::string authorization;
    std::string protocols;
  };
  struct Refusal {
    int status = 0;
    std::string body;
  };
  using Script = std::function<void(ExecPeer&)>;

  // Serves every connection by `script`, one after another, choosing `protocol`.
  explicit ExecServer(Script script, std::string protocol = "v5.channel.k8s.io");
  // Upgrades none.
  explicit ExecServer(Refusal refusal);
  ~ExecServer();

  // Of a client that trusts this server and shows the token "secret".
  ClientConfig config() const;
  std::vector<Seen> seen() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::kube
