// The only file that knows cpprestsdk; its exceptions end here.
//
// cpprestsdk gets one thread. It closes a cancelled connection from whatever thread cancels, which
// races with that connection's own handlers; so requests are started and cancelled on the network
// thread only, and the callers' threads just wait on a BodyPipe.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#define _TURN_OFF_PLATFORM_STRING  // the macro U, which other headers use as a name
#include <cpprest/http_client.h>
#include <pplx/threadpool.h>
#include <spdlog/fmt/fmt.h>

#include "operator/kube/bearer_token.h"
#include "operator/kube/body_pipe.h"
#include "operator/kube/config.h"
#include "operator/kube/keep_alive.h"
#include "operator/kube/request.h"
#include "operator/kube/tls.h"

namespace holdfast::kube {
namespace {

namespace http = web::http;

// A body that is read whole: a page of a list. 500 objects of 128 KiB.
constexpr std::size_t kMostBody = 64 * 1024 * 1024;

template <typename F>
void OnNetworkThread(F task) {
  boost::asio::post(crossplat::threadpool::shared_instance().service(), std::move(task));
}

void StartNetworkThread() {
  static std::once_flag started;
  std::call_once(started, [] { crossplat::threadpool::initialize_with_threads(1); });
}

// What cpprestsdk writes a response's body into. Only writing in order is served: it is all that
// the HTTP client does. A write that found the pipe full completes when the reader has made room,
// and until then cpprestsdk reads no further from the connection.
class PipeBuffer final
    : public concurrency::streams::details::streambuf_state_manager<std::uint8_t> {
 public:
  using Base = concurrency::streams::details::streambuf_state_manager<std::uint8_t>;

  explicit PipeBuffer(std::shared_ptr<BodyPipe> pipe)
      : Base(std::ios_base::out), pipe_(std::move(pipe)) {}

  bool can_seek() const override { return false; }
  bool has_size() const override { return false; }
  size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(size_t, std::ios_base::openmode) override {}
  size_t in_avail() const override { return 0; }
  pos_type getpos(std::ios_base::openmode) const override { return traits::eof(); }
  pos_type seekpos(pos_type, std::ios_base::openmode) override { return traits::eof(); }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
    return traits::eof();
  }
  bool acquire(std::uint8_t*& bytes, size_t& count) override {
    bytes = nullptr;
    count = 0;
    return false;
  }
  void release(std::uint8_t*, size_t) override {}

 protected:
  pplx::task<size_t> _putn(const std::uint8_t* bytes, size_t count) override {
    const pplx::task_completion_event<size_t> room;
    const std::string_view text(reinterpret_cast<const char*>(bytes), count);
    if (pipe_->Write(text, [room, count] { room.set(count); }))
      return pplx::task_from_result(count);
    return pplx::create_task(room);
  }
  pplx::task<int_type> _putc(std::uint8_t byte) override {
    return _putn(&byte, 1).then([byte](size_t) { return static_cast<int_type>(byte); });
  }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }

  pplx::task<int_type> _bumpc() override { return Eof(); }
  int_type _sbumpc() override { return traits::eof(); }
  pplx::task<int_type> _getc() override { return Eof(); }
  int_type _sgetc() override { return traits::eof(); }
  pplx::task<int_type> _nextc() override { return Eof(); }
  pplx::task<int_type> _ungetc() override { return Eof(); }
  pplx::task<size_t> _getn(std::uint8_t*, size_t) override {
    return pplx::task_from_result<size_t>(0);
  }
  size_t _scopy(std::uint8_t*, size_t) override { return 0; }
  std::uint8_t* _alloc(size_t) override { return nullptr; }
  void _commit(size_t) override {}

 private:
  static pplx::task<int_type> Eof() { return pplx::task_from_result<int_type>(traits::eof()); }

  const std::shared_ptr<BodyPipe> pipe_;
};

// The family of the server's address; nullopt for a host name.
std::optional<boost::asio::ip::tcp> FamilyOf(const std::string& server) {
  const std::string host = web::uri(server).host();
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  boost::system::error_code error;
  const auto address =
      boost::asio::ip::make_address(bracketed ? host.substr(1, host.size() - 2) : host, error);
  if (error) return std::nullopt;
  return address.is_v6() ? boost::asio::ip::tcp::v6() : boost::asio::ip::tcp::v4();
}

// cpprestsdk calls this before a connection's first request, when its socket is not open yet, and
// before every later one. Opened here, it is connected as it is. With a host name the family is not
// known before the connection is, so there a vanished peer is noticed from the second request on.
void NoticeVanishedPeer(void* handle, const std::optional<boost::asio::ip::tcp>& family) {
  auto& socket =
      static_cast<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>*>(handle)->next_layer();
  boost::system::error_code error;
  if (!socket.is_open() && family) socket.open(*family, error);
  if (!socket.is_open()) return;
  SetKeepAlive(socket.native_handle());
}

http::client::http_client_config ClientSettings(const ClientConfig& config) {
  http::client::http_client_config settings;
  settings.set_nativehandle_options(
      [family = FamilyOf(config.server)](void* handle) { NoticeVanishedPeer(handle, family); });
  // Timeouts are ours, per request; this one only bounds what was abandoned.
  settings.set_timeout(std::chrono::minutes(15));
  settings.set_max_redirects(0);  // the token goes to this server only
  // cpprestsdk's context trusts the system's CAs until it is told otherwise; cpprestsdk itself
  // verifies the host name or address of the peer (RFC 2818).
  settings.set_ssl_context_callback([config](boost::asio::ssl::context& context) {
    const Result<void> done = SetUpTls(config, context);
    // CheckTls has seen the same text, so only lack of memory comes here.
    if (!done) throw std::runtime_error(done.error().message);
  });
  return settings;
}

Error FromException(std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const pplx::task_canceled&) {
    return {Code::kCancelled, "stopped"};
  } catch (const http::http_exception& e) {
    if (e.error_code() == std::errc::timed_out) return {Code::kTimeout, e.what()};
    return {Code::kUnavailable, e.what()};
  } catch (const std::exception& e) {
    return {Code::kUnavailable, e.what()};
  }
}

ResponseHead HeadOf(const http::http_response& response) {
  ResponseHead head{response.status_code(), std::nullopt};
  const auto found = response.headers().find("Retry-After");
  if (found == response.headers().end()) return head;
  long seconds = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size() && seconds >= 0)
    head.retry_after = std::chrono::seconds(seconds);
  return head;
}

// One request under way. Its end, however it ends, is told to the pipe.
class Exchange {
 public:
  Exchange(std::shared_ptr<http::client::http_client> client, http::http_request request)
      : pipe_(std::make_shared<BodyPipe>()) {
    request.set_response_stream(
        concurrency::streams::streambuf<std::uint8_t>(std::make_shared<PipeBuffer>(pipe_))
            .create_ostream());
    OnNetworkThread([client = std::move(client), request = std::move(request), pipe = pipe_,
                     token = cancel_.get_token()] { Start(*client, request, pipe, token); });
  }

  // What is still under way is cut off; cpprestsdk cleans up behind us.
  ~Exchange() {
    pipe_->Abandon();
    OnNetworkThread([cancel = cancel_] { cancel.cancel(); });
  }

  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  BodyPipe& pipe() { return *pipe_; }

 private:
  static void Start(http::client::http_client& client, const http::http_request& request,
                    const std::shared_ptr<BodyPipe>& pipe, pplx::cancellation_token token) {
    try {
      client.request(request, token).then([pipe](const pplx::task<http::http_response>& task) {
        OnHead(pipe, task);
      });
    } catch (...) {
      pipe->Finish(tl::unexpected(FromException(std::current_exception())));
    }
  }

  static void OnHead(const std::shared_ptr<BodyPipe>& pipe,
                     const pplx::task<http::http_response>& task) {
    try {
      const http::http_response response = task.get();
      pipe->SetHead(HeadOf(response));
      response.content_ready().then([pipe](const pplx::task<http::http_response>& end) {
        try {
          end.get();
          pipe->Finish({});
        } catch (...) {
          pipe->Finish(tl::unexpected(FromException(std::current_exception())));
        }
      });
    } catch (...) {
      pipe->Finish(tl::unexpected(FromException(std::current_exception())));
    }
  }

  pplx::cancellation_token_source cancel_;
  const std::shared_ptr<BodyPipe> pipe_;
};

Result<std::string> ReadAll(BodyPipe& pipe, BodyPipe::Timer::time_point deadline,
                            std::stop_token stop) {
  std::string body;
  for (;;) {
    TRY(const std::string bytes, pipe.Read(deadline, stop));
    if (bytes.empty()) return body;
    if (body.size() + bytes.size() > kMostBody)
      return Fail(Code::kInvalid, "the API server's answer is longer than 64 MiB");
    body += bytes;
  }
}

Result<void> ReadPieces(BodyPipe& pipe, std::chrono::seconds silence,
                        const std::function<Result<void>(std::string_view)>& on_bytes,
                        std::stop_token stop) {
  for (;;) {
    TRY(const std::string bytes, pipe.Read(BodyPipe::Timer::now() + silence, stop));
    if (bytes.empty()) return {};
    TRY_VOID(on_bytes(bytes));
  }
}

class CpprestTransport final : public Transport {
 public:
  explicit CpprestTransport(const ClientConfig& config)
      : client_(std::make_shared<http::client::http_client>(config.server, ClientSettings(config))),
        token_(config.token, config.token_file) {}

  Result<Response> Send(const Request& request, std::stop_token stop) override {
    const auto deadline = BodyPipe::Timer::now() + request.timeout;
    TRY(http::http_request message, Message(request));
    Exchange exchange(client_, std::move(message));
    TRY(const ResponseHead head, exchange.pipe().AwaitHead(deadline, stop));
    TRY(std::string body, ReadAll(exchange.pipe(), deadline, stop));
    return Response{head.status, std::move(body), head.retry_after};
  }

  Result<Response> Stream(const Request& request,
                          const std::function<Result<void>(std::string_view)>& on_bytes,
                          std::stop_token stop) override {
    // The head of a stream comes at once, however long its body then is silent.
    const auto deadline = BodyPipe::Timer::now() + std::min(request.timeout, Request{}.timeout);
    TRY(http::http_request message, Message(request));
    Exchange exchange(client_, std::move(message));
    TRY(const ResponseHead head, exchange.pipe().AwaitHead(deadline, stop));
    if (head.status < 200 || head.status > 299) {
      TRY(std::string body, ReadAll(exchange.pipe(), deadline, stop));
      return Response{head.status, std::move(body), head.retry_after};
    }
    TRY_VOID(ReadPieces(exchange.pipe(), request.timeout, on_bytes, stop));
    return Response{head.status, "", std::nullopt};
  }

 private:
  Result<http::http_request> Message(const Request& request) {
    try {
      http::http_request message(std::string(MethodName(request.method)));
      message.set_request_uri(request.query.empty() ? request.path
                                                    : request.path + "?" + request.query);
      message.headers().add("Accept", "application/json, */*");
      message.headers().add("User-Agent", "holdfast");
      if (const std::string token = token_.Current(); !token.empty())
        message.headers().add("Authorization", "Bearer " + token);
      if (!request.body.empty()) message.set_body(request.body, request.content_type);
      return message;
    } catch (const std::exception& e) {
      return Fail(Code::kInvalid, fmt::format("{}: {}", request.path, e.what()));
    }
  }

  const std::shared_ptr<http::client::http_client> client_;
  BearerToken token_;
};

}  // namespace

Result<std::unique_ptr<Transport>> MakeTransport(const ClientConfig& config) {
  TRY_VOID(CheckTls(config));
  StartNetworkThread();
  try {
    return std::make_unique<CpprestTransport>(config);
  } catch (const std::exception& e) {
    return Fail(Code::kInvalid, fmt::format("server {}: {}", config.server, e.what()));
  }
}

}  // namespace holdfast::kube
