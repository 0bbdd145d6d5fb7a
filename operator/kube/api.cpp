#include "operator/kube/api.h"

#include <spdlog/fmt/fmt.h>

#include "operator/kube/body_pipe.h"
#include "operator/kube/list_splitter.h"
#include "operator/kube/status_error.h"
#include "operator/kube/wait.h"

namespace holdfast::kube {
namespace {

// As client-go: a server that sheds load says when to come back; whoever still finds it full after
// these tries goes to the end of its own queue.
constexpr int kMostTries = 4;

bool AsksToComeBack(const Response& response, const Request& request) {
  return (response.status == 429 || response.status == 503) && response.retry_after &&
         *response.retry_after <= request.timeout;
}

// The operator may do in every namespace what a name could lead to by leaving its segment.
Result<void> RefuseImproper(const Request& request) {
  if (IsProperPath(request.path)) return {};
  return Fail(Code::kInvalid, "\"" + request.path + "\" holds a name that no object can have");
}

Result<std::string> Exchange(Transport& transport, const Request& request, std::stop_token stop) {
  TRY_VOID(RefuseImproper(request));
  for (int tries = 1;; ++tries) {
    TRY(Response response, transport.Send(request, stop));
    if (response.status >= 200 && response.status < 300) return std::move(response.body);
    if (tries == kMostTries || !AsksToComeBack(response, request))
      return tl::unexpected(ErrorFromResponse(response));
    if (!WaitFor(*response.retry_after, stop)) return Fail(Code::kCancelled, "stopped");
  }
}

// The same for a body that is taken in pieces. Nothing of a refused try has reached `on_bytes`.
Result<void> StreamedExchange(Transport& transport, const Request& request,
                              const std::function<Result<void>(std::string_view)>& on_bytes,
                              std::stop_token stop) {
  TRY_VOID(RefuseImproper(request));
  for (int tries = 1;; ++tries) {
    TRY(const Response response, transport.Stream(request, on_bytes, stop));
    if (response.status >= 200 && response.status < 300) return {};
    if (tries == kMostTries || !AsksToComeBack(response, request))
      return tl::unexpected(ErrorFromResponse(response));
    if (!WaitFor(*response.retry_after, stop)) return Fail(Code::kCancelled, "stopped");
  }
}

std::string What(std::string_view verb, const Resource& resource, std::string_view name) {
  return fmt::format("{} {} {}", verb, resource.plural, name);
}

std::string Where(const ListOptions& options) {
  return options.ns.empty() ? "of all namespaces" : "of " + options.ns;
}

Result<std::string> Named(std::string_view verb, const Resource& resource, std::string_view name,
                          Result<std::string> result) {
  if (result) return result;
  return tl::unexpected(WithContext(What(verb, resource, name), std::move(result).error()));
}

Result<Json> Parsed(std::string_view verb, const Resource& resource, std::string_view name,
                    Result<std::string> result) {
  TRY(const std::string body, Named(verb, resource, name, std::move(result)));
  Result<Json> object = ParseJson(body);
  if (object) return object;
  return tl::unexpected(WithContext(What(verb, resource, name), std::move(object).error()));
}

// Items of a list carry neither apiVersion nor kind (API conventions, "List kinds").
Result<void> VisitItem(const Resource& resource, std::string_view text,
                       const std::function<Result<void>(const Json&)>& visit) {
  TRY(Json item, ParseJson(text));
  if (!item.is_object()) return {};
  item["apiVersion"] = resource.ApiVersion();
  item["kind"] = resource.kind;
  return visit(item);
}

}  // namespace

const Resource kPods{"", "v1", "pods", "Pod"};
const Resource kPersistentVolumeClaims{"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"};
const Resource kServices{"", "v1", "services", "Service"};
const Resource kServiceAccounts{"", "v1", "serviceaccounts", "ServiceAccount"};
const Resource kPersistentVolumes{"", "v1", "persistentvolumes", "PersistentVolume"};
const Resource kStatefulSets{"apps", "v1", "statefulsets", "StatefulSet"};
const Resource kJobs{"batch", "v1", "jobs", "Job"};
const Resource kEvents{"events.k8s.io", "v1", "events", "Event"};
const Resource kLeases{"coordination.k8s.io", "v1", "leases", "Lease"};
const Resource kVolumeAttachments{"storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment"};
const Resource kHorizontalPodAutoscalers{"autoscaling", "v2", "horizontalpodautoscalers",
                                         "HorizontalPodAutoscaler"};
const Resource kStorageClasses{"storage.k8s.io", "v1", "storageclasses", "StorageClass"};
const Resource kCsiDrivers{"storage.k8s.io", "v1", "csidrivers", "CSIDriver"};
const Resource kVolumeSnapshots{"snapshot.storage.k8s.io", "v1", "volumesnapshots",
                                "VolumeSnapshot"};
const Resource kVolumeSnapshotClasses{"snapshot.storage.k8s.io", "v1", "volumesnapshotclasses",
                                      "VolumeSnapshotClass"};

Resource VolumeGroupSnapshots(const std::string& version) {
  return {std::string(kGroupSnapshotsGroup), version, "volumegroupsnapshots",
          "VolumeGroupSnapshot"};
}

Resource VolumeGroupSnapshotClasses(const std::string& version) {
  return {std::string(kGroupSnapshotsGroup), version, "volumegroupsnapshotclasses",
          "VolumeGroupSnapshotClass"};
}

Api::Api(Transport& transport) : transport_(transport) {}

Result<Json> Api::Get(const Resource& resource, const ObjectKey& key, std::stop_token stop) const {
  return Parsed("get", resource, ToString(key),
                Exchange(transport_, GetRequest(resource, key), stop));
}

Result<std::string> Api::PreferredVersion(std::string_view group, std::stop_token stop) const {
  const auto named = [&](Error error) {
    return tl::unexpected(WithContext("look up API group " + std::string(group), std::move(error)));
  };
  Result<std::string> body = Exchange(transport_, GroupRequest(group), stop);
  if (!body) return named(std::move(body).error());
  const Result<Json> found = ParseJson(*body);
  if (!found) return named(found.error());
  std::string version = FindString(*found, {"preferredVersion", "version"});
  if (version.empty()) return named({Code::kNotFound, "it has no version"});
  return version;
}

Result<std::string> Api::List(const Resource& resource, const ListOptions& options,
                              const std::function<Result<void>(const Json&)>& visit,
                              std::stop_token stop) const {
  bool refused = false;  // by the visitor, whose Error goes back as it is
  const auto named = [&](Error error) {
    if (refused) return tl::unexpected(std::move(error));
    return tl::unexpected(WithContext(What("list", resource, Where(options)), std::move(error)));
  };
  const auto ask = [&](const Json& item) {
    Result<void> done = visit(item);
    refused = !done;
    return done;
  };
  const ListSplitter::OnItem on_item = [&](std::string_view item) {
    return VisitItem(resource, item, ask);
  };
  std::string token;
  do {
    ListSplitter splitter;
    const auto on_bytes = [&](std::string_view bytes) { return splitter.Feed(bytes, on_item); };
    const Request request = ListRequest(resource, options, token);
    if (Result<void> done = StreamedExchange(transport_, request, on_bytes, stop); !done)
      return named(std::move(done).error());
    Result<Json> frame = ParseJson(splitter.frame());
    if (!frame) return named(std::move(frame).error());
    token = FindString(*frame, {"metadata", "continue"});
    if (token.empty()) return FindString(*frame, {"metadata", "resourceVersion"});
  } while (!stop.stop_requested());
  return Fail(Code::kCancelled, "stopped");
}

Result<void> Api::Watch(const Resource& resource, const ListOptions& options,
                        std::string_view resource_version, std::chrono::seconds lifetime,
                        const std::function<Result<void>(std::string_view)>& on_line,
                        std::stop_token stop) const {
  LineSplitter lines;
  const auto on_bytes = [&](std::string_view bytes) { return lines.Feed(bytes, on_line); };
  const Result<Response> end = transport_.Stream(
      WatchRequest(resource, options, resource_version, lifetime), on_bytes, stop);
  if (end && end->status >= 200 && end->status < 300) return {};
  Error error = end ? ErrorFromResponse(*end) : end.error();
  return tl::unexpected(WithContext(What("watch", resource, Where(options)), std::move(error)));
}

Result<Json> Api::Create(const Resource& resource, const std::string& ns, const Json& object,
                         std::stop_token stop) const {
  const ObjectKey key{ns, FindString(object, {"metadata", "name"})};
  return Parsed("create", resource, ToString(key),
                Exchange(transport_, CreateRequest(resource, ns, object), stop));
}

Result<Json> Api::Apply(const Resource& resource, const ObjectKey& key, const Json& object,
                        std::stop_token stop) const {
  return Parsed("apply", resource, ToString(key),
                Exchange(transport_, ApplyRequest(resource, key, object), stop));
}

Result<Json> Api::ApplyStatus(const Resource& resource, const ObjectKey& key, const Json& status,
                              std::stop_token stop) const {
  return Parsed("apply status of", resource, ToString(key),
                Exchange(transport_, ApplyStatusRequest(resource, key, status), stop));
}

Result<Json> Api::MergePatch(const Resource& resource, const ObjectKey& key, const Json& patch,
                             std::stop_token stop, std::string_view subresource) const {
  return Parsed("patch", resource, ToString(key),
                Exchange(transport_, MergePatchRequest(resource, key, patch, subresource), stop));
}

Result<void> Api::Delete(const Resource& resource, const ObjectKey& key,
                         const DeleteOptions& options, std::stop_token stop) const {
  TRY_VOID(Named("delete", resource, ToString(key),
                 Exchange(transport_, DeleteRequest(resource, key, options), stop)));
  return {};
}

Result<std::string> Api::PodLog(const ObjectKey& pod, const LogOptions& options,
                                std::stop_token stop) const {
  Result<std::string> log = Named("read log of", kPods, ToString(pod),
                                  Exchange(transport_, PodLogRequest(pod, options), stop));
  // The API server says 400 while a container has not started; there is no log yet.
  if (!log && log.error().code == Code::kInvalid)
    return Fail(Code::kNotFound, std::move(log).error().message);
  return log;
}

}  // namespace holdfast::kube
