#include <charconv>

#include <spdlog/fmt/fmt.h>

#include "base/json.h"
#include "operator/kube/api.h"
#include "operator/kube/exec.h"
#include "operator/kube/request.h"

namespace holdfast::kube {
namespace {

// details.causes[reason=ExitCode].message of the reason NonZeroExitCode.
Result<int> ExitCodeOf(const Json& status) {
  const Json* causes = Find(status, {"details", "causes"});
  if (causes != nullptr && causes->is_array())
    for (const Json& cause : *causes) {
      if (FindString(cause, {"reason"}) != "ExitCode") continue;
      const std::string text = FindString(cause, {"message"});
      int code = 0;
      const auto parsed = std::from_chars(text.data(), text.data() + text.size(), code);
      if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && code != 0)
        return code;
    }
  return Fail(Code::kInternal, "the command failed, and its exit code cannot be read from " +
                                   DumpJson(status).substr(0, 500));
}

}  // namespace

std::string ExecTarget(const ExecRequest& request) {
  std::string target = ObjectPath(kPods, request.pod, "exec") + "?stdout=true&stderr=true";
  if (!request.container.empty()) target += "&container=" + PercentEncode(request.container);
  for (const std::string& word : request.command) target += "&command=" + PercentEncode(word);
  return target;
}

Result<int> ExitCodeFrom(std::string_view text) {
  const Result<Json> status = ParseJson(text);
  if (!status)
    return Fail(Code::kInternal,
                fmt::format("the end of the command is told in words that cannot be read: {}",
                            text.substr(0, 200)));
  if (FindString(*status, {"status"}) == "Success") return 0;
  if (FindString(*status, {"reason"}) == "NonZeroExitCode") return ExitCodeOf(*status);
  const std::string message = FindString(*status, {"message"});
  return Fail(Code::kInternal, message.empty() ? DumpJson(*status).substr(0, 500) : message);
}

}  // namespace holdfast::kube
