#include "base/http/server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <limits>
#include <thread>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>

#include "base/http/shares.h"
#include "base/log.h"

namespace holdfast::http {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace wire = beast::http;
using net::use_awaitable;
using net::ip::tcp;

using Handlers = std::map<std::string, Handler>;

// One connection is open for as long as a scrape takes; more than this at once is no scraper.
constexpr int kMostConnections = 32;
// From a client's connection to its request, and from one piece of the answer to the next.
constexpr std::chrono::seconds kPatience{10};
// Between two requests to a service.
constexpr std::chrono::seconds kIdle{90};
// A service account's token has about a kilobyte.
constexpr std::uint32_t kMostHeader = 16 * 1024;
constexpr std::size_t kMostRead = 64 * 1024;  // of a body, at once

// What tells that a file was replaced: a mounted Secret changes by a new link, cp by new content.
std::string VersionOf(const std::string& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return "";
  return fmt::format("{}:{}:{}.{}", info.st_dev, info.st_ino, info.st_mtim.tv_sec,
                     info.st_mtim.tv_nsec);
}

class Certificate {
 public:
  explicit Certificate(TlsFiles files) : files_(std::move(files)) {}

  // Invalid when there is none, not even an old one.
  Result<std::shared_ptr<net::ssl::context>> Current() {
    const std::string version = VersionOf(files_.certificate) + VersionOf(files_.key);
    if (version != version_) {
      version_ = version;
      if (auto loaded = Load())
        context_ = *loaded;
      else if (context_ == nullptr)
        return loaded;
      else
        Log(spdlog::level::err, "http", "the new certificate cannot be used; the old one serves on",
            {{"error", loaded.error().message}});
    }
    if (context_ == nullptr) return Fail(Code::kInvalid, "no certificate");
    return context_;
  }

 private:
  Result<std::shared_ptr<net::ssl::context>> Load() const {
    auto context = std::make_shared<net::ssl::context>(net::ssl::context::tls_server);
    ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    boost::system::error_code error;
    context->use_certificate_chain_file(files_.certificate, error);
    if (error)
      return Fail(Code::kInvalid, fmt::format("{}: {}", files_.certificate, error.message()));
    context->use_private_key_file(files_.key, net::ssl::context::pem, error);
    if (error) return Fail(Code::kInvalid, fmt::format("{}: {}", files_.key, error.message()));
    return context;
  }

  const TlsFiles files_;
  std::string version_;
  std::shared_ptr<net::ssl::context> context_;
};

// Conversation with one client, over TCP or TLS: what both kinds of endpoints have in common.
template <typename Stream>
class Conversation {
 public:
  Conversation(Stream& stream, std::stop_token stop) : stream_(stream), stop_(std::move(stop)) {}

 protected:
  using Head = wire::request_parser<wire::empty_body>;

  void Patience(std::chrono::seconds patience = kPatience) {
    beast::get_lowest_layer(stream_).expires_after(patience);
  }

  static Request RequestOf(const wire::request<wire::empty_body>& head) {
    const std::string target(head.target());
    return {.path = target.substr(0, target.find('?')),
            .authorization = std::string(head[wire::field::authorization]),
            .method = std::string(head.method_string()),
            .range = std::string(head[wire::field::range])};
  }

  // HTTP/1.0 knows no chunks; there the end of the connection ends the answer. `keep` tells whether
  // the connection may be kept, and afterwards whether it is.
  net::awaitable<void> Write(const Request& request, unsigned version, Answer& answer, bool& keep) {
    const bool known = answer.length || !answer.next_piece;
    const std::uint64_t length = answer.length.value_or(answer.body.size());
    const bool chunked = !known && version >= 11;
    keep = keep && (known || chunked);
    wire::response<wire::empty_body> head(static_cast<wire::status>(answer.status), version);
    head.set(wire::field::content_type, answer.content_type);
    for (const auto& [name, value] : answer.headers) head.set(name, value);
    if (answer.status == 401) head.set(wire::field::www_authenticate, "Bearer");
    head.keep_alive(keep);
    if (chunked) head.chunked(true);
    if (known) head.content_length(length);
    wire::response_serializer<wire::empty_body> serializer(head);
    Patience();
    co_await wire::async_write_header(stream_, serializer, use_awaitable);
    if (request.method == "HEAD") co_return;
    const std::uint64_t written = co_await WriteBody(answer, chunked);
    if (known && written != length)
      throw boost::system::system_error(make_error_code(wire::error::partial_message));
  }

  Stream& stream_;
  const std::stop_token stop_;

 private:
  // Returns how many bytes that were.
  net::awaitable<std::uint64_t> WriteBody(Answer& answer, bool chunked) {
    std::uint64_t written = 0;
    std::string piece = std::move(answer.body);
    for (;;) {
      if (!piece.empty() && chunked) {
        Patience();
        co_await net::async_write(stream_, wire::make_chunk(net::buffer(piece)), use_awaitable);
      } else {
        co_await WriteAll(piece);
      }
      written += piece.size();
      if (!answer.next_piece) co_return written;
      piece = answer.next_piece();
      if (piece.empty()) break;
    }
    if (chunked) co_await net::async_write(stream_, wire::make_chunk_last(), use_awaitable);
    co_return written;
  }

  // Patience is with a part of it, so that a slow client is not taken for a dead one.
  net::awaitable<void> WriteAll(std::string_view bytes) {
    constexpr std::size_t kPart = 256 * 1024;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(kPart, bytes.size()))) {
      const std::string_view part = bytes.substr(0, kPart);
      Patience();
      co_await net::async_write(stream_, net::buffer(part.data(), part.size()), use_awaitable);
    }
  }
};

// One request to handlers.
template <typename Stream>
class ByPath : public Conversation<Stream> {
 public:
  ByPath(Stream& stream, const Handlers& handlers, std::stop_token stop)
      : Conversation<Stream>(stream, std::move(stop)), handlers_(handlers) {}

  net::awaitable<void> Run() {
    beast::flat_buffer buffer(kMostHeader);
    typename Conversation<Stream>::Head head;
    head.header_limit(kMostHeader);
    this->Patience();
    co_await wire::async_read_header(this->stream_, buffer, head, use_awaitable);
    const Request request = this->RequestOf(head.get());
    Answer answer = Handle(request);
    bool keep = false;
    co_await this->Write(request, head.get().version(), answer, keep);
  }

 private:
  Answer Handle(const Request& request) const {
    if (request.method != "GET") return {405, "only GET is served\n"};
    const auto handler = handlers_.find(request.path);
    if (handler == handlers_.end()) return {404, "not found\n"};
    return handler->second(request, this->stop_);
  }

  const Handlers& handlers_;
};

// Requests to a service, one after the other.
template <typename Stream>
class Served : public Conversation<Stream> {
 public:
  Served(Stream& stream, const Service& service, Shares& shares, std::stop_token stop)
      : Conversation<Stream>(stream, std::move(stop)), service_(service), shares_(shares) {}

  net::awaitable<void> Run() {
    beast::flat_buffer buffer(kMostHeader + kMostRead);
    while (co_await ServeOne(buffer)) {
    }
  }

 private:
  // Whether another may follow.
  net::awaitable<bool> ServeOne(beast::flat_buffer& buffer) {
    typename Conversation<Stream>::Head head;
    head.header_limit(kMostHeader);
    // Refusal looks at it. None at all is, in Boost 1.74, a limit that every body exceeds.
    head.body_limit(std::numeric_limits<std::uint64_t>::max());
    this->Patience(kIdle);
    co_await wire::async_read_header(this->stream_, buffer, head, use_awaitable);
    Request request = this->RequestOf(head.get());
    const unsigned version = head.get().version();
    bool keep = head.get().keep_alive();
    const bool has_body = !head.is_done();
    if (auto refusal = Refusal(request, head)) {
      keep = keep && !has_body;
      co_await this->Write(request, version, *refusal, keep);
      if (has_body) co_await ReadOut(head.content_length().value_or(0), buffer.size());
      co_return keep;
    }
    const std::uint64_t length = head.content_length().value_or(0);
    const Shares::Share share = co_await shares_.Take(std::max(length, service_.piece));
    if (has_body) request.body = co_await ReadBody(buffer, head);
    Answer answer = service_.handle(request, this->stop_);
    co_await this->Write(request, version, answer, keep);
    co_return keep;
  }

  std::optional<Answer> Refusal(const Request& request,
                                const typename Conversation<Stream>::Head& head) const {
    if (!head.is_done() && !head.content_length()) return Answer{411, "the body has no length\n"};
    if (head.content_length().value_or(0) > service_.max_body)
      return Answer{413, fmt::format("more than {} bytes are not taken\n", service_.max_body)};
    return service_.refusal(request, this->stop_);
  }

  net::awaitable<std::string> ReadBody(beast::flat_buffer& buffer,
                                       typename Conversation<Stream>::Head& head) {
    wire::request_parser<wire::string_body> parser(std::move(head));
    parser.body_limit(service_.max_body);
    while (!parser.is_done()) {
      this->Patience();
      co_await wire::async_read_some(this->stream_, buffer, parser, use_awaitable);
    }
    co_return std::move(parser.get().body());
  }

  // Were the connection closed with bytes unread, the client might never see the refusal. Of a body
  // that is far too large the rest is left.
  net::awaitable<void> ReadOut(std::uint64_t length, std::uint64_t read) {
    std::array<char, 16 * 1024> scratch;
    while (read < std::min(length, 2 * service_.max_body)) {
      this->Patience();
      boost::system::error_code ended;
      read += co_await this->stream_.async_read_some(net::buffer(scratch),
                                                     net::redirect_error(use_awaitable, ended));
      if (ended) co_return;
    }
  }

  const Service& service_;
  Shares& shares_;
};

// Shared with what it accepted: the io_context lets go of that last.
struct Listener {
  explicit Listener(net::io_context& io) : acceptor(io) {}

  std::string address;
  tcp::acceptor acceptor;
  std::optional<Certificate> certificate;
  Handlers handlers;
  std::optional<Service> service;
  std::optional<Shares> shares;  // where there is a service
  std::atomic<int> connections{0};

  int MostConnections() const { return service ? service->max_connections : kMostConnections; }
};

template <typename Stream>
net::awaitable<void> Talk(Stream& stream, Listener& listener, std::stop_token stop) {
  if (listener.service)
    co_await Served<Stream>(stream, *listener.service, *listener.shares, stop).Run();
  else
    co_await ByPath<Stream>(stream, listener.handlers, stop).Run();
}

// A client that went or talks nonsense is its own affair: the connection ends.
net::awaitable<void> Converse(tcp::socket socket, std::shared_ptr<Listener> listener,
                              std::shared_ptr<net::ssl::context> tls, std::stop_token stop) {
  struct Count {
    explicit Count(std::atomic<int>& the_count) : count(the_count) { ++count; }
    ~Count() { --count; }
    std::atomic<int>& count;
  } const count(listener->connections);
  try {
    beast::tcp_stream plain(std::move(socket));
    if (tls == nullptr) {
      co_await Talk(plain, *listener, stop);
      plain.socket().shutdown(tcp::socket::shutdown_send);
      co_return;
    }
    beast::ssl_stream<beast::tcp_stream> secure(std::move(plain), *tls);
    beast::get_lowest_layer(secure).expires_after(kPatience);
    co_await secure.async_handshake(net::ssl::stream_base::server, use_awaitable);
    co_await Talk(secure, *listener, stop);
    co_await secure.async_shutdown(use_awaitable);
  } catch (const boost::system::system_error& e) {
    Log(spdlog::level::debug, "http", "a connection ended early", {{"error", e.what()}});
  }
}

net::awaitable<void> Accept(std::shared_ptr<Listener> listener, std::stop_token stop) {
  for (;;) {
    boost::system::error_code error;
    tcp::socket socket = co_await listener->acceptor.async_accept(
        net::make_strand(listener->acceptor.get_executor()),
        net::redirect_error(use_awaitable, error));
    if (error == net::error::operation_aborted) co_return;
    if (error) {  // out of file descriptors, mostly: not to be asked again at once
      net::steady_timer pause(listener->acceptor.get_executor(), std::chrono::milliseconds(100));
      co_await pause.async_wait(net::redirect_error(use_awaitable, error));
      continue;
    }
    if (listener->connections >= listener->MostConnections()) continue;
    std::shared_ptr<net::ssl::context> tls;
    if (listener->certificate) {
      const auto current = listener->certificate->Current();
      if (!current) continue;
      tls = *current;
    }
    const auto executor = socket.get_executor();
    net::co_spawn(executor, Converse(std::move(socket), listener, std::move(tls), stop),
                  net::detached);
  }
}

Result<tcp::endpoint> EndpointOf(const std::string& address) {
  const auto bad = [&] {
    return Fail(Code::kInvalid, fmt::format("\"{}\" is not host:port or :port", address));
  };
  const std::size_t colon = address.rfind(':');
  if (colon == address.npos) return bad();
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  unsigned short port = 0;
  const char* const end = address.data() + address.size();
  const auto parsed = std::from_chars(address.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return bad();
  if (host.empty()) return tcp::endpoint(tcp::v6(), port);
  boost::system::error_code error;
  const auto ip = net::ip::make_address(host, error);
  if (error) return bad();
  return tcp::endpoint(ip, port);
}

boost::system::error_code Bind(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && endpoint.protocol() == tcp::v6() && endpoint.address().is_unspecified())
    acceptor.set_option(net::ip::v6_only(false), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  return error;
}

Result<void> Listen(Listener& listener) {
  TRY(const tcp::endpoint endpoint, EndpointOf(listener.address));
  boost::system::error_code error = Bind(listener.acceptor, endpoint);
  // A machine without IPv6.
  if (error == net::error::address_family_not_supported && listener.address.front() == ':') {
    boost::system::error_code ignored;
    listener.acceptor.close(ignored);
    error = Bind(listener.acceptor, {tcp::v4(), endpoint.port()});
  }
  if (error)
    return Fail(Code::kInvalid,
                fmt::format("cannot listen on {}: {}", listener.address, error.message()));
  return {};
}

}  // namespace

struct Server::State {
  explicit State(int the_threads) : thread_count(the_threads), io(the_threads) {}

  const int thread_count;
  std::stop_source stop;
  net::io_context io;
  std::vector<std::shared_ptr<Listener>> listeners;
  std::vector<std::jthread> threads;

  // Adds it to the listener of the same address, or as a new one.
  Result<void> Add(Endpoint endpoint) {
    Listener* same = nullptr;
    for (const auto& listener : listeners)
      if (listener->address == endpoint.address && !endpoint.address.ends_with(":0"))
        same = listener.get();
    if (same != nullptr) {
      if (endpoint.tls || same->certificate)
        return Fail(Code::kInvalid,
                    fmt::format("{} cannot be both with TLS and without", endpoint.address));
      if (endpoint.service || same->service)
        return Fail(Code::kInvalid, fmt::format("{} is taken by a service", endpoint.address));
      same->handlers.merge(endpoint.handlers);
      return {};
    }
    auto listener = std::make_shared<Listener>(io);
    listener->address = std::move(endpoint.address);
    listener->handlers = std::move(endpoint.handlers);
    listener->service = std::move(endpoint.service);
    if (listener->service) listener->shares.emplace(listener->service->memory);
    if (endpoint.tls) {
      TRY_VOID(listener->certificate.emplace(std::move(*endpoint.tls)).Current());
    }
    TRY_VOID(Listen(*listener));
    listeners.push_back(std::move(listener));
    return {};
  }

  void Run() {
    for (const auto& listener : listeners)
      net::co_spawn(io, Accept(listener, stop.get_token()), net::detached);
    if (listeners.empty()) return;
    for (int i = 0; i < thread_count; ++i) threads.emplace_back([this] { io.run(); });
  }

  ~State() {
    stop.request_stop();
    io.stop();
    threads.clear();
    for (const auto& listener : listeners)
      if (listener->shares) listener->shares->Close();
  }
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::Start(std::vector<Endpoint> endpoints, int threads) {
  auto state = std::make_unique<State>(threads);
  for (Endpoint& endpoint : endpoints)
    if (!endpoint.address.empty()) TRY_VOID(state->Add(std::move(endpoint)));
  state->Run();
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

std::vector<int> Server::ports() const {
  std::vector<int> ports;
  for (const auto& listener : state_->listeners)
    ports.push_back(listener->acceptor.local_endpoint().port());
  return ports;
}

}  // namespace holdfast::http
