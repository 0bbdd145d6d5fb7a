#include "tests/integration/faults/fault_proxy.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <condition_variable>
#include <sstream>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>

namespace holdfast::faults {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Stream = asio::ssl::stream<tcp::socket>;
using Failure = boost::system::error_code;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// The request's head for the API server: as the administrator's, and for this one answer.
std::string HeadToPassOn(const std::string& head) {
  std::istringstream lines(head);
  std::string text;
  std::getline(lines, text);
  text += "\nConnection: close\r\n";
  for (std::string line; std::getline(lines, line);) {
    const std::string name = Lower(line.substr(0, line.find(':')));
    if (name != "connection" && name != "authorization") text += line + "\n";
  }
  return text;
}

std::size_t BodySize(const std::string& head) {
  const std::string name = "\r\ncontent-length:";
  const std::string text = Lower(head);
  const std::size_t found = text.find(name);
  if (found == text.npos) return 0;
  std::size_t size = 0;
  std::size_t begin = found + name.size();
  while (begin < text.size() && text[begin] == ' ') ++begin;
  std::from_chars(text.data() + begin, text.data() + text.size(), size);
  return size;
}

}  // namespace

std::string StatusAnswer(int status, const std::string& reason, const std::string& headers) {
  const std::string body = fmt::format(
      R"({{"kind":"Status","apiVersion":"v1","status":"Failure","message":"injected {}","reason":"{}","code":{}}})",
      status, reason, status);
  return fmt::format(
      "HTTP/1.1 {} Injected\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n{}",
      status, headers, body.size(), body);
}

struct FaultProxy::State {
  explicit State(const ControlPlane& plane)
      : inside(asio::ssl::context::tls_server), outside(asio::ssl::context::tls_client) {
    outside.load_verify_file(plane.pki() / "ca.crt");
    outside.use_certificate_chain_file(plane.pki() / "admin.crt");
    outside.use_private_key_file(plane.pki() / "admin.key", asio::ssl::context::pem);
    outside.set_verify_mode(asio::ssl::verify_peer);
    const std::string host = plane.server().substr(std::string("https://").size());
    upstream =
        tcp::endpoint(asio::ip::make_address(host.substr(0, host.find(':'))),
                      static_cast<unsigned short>(std::stoi(host.substr(host.find(':') + 1))));
  }

  asio::io_context io;
  asio::ssl::context inside;
  asio::ssl::context outside;
  tcp::endpoint upstream;
  std::unique_ptr<tcp::acceptor> acceptor;
  std::string server;

  mutable std::mutex mutex;  // guards what follows
  std::condition_variable_any changed;
  Rule rule;
  std::vector<SeenRequest> requests;
  std::list<std::unique_ptr<Connection>> connections;
  bool stopping = false;

  std::jthread acceptor_thread;
};

// One connection of the operator's, on a thread of its own. A failure of either side ends it.
class FaultProxy::Connection {
 public:
  Connection(State& state, tcp::socket socket)
      : state_(state), client_(std::move(socket), state.inside), thread_([this] { Run(); }) {}

  // Wakes the thread out of whatever it waits for.
  void Shut() {
    ::shutdown(client_.lowest_layer().native_handle(), SHUT_RDWR);
    const std::lock_guard lock(mutex_);
    if (upstream_) ::shutdown(upstream_->lowest_layer().native_handle(), SHUT_RDWR);
  }
  void Freeze() { frozen_ = true; }
  bool ended() const { return ended_; }

 private:
  void Run() {
    try {
      client_.handshake(Stream::server);
      while (ServeOne()) {
      }
    } catch (const std::exception&) {
      // The client hung up, or the API server did: the client sees that its connection ends.
    }
    ::shutdown(client_.lowest_layer().native_handle(), SHUT_RDWR);
    ended_ = true;
  }

  bool ServeOne() {
    const std::string head = ReadHead();
    SeenRequest seen = ReadRequest(head);
    const Fault fault = Consult(seen);
    if (fault.before) fault.before();
    if (fault.hang) WaitForEnd();
    if (fault.delay.count() > 0) Delay(fault.delay);
    if (fault.lose) return false;
    if (!fault.answer.empty()) {
      Give(fault.answer);
      return true;
    }
    PassOn(HeadToPassOn(head) + seen.body, fault);
    return false;  // the answer said Connection: close
  }

  std::string ReadHead() {
    const std::size_t size = asio::read_until(client_, asio::dynamic_buffer(pending_), "\r\n\r\n");
    std::string head = pending_.substr(0, size);
    pending_.erase(0, size);
    return head;
  }

  SeenRequest ReadRequest(const std::string& head) {
    SeenRequest seen;
    std::istringstream(head) >> seen.method >> seen.target;
    const std::size_t size = BodySize(head);
    if (pending_.size() < size) {
      const std::size_t had = pending_.size();
      pending_.resize(size);
      asio::read(client_, asio::buffer(pending_.data() + had, size - had));
    }
    seen.body = pending_.substr(0, size);
    pending_.erase(0, size);
    return seen;
  }

  Fault Consult(SeenRequest& seen) {
    const std::lock_guard lock(state_.mutex);
    seen.number = static_cast<int>(state_.requests.size()) + 1;
    seen.at = std::chrono::steady_clock::now();
    state_.requests.push_back(seen);
    return state_.rule ? state_.rule(seen) : Fault{};
  }

  void PassOn(const std::string& request, const Fault& fault) {
    {
      const std::lock_guard lock(mutex_);
      upstream_ = std::make_unique<Stream>(state_.io, state_.outside);
    }
    upstream_->lowest_layer().connect(state_.upstream);
    upstream_->handshake(Stream::client);
    asio::write(*upstream_, asio::buffer(request));
    const bool whole = fault.after || fault.lose_answer;
    std::string held;
    std::size_t given = 0;
    for (std::string bytes; !(bytes = ReadAnswer()).empty();) {
      if (whole) {
        held += bytes;
        continue;
      }
      if (fault.garble) fault.garble(bytes);
      if (fault.cut_after && given + bytes.size() >= *fault.cut_after) {
        Give(bytes.substr(0, *fault.cut_after - given));
        return;
      }
      Give(bytes);
      given += bytes.size();
    }
    if (fault.after) fault.after();
    if (!fault.lose_answer) Give(held);
  }

  // Empty at the end.
  std::string ReadAnswer() {
    std::string bytes(16 * 1024, '\0');
    Failure failure;
    bytes.resize(upstream_->read_some(asio::buffer(bytes), failure));
    return bytes;
  }

  void Give(const std::string& bytes) {
    if (frozen_) WaitForEnd();
    if (!bytes.empty()) asio::write(client_, asio::buffer(bytes));
  }

  [[noreturn]] void WaitForEnd() {
    std::unique_lock lock(state_.mutex);
    state_.changed.wait(lock, [this] { return state_.stopping; });
    throw std::runtime_error("the proxy ends");
  }

  void Delay(std::chrono::milliseconds time) {
    std::unique_lock lock(state_.mutex);
    state_.changed.wait_for(lock, time, [this] { return state_.stopping; });
  }

  State& state_;
  Stream client_;
  std::string pending_;
  std::mutex mutex_;
  std::unique_ptr<Stream> upstream_;
  std::atomic<bool> frozen_{false};
  std::atomic<bool> ended_{false};
  std::jthread thread_;
};

FaultProxy::FaultProxy(const ControlPlane& plane, const std::string& address)
    : state_(std::make_unique<State>(plane)) {
  State& state = *state_;
  CertificateRequest request;
  request.common_name = "fault-proxy";
  request.addresses = {address};
  Show(Authority(plane.pki()).Issue(request));
  state.acceptor =
      std::make_unique<tcp::acceptor>(state.io, tcp::endpoint(asio::ip::make_address(address), 0));
  state.server = fmt::format("https://{}:{}", address, state.acceptor->local_endpoint().port());
  state.acceptor_thread = std::jthread([&state] {
    for (;;) {
      Failure failure;
      tcp::socket socket = state.acceptor->accept(failure);
      const std::lock_guard lock(state.mutex);
      if (state.stopping) return;
      if (failure) continue;
      socket.set_option(tcp::no_delay(true));
      state.connections.remove_if([](const auto& connection) { return connection->ended(); });
      state.connections.push_back(std::make_unique<Connection>(state, std::move(socket)));
    }
  });
}

FaultProxy::~FaultProxy() {
  State& state = *state_;
  std::list<std::unique_ptr<Connection>> connections;
  {
    const std::lock_guard lock(state.mutex);
    state.stopping = true;
    state.changed.notify_all();
    connections.swap(state.connections);
  }
  ::shutdown(state.acceptor->native_handle(), SHUT_RDWR);
  for (const auto& connection : connections) connection->Shut();
  state.acceptor_thread.join();
}

std::string FaultProxy::server() const { return state_->server; }

void FaultProxy::SetRule(Rule rule) {
  const std::lock_guard lock(state_->mutex);
  state_->rule = std::move(rule);
}

void FaultProxy::Freeze() {
  const std::lock_guard lock(state_->mutex);
  for (const auto& connection : state_->connections) connection->Freeze();
}

void FaultProxy::CutAll() {
  const std::lock_guard lock(state_->mutex);
  for (const auto& connection : state_->connections) connection->Shut();
}

void FaultProxy::Show(const Certificate& certificate) {
  const std::lock_guard lock(state_->mutex);
  state_->inside.use_certificate_chain(asio::buffer(certificate.cert_pem));
  state_->inside.use_private_key(asio::buffer(certificate.key_pem), asio::ssl::context::pem);
}

std::vector<SeenRequest> FaultProxy::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

}  // namespace holdfast::faults
