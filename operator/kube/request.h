// Requests to the Kubernetes API as text: paths, queries and bodies (API concepts, "Resource
// URIs"), made without I/O.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/json.h"
#include "operator/kube/object_key.h"
#include "operator/kube/transport.h"

namespace holdfast::kube {

// The field manager of every write (Server-Side Apply).
inline constexpr const char* kFieldManager = "holdfast";

struct ListOptions {
  std::string ns;              // empty lists all namespaces
  std::string label_selector;  // "holdfast.dev/policy=hourly,app"
  std::string field_selector;
  int page_size = 500;
  // How new the answer has to be: empty for the latest state, for which the API server may have to
  // wait (since Kubernetes 1.31 it answers from its cache once etcd has confirmed that this is up
  // to date, 100 ms at worst); a version for that one or any later; kAnyVersion for what it has in
  // memory, at once: that may be behind.
  std::string not_older_than;
};

inline constexpr const char* kAnyVersion = "0";

struct DeleteOptions {
  std::string uid;  // precondition: only this very object; empty for none
  // "Background" also deletes what the object owns, after it; "Foreground" before it.
  std::string propagation = "Background";
};

struct LogOptions {
  std::string container;
  int tail_lines = 20;
  int limit_bytes = 16384;
};

// "GET", "POST", ...
std::string_view MethodName(Method method);

// Every byte but RFC 3986's unreserved characters becomes %XX, so that the text may stand as one
// path segment or one query value.
std::string PercentEncode(std::string_view text);

// Whether every segment of a request's path names one thing: not empty, not "." or "..", and
// without a slash, which servers take for the end of a segment even when it is encoded. Names that
// were read from a repository may be anything.
bool IsProperPath(std::string_view path);

std::string CollectionPath(const Resource& resource, std::string_view ns);
std::string ObjectPath(const Resource& resource, const ObjectKey& key,
                       std::string_view subresource = "");

Request GetRequest(const Resource& resource, const ObjectKey& key);
// Which versions of an API group are served.
Request GroupRequest(std::string_view group);
// One page; `continue_token` is empty for the first.
Request ListRequest(const Resource& resource, const ListOptions& options,
                    std::string_view continue_token);
// A watch with bookmarks that the server ends after `lifetime`.
Request WatchRequest(const Resource& resource, const ListOptions& options,
                     std::string_view resource_version, std::chrono::seconds lifetime);
Request CreateRequest(const Resource& resource, const std::string& ns, const Json& object);
// Server-Side Apply with force.
Request ApplyRequest(const Resource& resource, const ObjectKey& key, const Json& object,
                     std::string_view subresource = "");
Request ApplyStatusRequest(const Resource& resource, const ObjectKey& key, const Json& status);
Request MergePatchRequest(const Resource& resource, const ObjectKey& key, const Json& patch,
                          std::string_view subresource);
Request DeleteRequest(const Resource& resource, const ObjectKey& key, const DeleteOptions& options);
Request PodLogRequest(const ObjectKey& pod, const LogOptions& options);

}  // namespace holdfast::kube
