#include "operator/http_server.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <civetweb.h>
#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>
#include <unistd.h>

#include "operator/kube/wait.h"

namespace holdfast::op {

namespace {

std::vector<int> PortsOf(const mg_context* context) {
  std::vector<int> ports;
  if (context == nullptr) return ports;
  std::array<mg_server_port, 8> found{};
  const int count = mg_get_server_ports(context, static_cast<int>(found.size()), found.data());
  for (int i = 0; i < count; ++i) ports.push_back(found[static_cast<std::size_t>(i)].port);
  return ports;
}

// Connects and hangs up.
void Touch(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  (void)::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  ::close(fd);
}

}  // namespace

struct HttpServer::State {
  std::map<std::string, Handler> handlers;
  mg_context* context = nullptr;

  // civetweb's listener looks only every two seconds whether it is to end, or when somebody
  // connects.
  ~State() {
    if (context == nullptr) return;
    const std::vector<int> ports = PortsOf(context);
    const std::jthread waker([ports](std::stop_token stop) {
      while (kube::WaitFor(std::chrono::milliseconds(10), stop))
        for (const int port : ports) Touch(port);
    });
    mg_stop(context);
  }
};

namespace {

// civetweb's spelling: "+8080" is port 8080 of IPv4 and IPv6.
std::string ListeningPorts(const std::vector<std::string>& addresses) {
  std::vector<std::string> ports;
  for (const std::string& address : addresses) {
    if (address.empty()) continue;
    std::string port = address.front() == ':' ? "+" + address.substr(1) : address;
    if (std::find(ports.begin(), ports.end(), port) == ports.end()) ports.push_back(port);
  }
  return fmt::format("{}", fmt::join(ports, ","));
}

int Serve(mg_connection* connection, void* handler) {
  const HttpAnswer answer = (*static_cast<HttpServer::Handler*>(handler))();
  const std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
      answer.status, mg_get_response_code_text(connection, answer.status), answer.content_type,
      answer.body.size());
  mg_write(connection, head.data(), head.size());
  mg_write(connection, answer.body.data(), answer.body.size());
  return answer.status;
}

}  // namespace

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const std::vector<std::string>& addresses,
                                                      std::map<std::string, Handler> handlers) {
  auto state = std::make_unique<State>();
  state->handlers = std::move(handlers);
  const std::string ports = ListeningPorts(addresses);
  if (!ports.empty()) {
    // A slow scraper may hold one thread, not both.
    const std::array<const char*, 7> options = {
        "listening_ports",    ports.c_str(), "num_threads", "2",
        "request_timeout_ms", "5000",        nullptr};
    mg_callbacks callbacks{};
    callbacks.log_message = [](const mg_connection*, const char*) { return 1; };
    state->context = mg_start(&callbacks, nullptr, const_cast<const char**>(options.data()));
    if (state->context == nullptr)
      return Fail(Code::kInvalid, fmt::format("cannot listen on {}", ports));
    for (auto& [path, handler] : state->handlers)
      mg_set_request_handler(state->context, path.c_str(), Serve, &handler);
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

std::vector<int> HttpServer::ports() const { return PortsOf(state_->context); }

}  // namespace holdfast::op
