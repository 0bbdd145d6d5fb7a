// Each execution drives an io_context of its own on the caller's thread: no thread is made, a sink
// that is slow slows only its own connection, and giving up is to leave the loop and let the
// connection's pieces go.
#include "operator/kube/exec.h"

#include <optional>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/rfc2818_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <openssl/ssl.h>
#include <spdlog/fmt/fmt.h>

#include "base/clock.h"
#include "operator/kube/bearer_token.h"
#include "operator/kube/keep_alive.h"
#include "operator/kube/status_error.h"
#include "operator/kube/tls.h"

namespace holdfast::kube {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::system::error_code;
using net::use_awaitable;
using net::ip::tcp;
using WebSocket = websocket::stream<beast::ssl_stream<beast::tcp_stream>>;

constexpr const char* kProtocols = "v5.channel.k8s.io, v4.channel.k8s.io";
// The API server sends what the kubelet sent, 32 KiB at a time.
constexpr std::size_t kMostMessage = 4UL * 1024 * 1024;
constexpr std::size_t kMostStatus = 64UL * 1024;
// The server hangs up once it has sent the status; it is not waited for longer than this.
constexpr std::chrono::seconds kGoodbye{5};

// The first byte of every message.
enum Channel : unsigned char { kStdout = 1, kStderr = 2, kStatus = 3 };

struct Server {
  std::string host;  // without the brackets of an IPv6 address
  std::string port = "443";
  std::string authority;  // "host[:port]" as it stands in the URL
  std::string base_path;  // "" or "/k8s/clusters/c-1"
};

Result<Server> ParseServer(const std::string& url) {
  const std::string scheme = "https://";
  if (!url.starts_with(scheme)) return Fail(Code::kInvalid, url + " is not https://");
  Server server;
  const std::size_t slash = url.find('/', scheme.size());
  server.authority = url.substr(scheme.size(), slash - scheme.size());
  if (slash != url.npos) server.base_path = url.substr(slash);
  while (server.base_path.ends_with('/')) server.base_path.pop_back();
  const std::size_t colon = server.authority.rfind(':');
  const bool has_port = colon != std::string::npos && server.authority.back() != ']';
  server.host = server.authority.substr(0, has_port ? colon : std::string::npos);
  if (has_port) server.port = server.authority.substr(colon + 1);
  if (server.host.starts_with('[') && server.host.ends_with(']'))
    server.host = server.host.substr(1, server.host.size() - 2);
  if (server.host.empty() || server.port.empty())
    return Fail(Code::kInvalid, url + " names no host or no port");
  return server;
}

Error Unreachable(const error_code& error) { return {Code::kUnavailable, error.message()}; }

// One execution. Lives in the coroutine's caller.
class Execution {
 public:
  Execution(const Server& server, net::ssl::context& tls, std::string token,
            const ExecRequest& request, const ExecSink& on_stdout, const ExecSink& on_stderr)
      : server_(server),
        tls_(tls),
        token_(std::move(token)),
        request_(request),
        on_stdout_(on_stdout),
        on_stderr_(on_stderr) {}

  net::awaitable<Result<int>> Run(net::io_context& io) {
    WebSocket socket(io, tls_);
    if (auto connected = co_await Connect(io, socket); !connected)
      co_return tl::make_unexpected(connected.error());
    if (auto accepted = co_await Upgrade(socket); !accepted)
      co_return tl::make_unexpected(accepted.error());
    co_return co_await Listen(socket);
  }

 private:
  net::awaitable<Result<void>> Connect(net::io_context& io, WebSocket& socket) {
    error_code error;
    tcp::resolver resolver(io);
    const auto found = co_await resolver.async_resolve(server_.host, server_.port,
                                                       net::redirect_error(use_awaitable, error));
    if (error) co_return tl::make_unexpected(Unreachable(error));
    co_await beast::get_lowest_layer(socket).async_connect(
        found, net::redirect_error(use_awaitable, error));
    if (error) co_return tl::make_unexpected(Unreachable(error));
    // A command may be silent for long; that the server is there is seen all the same.
    SetKeepAlive(beast::get_lowest_layer(socket).socket().native_handle());
    auto& secure = socket.next_layer();
    secure.set_verify_mode(net::ssl::verify_peer);
    secure.set_verify_callback(net::ssl::rfc2818_verification(server_.host));
    error_code no_address;
    net::ip::make_address(server_.host, no_address);
    if (no_address) SSL_set_tlsext_host_name(secure.native_handle(), server_.host.c_str());
    co_await secure.async_handshake(net::ssl::stream_base::client,
                                    net::redirect_error(use_awaitable, error));
    if (error) co_return tl::make_unexpected(Unreachable(error));
    co_return Result<void>();
  }

  net::awaitable<Result<void>> Upgrade(WebSocket& socket) {
    socket.read_message_max(kMostMessage);
    socket.set_option(websocket::stream_base::decorator([this](websocket::request_type& head) {
      head.set(http::field::sec_websocket_protocol, kProtocols);
      head.set(http::field::user_agent, "holdfast");
      head.set(http::field::accept, "application/json, */*");
      if (!token_.empty()) head.set(http::field::authorization, "Bearer " + token_);
    }));
    websocket::response_type answer;
    error_code error;
    co_await socket.async_handshake(answer, server_.authority,
                                    server_.base_path + ExecTarget(request_),
                                    net::redirect_error(use_awaitable, error));
    if (error == websocket::error::upgrade_declined)
      co_return tl::make_unexpected(
          ErrorFromResponse({static_cast<int>(answer.result_int()), answer.body(), {}}));
    if (error) co_return tl::make_unexpected(Unreachable(error));
    const beast::string_view protocol = answer[http::field::sec_websocket_protocol];
    if (protocol != "v5.channel.k8s.io" && protocol != "v4.channel.k8s.io")
      co_return Fail(Code::kInvalid,
                     fmt::format("the API server speaks \"{}\" instead of {}",
                                 std::string_view(protocol.data(), protocol.size()), kProtocols));
    co_return Result<void>();
  }

  net::awaitable<Result<int>> Listen(WebSocket& socket) {
    beast::flat_buffer buffer(kMostMessage);
    for (;;) {
      error_code error;
      co_await socket.async_read(buffer, net::redirect_error(use_awaitable, error));
      if (error) co_return End(error);
      const std::string_view message(static_cast<const char*>(buffer.data().data()), buffer.size());
      if (auto taken = Take(message); !taken) co_return tl::make_unexpected(taken.error());
      buffer.consume(buffer.size());
      if (!status_.empty()) beast::get_lowest_layer(socket).expires_after(kGoodbye);
    }
  }

  // Channels that are not ours are none of our business, as the protocol has it: 255 tells of a
  // stream that was closed (v5).
  Result<void> Take(std::string_view message) {
    if (message.empty()) return {};
    const std::string_view bytes = message.substr(1);
    switch (static_cast<unsigned char>(message.front())) {
      case kStdout:
        return bytes.empty() ? Result<void>() : on_stdout_(bytes);
      case kStderr:
        return bytes.empty() ? Result<void>() : on_stderr_(bytes);
      case kStatus:
        if (status_.size() + bytes.size() > kMostStatus)
          return Fail(Code::kInternal, "the status of the command is longer than 64 KiB");
        status_ += bytes;
        return {};
      default:
        return {};
    }
  }

  // The status is the end; without it the connection broke.
  Result<int> End(const error_code& error) const {
    if (!status_.empty()) return ExitCodeFrom(status_);
    return Fail(Code::kUnavailable,
                fmt::format("the connection ended ({}) before the command's exit code came; how "
                            "the command ended is not known",
                            error.message()));
  }

  const Server& server_;
  net::ssl::context& tls_;
  const std::string token_;
  const ExecRequest& request_;
  const ExecSink& on_stdout_;
  const ExecSink& on_stderr_;
  std::string status_;
};

class BeastExecutor final : public Executor {
 public:
  explicit BeastExecutor(LoadConfig load) : load_(std::move(load)) {}

  Result<int> Run(const ExecRequest& request, const ExecSink& on_stdout, const ExecSink& on_stderr,
                  std::stop_token stop) override {
    Result<int> code = Execute(request, on_stdout, on_stderr, stop);
    if (code) return code;
    return tl::make_unexpected(WithContext("exec in " + ToString(request.pod), code.error()));
  }

 private:
  Result<int> Execute(const ExecRequest& request, const ExecSink& on_stdout,
                      const ExecSink& on_stderr, const std::stop_token& stop) const {
    TRY(const ClientConfig config, load_());
    TRY(const Server server, ParseServer(config.server));
    net::ssl::context tls(net::ssl::context::tls_client);
    if (config.ca_pem.empty()) tls.set_default_verify_paths();
    TRY_VOID(SetUpTls(config, tls));
    Execution execution(server, tls, BearerToken(config.token, config.token_file).Current(),
                        request, on_stdout, on_stderr);
    std::optional<Result<int>> end;
    std::exception_ptr thrown;
    {
      net::io_context io(1);
      const std::stop_callback on_stop(stop, [&io] { io.stop(); });
      net::co_spawn(io, execution.Run(io), [&](std::exception_ptr exception, Result<int> result) {
        thrown = exception;
        end = std::move(result);
      });
      io.run_for(request.timeout);
    }
    if (thrown) std::rethrow_exception(thrown);  // lack of memory
    if (end) return *end;
    if (stop.stop_requested()) return Fail(Code::kCancelled, "stopped");
    return Fail(
        Code::kTimeout,
        fmt::format("it had not ended after {}",
                    HumanDuration(std::chrono::ceil<std::chrono::seconds>(request.timeout))));
  }

  const LoadConfig load_;
};

}  // namespace

std::unique_ptr<Executor> MakeExecutor(LoadConfig load) {
  return std::make_unique<BeastExecutor>(std::move(load));
}

}  // namespace holdfast::kube
