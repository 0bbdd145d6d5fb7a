// Stands between an operator and the API server, with TLS on both sides, and does harm as told:
// every request is passed on as the administrator's, one connection to the API server each, and its
// answer is passed back as it came, or not.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/faults/authority.h"
#include "tests/integration/faults/control_plane.h"

namespace holdfast::faults {

struct SeenRequest {
  int number = 0;  // from 1, in order of arrival
  std::string method;
  std::string target;  // path and query
  std::string body;
  std::chrono::steady_clock::time_point at;

  bool IsWrite() const { return method != "GET"; }
  bool IsWatch() const { return target.find("watch=1") != target.npos; }
  bool Concerns(const std::string& part) const { return target.find(part) != target.npos; }
};

// What happens to one request. All empty passes it on and its answer back.
struct Fault {
  std::function<void()> before;  // called before the request is passed on
  std::function<void()> after;   // called when it was answered, before the answer is passed back
  bool lose = false;             // not passed on; the connection is cut
  bool lose_answer = false;      // passed on; the connection is cut instead of the answer
  bool hang = false;             // not passed on, never answered
  std::string answer;            // not passed on; these bytes are the whole answer
  std::chrono::milliseconds delay{0};    // before it is passed on
  std::optional<std::size_t> cut_after;  // so many bytes of the answer, then the connection is cut
  std::function<void(std::string&)> garble;  // applied to the answer's bytes as they come
};

// A whole HTTP answer. The body is a Kubernetes Status unless given.
std::string StatusAnswer(int status, const std::string& reason, const std::string& headers = "");

class FaultProxy {
 public:
  using Rule = std::function<Fault(const SeenRequest&)>;

  // `address` to listen on, an address of this machine.
  explicit FaultProxy(const ControlPlane& plane, const std::string& address = "127.0.0.1");
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  std::string server() const;  // "https://127.0.0.1:PORT"

  // Asked for each request, on the connections' threads, one at a time. Empty: no harm.
  void SetRule(Rule rule);
  // Half-open: from now on, nothing comes through the connections that exist, and none of them is
  // closed. New ones work.
  void Freeze();

  // Ends all connections; the operator makes new ones.
  void CutAll();
  // What new connections are shown instead of a certificate of the control plane's authority.
  void Show(const Certificate& certificate);

  std::vector<SeenRequest> requests() const;

 private:
  class Connection;
  struct State;

  const std::unique_ptr<State> state_;
};

}  // namespace holdfast::faults
