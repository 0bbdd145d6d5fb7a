#include "operator/http_server.h"

#include <atomic>
#include <charconv>
#include <chrono>
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

#include "base/log.h"

namespace holdfast::op {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using net::use_awaitable;
using net::ip::tcp;

using Handlers = std::map<std::string, HttpHandler>;

// One connection is open for as long as a scrape takes; more than this at once is no scraper.
constexpr int kMostConnections = 32;
// From a client's connection to its request, and from one piece of the answer to the next.
constexpr std::chrono::seconds kPatience{10};
// A service account's token has about a kilobyte.
constexpr std::uint32_t kMostHeader = 16 * 1024;

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

// Conversation with one client, over TCP or TLS.
template <typename Stream>
class Conversation {
 public:
  Conversation(Stream& stream, const Handlers& handlers, std::stop_token stop)
      : stream_(stream), handlers_(handlers), stop_(std::move(stop)) {}

  net::awaitable<void> Run() {
    beast::flat_buffer buffer(kMostHeader);
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kMostHeader);
    Patience();
    co_await http::async_read_header(stream_, buffer, parser, use_awaitable);
    const http::request<http::empty_body>& request = parser.get();
    HttpAnswer answer = Handle(request);
    http::response<http::empty_body> head(static_cast<http::status>(answer.status),
                                          request.version());
    head.set(http::field::content_type, answer.content_type);
    head.keep_alive(false);
    if (answer.status == 401) head.set(http::field::www_authenticate, "Bearer");
    // HTTP/1.0 knows no chunks; there the end of the connection ends the answer.
    const bool chunked = answer.next_piece != nullptr && request.version() >= 11;
    if (chunked) head.chunked(true);
    if (!answer.next_piece) head.content_length(answer.body.size());
    http::response_serializer<http::empty_body> serializer(head);
    Patience();
    co_await http::async_write_header(stream_, serializer, use_awaitable);
    co_await WriteBody(answer, chunked);
  }

 private:
  void Patience() { beast::get_lowest_layer(stream_).expires_after(kPatience); }

  HttpAnswer Handle(const http::request<http::empty_body>& request) const {
    if (request.method() != http::verb::get) return {405, "only GET is served\n"};
    const std::string target(request.target());
    const std::string path = target.substr(0, target.find('?'));
    const auto handler = handlers_.find(path);
    if (handler == handlers_.end()) return {404, "not found\n"};
    return handler->second({path, std::string(request[http::field::authorization])}, stop_);
  }

  net::awaitable<void> WriteBody(const HttpAnswer& answer, bool chunked) {
    std::string piece = answer.body;
    for (;;) {
      if (!piece.empty()) {
        Patience();
        if (chunked)
          co_await net::async_write(stream_, http::make_chunk(net::buffer(piece)), use_awaitable);
        else
          co_await net::async_write(stream_, net::buffer(piece), use_awaitable);
      }
      if (!answer.next_piece) co_return;
      piece = answer.next_piece();
      if (piece.empty()) break;
    }
    if (chunked) co_await net::async_write(stream_, http::make_chunk_last(), use_awaitable);
  }

  Stream& stream_;
  const Handlers& handlers_;
  const std::stop_token stop_;
};

// Shared with what it accepted: the io_context lets go of that last.
struct Listener {
  explicit Listener(net::io_context& io) : acceptor(io) {}

  std::string address;
  tcp::acceptor acceptor;
  std::optional<Certificate> certificate;
  Handlers handlers;
  std::atomic<int> connections{0};
};

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
      co_await Conversation(plain, listener->handlers, stop).Run();
      plain.socket().shutdown(tcp::socket::shutdown_send);
      co_return;
    }
    beast::ssl_stream<beast::tcp_stream> secure(std::move(plain), *tls);
    beast::get_lowest_layer(secure).expires_after(kPatience);
    co_await secure.async_handshake(net::ssl::stream_base::server, use_awaitable);
    co_await Conversation(secure, listener->handlers, stop).Run();
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
    if (listener->connections >= kMostConnections) continue;
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
  if (!error) acceptor.listen(kMostConnections, error);
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

struct HttpServer::State {
  std::stop_source stop;
  net::io_context io{2};
  std::vector<std::shared_ptr<Listener>> listeners;
  std::vector<std::jthread> threads;

  // Adds it to the listener of the same address, or as a new one.
  Result<void> Add(HttpEndpoint endpoint) {
    Listener* same = nullptr;
    for (const auto& listener : listeners)
      if (listener->address == endpoint.address && !endpoint.address.ends_with(":0"))
        same = listener.get();
    if (same != nullptr) {
      if (endpoint.tls || same->certificate)
        return Fail(Code::kInvalid,
                    fmt::format("{} cannot be both with TLS and without", endpoint.address));
      same->handlers.merge(endpoint.handlers);
      return {};
    }
    auto listener = std::make_shared<Listener>(io);
    listener->address = std::move(endpoint.address);
    listener->handlers = std::move(endpoint.handlers);
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
    for (int i = 0; i < 2; ++i) threads.emplace_back([this] { io.run(); });
  }

  ~State() {
    stop.request_stop();
    io.stop();
    threads.clear();
  }
};

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::Start(std::vector<HttpEndpoint> endpoints) {
  auto state = std::make_unique<State>();
  for (HttpEndpoint& endpoint : endpoints)
    if (!endpoint.address.empty()) TRY_VOID(state->Add(std::move(endpoint)));
  state->Run();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

std::vector<int> HttpServer::ports() const {
  std::vector<int> ports;
  for (const auto& listener : state_->listeners)
    ports.push_back(listener->acceptor.local_endpoint().port());
  return ports;
}

}  // namespace holdfast::op
