#include "operator/plugin/session.h"

#include "operator/kube/status_error.h"
#include "operator/kube/wait.h"

namespace holdfast::plugin {
namespace {

constexpr const char* kFieldManager = "fieldManager=kubectl-holdfast";
constexpr std::chrono::seconds kWatchLifetime{300};
// How long an API server that went is asked again before it is given up.
constexpr int kMostFailures = 30;
constexpr std::chrono::seconds kPause{1};

Result<Json> Submit(const Session& session, kube::Request request, const std::string& what) {
  request.query = kFieldManager;
  const auto response = session.api.transport().Send(request, session.stop);
  if (!response) return tl::make_unexpected(Advise(WithContext(what, response.error())));
  if (response->status < 200 || response->status > 299)
    return tl::make_unexpected(Advise(WithContext(what, kube::ErrorFromResponse(*response))));
  return ParseJson(response->body);
}

struct Watched {
  bool done = false;
  bool gone = false;
};

// One line of a watch.
Result<Watched> Look(std::string_view line, const std::function<Result<bool>(const Json&)>& look) {
  TRY(const Json event, ParseJson(line));
  const std::string type = FindString(event, {"type"});
  const Json* object = Find(event, {"object"});
  if (type == "DELETED") return Watched{.done = true, .gone = true};
  if ((type != "ADDED" && type != "MODIFIED") || object == nullptr) return Watched{};
  TRY(const bool done, look(*object));
  return Watched{.done = done};
}

}  // namespace

Error Advise(Error error) {
  if (error.code == Code::kDenied)
    error.message +=
        "\nThe role that the chart names holdfast-edit (holdfast-view to look only) has these "
        "rights; ask who runs the cluster to bind it to you in this namespace. Reading files also "
        "takes create of pods/exec.";
  if (error.code == Code::kNotFound &&
      error.message.find("could not find the requested resource") != std::string::npos)
    error.message +=
        "\nHoldfast is not installed in this cluster, or kubectl's context is another one than you "
        "think: kubectl config current-context, kubectl api-resources --api-group=holdfast.dev";
  if (error.code == Code::kUnavailable)
    error.message += "\nSee whether kubectl get namespaces answers.";
  return error;
}

Result<Json> CreateObject(const Session& session, const kube::Resource& resource, Json object) {
  object["metadata"]["namespace"] = session.ns;
  return Submit(session, kube::CreateRequest(resource, session.ns, object),
                "create " + resource.plural + " in " + session.ns);
}

Result<Json> PatchObject(const Session& session, const kube::Resource& resource,
                         const std::string& name, const Json& patch) {
  return Submit(session, kube::MergePatchRequest(resource, {session.ns, name}, patch, ""),
                "patch " + resource.plural + " " + session.ns + "/" + name);
}

Result<void> AwaitObject(const Session& session, const kube::Resource& resource,
                         const std::string& name,
                         const std::function<Result<bool>(const Json&)>& look) {
  const kube::ListOptions one{.ns = session.ns,
                              .label_selector = "",
                              .field_selector = "metadata.name=" + name,
                              .page_size = 500,
                              .not_older_than = ""};
  for (int failures = 0;;) {
    if (failures > 0 && !kube::WaitFor(kPause, session.stop))
      return Fail(Code::kCancelled, "stopped");
    const auto object = session.api.Get(resource, {session.ns, name}, session.stop);
    if (!object) {
      if (!IsRetryable(object.error()) || ++failures > kMostFailures)
        return tl::make_unexpected(Advise(object.error()));
      continue;
    }
    failures = 0;
    TRY(const bool done, look(*object));
    if (done) return {};
    Watched watched;
    std::optional<Error> refused;  // by `look`, rather than by the network
    const auto on_line = [&](std::string_view line) -> Result<void> {
      auto seen = Look(line, look);
      if (!seen) refused = seen.error();
      if (!seen) return tl::make_unexpected(seen.error());
      watched = *seen;
      if (watched.done) return Fail(Code::kCancelled, "seen enough");
      return {};
    };
    const auto ended =
        session.api.Watch(resource, one, FindString(*object, {"metadata", "resourceVersion"}),
                          kWatchLifetime, on_line, session.stop);
    if (watched.gone)
      return Fail(Code::kNotFound, resource.kind + " " + session.ns + "/" + name + " was deleted");
    if (watched.done) return {};
    if (refused) return tl::make_unexpected(*refused);
    if (session.stop.stop_requested()) return Fail(Code::kCancelled, "stopped");
    if (!ended) ++failures;  // looks again: the watch may only have come too late
  }
}

Result<void> Print(const Session& session, const Table& table, const Json& json) {
  switch (session.output) {
    case OutputFormat::kJson:
      return session.screen.Write(ToJson(json));
    case OutputFormat::kYaml:
      return session.screen.Write(ToYaml(json));
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      break;
  }
  if (table.rows.empty()) {
    session.screen.Note("Nothing found in " + (session.all_namespaces
                                                   ? std::string("any namespace.")
                                                   : "namespace " + session.ns + "."));
    return {};
  }
  return session.screen.Write(Format(table, session.output == OutputFormat::kWide));
}

Json ListOf(std::vector<Json> items) {
  return {{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(items)}};
}

}  // namespace holdfast::plugin
