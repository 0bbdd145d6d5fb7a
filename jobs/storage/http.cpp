#include "jobs/storage/http.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include <curl/curl.h>
#include <fmt/format.h>

#include "jobs/storage/range.h"

namespace holdfast::storage {
namespace {

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

void InitializeCurlOnce() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (done != CURLE_OK) throw std::bad_alloc();
}

// One request under way: what the callbacks work on.
struct Exchange {
  const HttpRequest& request;
  const std::stop_token& stop;
  HttpResponse response;
  bool too_long = false;
};

std::string_view Trim(std::string_view text) {
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

// The status line comes through here too; "HTTP/1.1 100 Continue" starts an answer over.
std::size_t OnHeader(const char* data, std::size_t size, std::size_t count, Exchange* exchange) {
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {
    exchange->response.headers.clear();
    const std::size_t space = std::min(line.find(' '), line.size() - 1);
    exchange->response.status =
        static_cast<int>(std::strtol(std::string(line.substr(space + 1, 3)).c_str(), nullptr, 10));
  } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
    exchange->response.headers[LowerCase(line.substr(0, colon))] = Trim(line.substr(colon + 1));
  }
  return line.size();
}

// The announced size, so that a pack's buffer does not grow by copying; what is announced is not
// trusted beyond a pack's usual size.
std::size_t SizeToReserve(const Exchange& exchange) {
  constexpr std::uint64_t kTrusted = 32 << 20;
  const std::string length = exchange.response.Header("content-length");
  const std::uint64_t announced = std::strtoull(length.c_str(), nullptr, 10);
  return std::min({announced, exchange.request.max_body, kTrusted});
}

std::size_t OnBody(const char* data, std::size_t size, std::size_t count, Exchange* exchange) {
  const ByteView bytes = AsBytes({data, size * count});
  HttpResponse& response = exchange->response;
  if (!response.IsSuccess()) {
    const std::size_t room = kErrorBodyLimit - response.body.size();
    const ByteView kept = bytes.first(std::min(room, bytes.size()));
    response.body.insert(response.body.end(), kept.begin(), kept.end());
    return bytes.size();
  }
  if (bytes.size() > exchange->request.max_body - response.body.size()) {
    exchange->too_long = true;
    return CURL_WRITEFUNC_ERROR;
  }
  if (response.body.empty()) response.body.reserve(SizeToReserve(*exchange));
  response.body.insert(response.body.end(), bytes.begin(), bytes.end());
  return bytes.size();
}

int OnProgress(const Exchange* exchange, curl_off_t /*down_total*/, curl_off_t /*down*/,
               curl_off_t /*up_total*/, curl_off_t /*up*/) {
  return exchange->stop.stop_requested() ? 1 : 0;
}

bool HasBody(const HttpRequest& request) {
  return request.method == "PUT" || request.method == "POST";
}

HeaderList MakeHeaders(const HttpRequest& request) {
  HeaderList list;
  const auto append = [&](const std::string& line) {
    curl_slist* grown = curl_slist_append(list.get(), line.c_str());
    if (grown == nullptr) throw std::bad_alloc();
    static_cast<void>(list.release());
    list.reset(grown);
  };
  for (const auto& [name, value] : request.headers) append(fmt::format("{}: {}", name, value));
  append("Expect:");  // waiting for "100 Continue" would cost a round trip per object
  if (HasBody(request) && !request.headers.contains("content-type"))
    append("Content-Type: application/octet-stream");
  return list;
}

void SetMethod(CURL* easy, const HttpRequest& request) {
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (HasBody(request)) {
    // POSTFIELDS rather than UPLOAD: curl can then send the body again by itself when a kept
    // connection turns out to be dead.
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                     request.body.empty() ? "" : AsText(request.body).data());
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void SetConnection(CURL* easy, const HttpOptions& options) {
  constexpr long kBufferSize = 128L << 10;  // twice for each connection that is in use
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);  // the path is signed as it stands
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kBufferSize);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, kBufferSize);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_timeout.count()));
  if (!options.use_proxy) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  if (!options.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
}

void SetCallbacks(CURL* easy, Exchange& exchange) {
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, OnProgress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &exchange);
}

std::string Origin(const std::string& url) {
  const std::size_t scheme = url.find("://");
  return url.substr(0, url.find('/', scheme == std::string::npos ? 0 : scheme + 3));
}

Error ErrorOf(CURLcode code, std::string_view detail, const Exchange& exchange,
              const HttpOptions& options) {
  const std::string where = Origin(exchange.request.url);
  const std::string_view words = detail.empty() ? curl_easy_strerror(code) : detail;
  if (exchange.too_long)
    return {Code::kUnavailable, fmt::format("{} answered with more than the {} bytes asked for",
                                            where, exchange.request.max_body)};
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
      return {Code::kCancelled, "stopped on request"};
    case CURLE_OPERATION_TIMEDOUT:
      return {Code::kTimeout, fmt::format("{} does not answer in time: {}", where, words)};
    case CURLE_COULDNT_RESOLVE_HOST:
      return {Code::kUnavailable, fmt::format("the name of {} does not resolve: check {} and DNS",
                                              where, options.endpoint_setting)};
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {Code::kUnavailable,
              fmt::format("the name of the proxy for {} does not resolve: check https_proxy, "
                          "http_proxy and no_proxy in the environment",
                          where)};
    case CURLE_COULDNT_CONNECT:
      return {Code::kUnavailable, fmt::format("cannot connect to {}: {}", where, words)};
    case CURLE_PEER_FAILED_VERIFICATION:
      return {Code::kUnavailable,
              fmt::format("the certificate of {} is not trusted: {}; give its authority in {}",
                          where, words, options.ca_setting)};
    case CURLE_SSL_CACERT_BADFILE:
      return {Code::kInvalid,
              fmt::format("{} is no readable bundle of certificates: {}", options.ca_file, words)};
    case CURLE_SSL_CONNECT_ERROR:
      return {Code::kUnavailable, fmt::format("TLS with {} fails: {}", where, words)};
    case CURLE_URL_MALFORMAT:
      return {Code::kInvalid, fmt::format("{} is not an address: {}", where, words)};
    default:
      return {Code::kUnavailable, fmt::format("the exchange with {} broke off: {}", where, words)};
  }
}

}  // namespace

// Handles that wait for their next request. The one used last is lent first: its connection is the
// least likely to have been closed meanwhile.
class Http::Pool {
 public:
  Easy Take() {
    {
      const std::scoped_lock lock(mutex_);
      if (!idle_.empty()) {
        Easy easy = std::move(idle_.back());
        idle_.pop_back();
        return easy;
      }
    }
    Easy easy(curl_easy_init());
    if (!easy) throw std::bad_alloc();
    return easy;
  }

  void GiveBack(Easy easy) {
    curl_easy_reset(easy.get());  // keeps connections, names and TLS sessions
    const std::scoped_lock lock(mutex_);
    idle_.push_back(std::move(easy));
  }

 private:
  std::mutex mutex_;
  std::vector<Easy> idle_;  // guarded by mutex_
};

std::string HttpResponse::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

bool HttpResponse::IsDelimited() const {
  return !Header("content-length").empty() || !Header("transfer-encoding").empty();
}

std::string HostOf(const std::string& endpoint) {
  return endpoint.substr(endpoint.find("://") + 3);
}

Http::Http(HttpOptions options) : options_(std::move(options)), pool_(std::make_unique<Pool>()) {
  InitializeCurlOnce();
}

Http::~Http() = default;

Result<HttpResponse> Http::Send(const HttpRequest& request, const std::stop_token& stop) {
  TRY_VOID(CheckStop(stop));
  Exchange exchange{request, stop, {}};
  std::array<char, CURL_ERROR_SIZE> detail = {};
  const HeaderList headers = MakeHeaders(request);
  Easy easy = pool_->Take();
  SetConnection(easy.get(), options_);
  SetCallbacks(easy.get(), exchange);
  SetMethod(easy.get(), request);
  curl_easy_setopt(easy.get(), CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(request.time_limit.count()));
  curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, detail.data());
  const CURLcode code = curl_easy_perform(easy.get());
  pool_->GiveBack(std::move(easy));
  if (code != CURLE_OK)
    return tl::make_unexpected(ErrorOf(code, detail.data(), exchange, options_));
  return std::move(exchange.response);
}

std::optional<TimePoint> ParseHttpDate(const std::string& text) {
  const std::time_t seconds = curl_getdate(text.c_str(), nullptr);
  if (seconds < 0) return std::nullopt;
  return TimePoint(std::chrono::seconds(seconds));
}

std::string UrlDecode(std::string text) {
  std::ranges::replace(text, '+', ' ');
  int length = 0;
  const std::unique_ptr<char, decltype(&curl_free)> decoded(
      curl_easy_unescape(nullptr, text.c_str(), static_cast<int>(text.size()), &length), curl_free);
  if (!decoded) return {};
  return {decoded.get(), static_cast<std::size_t>(length)};
}

}  // namespace holdfast::storage
