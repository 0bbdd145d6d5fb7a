#include "tests/contract/scripted_server.h"

#include <array>
#include <optional>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace holdfast::storage {
namespace {

// Appends what arrives to `buffer`; false at the end of the connection.
bool Receive(int connection, std::string& buffer) {
  std::array<char, 16384> piece;
  const ssize_t count = ::recv(connection, piece.data(), piece.size(), 0);
  if (count > 0) buffer.append(piece.data(), static_cast<std::size_t>(count));
  return count > 0;
}

std::size_t ContentLength(const std::string& head) {
  const std::size_t at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
}

std::optional<SeenRequest> ReadRequest(int connection) {
  std::string text;
  std::size_t end = 0;
  while ((end = text.find("\r\n\r\n")) == std::string::npos)
    if (!Receive(connection, text)) return std::nullopt;
  SeenRequest request;
  request.head = text.substr(0, end + 4);
  request.body = text.substr(end + 4);
  const std::size_t space = request.head.find(' ');
  request.method = request.head.substr(0, space);
  request.target = request.head.substr(space + 1, request.head.find(' ', space + 1) - space - 1);
  while (request.body.size() < ContentLength(request.head))
    if (!Receive(connection, request.body)) return std::nullopt;
  return request;
}

void SendAll(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void AwaitClientsEnd(int connection) {
  std::string ignored;
  while (Receive(connection, ignored)) ignored.clear();
}

bool PassOn(int from, int to) {
  std::string piece;
  if (!Receive(from, piece)) return false;
  SendAll(to, piece);
  return true;
}

void Tunnel(int connection, int port) {
  const int other = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  bool open = ::connect(other, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  std::array<pollfd, 2> ends = {{{connection, POLLIN, 0}, {other, POLLIN, 0}}};
  while (open && ::poll(ends.data(), ends.size(), -1) > 0)
    for (std::size_t i = 0; i < 2 && open; ++i)
      if (ends[i].revents != 0) open = PassOn(ends[i].fd, ends[1 - i].fd);
  ::close(other);
}

// Closing with this option discards what is unsent and sends RST.
void ArmReset(int connection) {
  const linger now{1, 0};
  ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace

Answer Reply(int status, const HeaderLines& headers, const std::string& body) {
  std::string text = fmt::format("HTTP/1.1 {} Scripted\r\n", status);
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  return {fmt::format("{}Content-Length: {}\r\n\r\n{}", text, body.size(), body)};
}

Answer Refusal(int status, const std::string& code, const HeaderLines& headers,
               const std::string& more_xml) {
  return Reply(
      status, headers,
      fmt::format("<?xml version=\"1.0\"?><Error><Code>{}</Code>{}</Error>", code, more_xml));
}

ScriptedServer::ScriptedServer(std::vector<Answer> script)
    : script_(std::move(script)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ::bind(listener_, reinterpret_cast<sockaddr*>(&address), length);
  ::listen(listener_, 16);
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { Serve(stop); });
}

ScriptedServer::~ScriptedServer() {
  thread_.request_stop();
  ::shutdown(listener_, SHUT_RDWR);  // wakes accept
  {
    const std::scoped_lock lock(mutex_);
    if (current_ >= 0) ::shutdown(current_, SHUT_RDWR);
  }
  thread_.join();
  ::close(listener_);
}

std::string ScriptedServer::endpoint() const { return fmt::format("http://127.0.0.1:{}", port_); }

std::vector<SeenRequest> ScriptedServer::requests() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

int ScriptedServer::connections() const {
  const std::scoped_lock lock(mutex_);
  return connections_;
}

void ScriptedServer::Serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection < 0) return;
    {
      const std::scoped_lock lock(mutex_);
      ++connections_;
      current_ = connection;
    }
    if (!stop.stop_requested()) ServeConnection(connection);
    const std::scoped_lock lock(mutex_);
    current_ = -1;
    ::close(connection);
  }
}

void ScriptedServer::ServeConnection(int connection) {
  while (auto request = ReadRequest(connection)) {
    std::size_t number = 0;
    {
      const std::scoped_lock lock(mutex_);
      requests_.push_back(*std::move(request));
      number = next_++;
    }
    if (number >= script_.size()) return;
    const Answer& answer = script_[number];
    SendAll(connection, answer.bytes);
    if (answer.then == Answer::Then::kKeep) continue;
    if (answer.then == Answer::Then::kHang) AwaitClientsEnd(connection);
    if (answer.then == Answer::Then::kTunnel) Tunnel(connection, answer.tunnel_port);
    if (answer.then == Answer::Then::kReset) ArmReset(connection);
    return;
  }
}

}  // namespace holdfast::storage
