#include "operator/kube/status_error.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <spdlog/fmt/fmt.h>

namespace holdfast::kube {
namespace {

// Proxies answer with pages of HTML; a log line needs only their beginning.
constexpr std::size_t kMostForeignText = 200;

Code CodeFor(std::int64_t status, std::string_view reason) {
  switch (status) {
    case 401:
    case 403:
      return Code::kDenied;
    case 404:
      return Code::kNotFound;
    case 408:
    case 504:
      return Code::kTimeout;
    case 409:
      return reason == "AlreadyExists" ? Code::kAlreadyExists : Code::kConflict;
    case 410:
      return Code::kGone;
    case 429:
      return Code::kUnavailable;
    default:
      return status >= 400 && status < 500 ? Code::kInvalid : Code::kUnavailable;
  }
}

// A namespace on its way out refuses whatever is new in it. That is nobody's lack of rights.
bool NamespaceTerminates(const Json& status) {
  const Json* causes = Find(status, {"details", "causes"});
  if (causes == nullptr || !causes->is_array()) return false;
  return std::any_of(causes->begin(), causes->end(), [](const Json& cause) {
    return FindString(cause, {"reason"}) == "NamespaceTerminating";
  });
}

}  // namespace

Error ErrorFromStatus(const Json& status) {
  const std::int64_t code = FindInt(status, {"code"}).value_or(500);
  std::string message = FindString(status, {"message"});
  if (message.empty()) message = fmt::format("the API server answered {}", code);
  if (NamespaceTerminates(status)) return {Code::kGone, std::move(message)};
  return {CodeFor(code, FindString(status, {"reason"})), std::move(message)};
}

Error ErrorFromResponse(const Response& response) {
  const Result<Json> body = ParseJson(response.body);
  if (body && FindString(*body, {"kind"}) == "Status") {
    Json status = *body;
    status["code"] = response.status;
    return ErrorFromStatus(status);
  }
  return {CodeFor(response.status, ""),
          fmt::format("the API server answered {}: {}", response.status,
                      std::string_view(response.body).substr(0, kMostForeignText))};
}

}  // namespace holdfast::kube
