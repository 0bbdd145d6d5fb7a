#include "operator/kube/request.h"

#include <utility>

#include "operator/kube/api.h"

namespace holdfast::kube {
namespace {

// The API server sends a bookmark every minute; a watch without one is dead, whatever its
// connection says.
constexpr std::chrono::seconds kWatchSilence{100};
// A page of a big list can take the server longer than one object.
constexpr std::chrono::seconds kListTimeout{60};
// The API server asks the pod's node, which may be gone; who asks for a log must not wait for that.
constexpr std::chrono::seconds kLogTimeout{2};

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// "a=1&b=2" of the values that are not empty.
class Query {
 public:
  Query& Add(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    if (!text_.empty()) text_ += '&';
    text_.append(name).append("=").append(PercentEncode(value));
    return *this;
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

Query Selectors(const ListOptions& options) {
  Query query;
  query.Add("labelSelector", options.label_selector).Add("fieldSelector", options.field_selector);
  return query;
}

Request WithBody(Method method, std::string path, const Json& body, std::string content_type) {
  Request request;
  request.method = method;
  request.path = std::move(path);
  request.body = DumpJson(body);
  request.content_type = std::move(content_type);
  return request;
}

}  // namespace

std::string_view MethodName(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
  }
  return "GET";
}

std::string PercentEncode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (IsUnreserved(c)) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

bool IsProperPath(std::string_view path) {
  if (!path.starts_with('/') || path.find("%2F") != path.npos) return false;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment.empty() || segment == "." || segment == "..") return false;
    path.remove_prefix(segment.size());
  }
  return true;
}

std::string CollectionPath(const Resource& resource, std::string_view ns) {
  std::string path =
      resource.group.empty() ? "/api/" : "/apis/" + PercentEncode(resource.group) + "/";
  path += PercentEncode(resource.version);
  if (!ns.empty()) path += "/namespaces/" + PercentEncode(ns);
  return path + "/" + PercentEncode(resource.plural);
}

std::string ObjectPath(const Resource& resource, const ObjectKey& key,
                       std::string_view subresource) {
  std::string path = CollectionPath(resource, key.ns) + "/" + PercentEncode(key.name);
  if (!subresource.empty()) path += "/" + PercentEncode(subresource);
  return path;
}

Request GetRequest(const Resource& resource, const ObjectKey& key) {
  Request request;
  request.path = ObjectPath(resource, key);
  return request;
}

Request GroupRequest(std::string_view group) {
  Request request;
  request.path = "/apis/" + PercentEncode(group);
  return request;
}

Request ListRequest(const Resource& resource, const ListOptions& options,
                    std::string_view continue_token) {
  Request request;
  request.path = CollectionPath(resource, options.ns);
  Query query = Selectors(options);
  query.Add("limit", std::to_string(options.page_size)).Add("continue", continue_token);
  // The pages that follow are of the same version as the first.
  if (continue_token.empty() && !options.not_older_than.empty())
    query.Add("resourceVersion", options.not_older_than)
        .Add("resourceVersionMatch", "NotOlderThan");
  request.query = query.Take();
  request.timeout = kListTimeout;
  return request;
}

Request WatchRequest(const Resource& resource, const ListOptions& options,
                     std::string_view resource_version, std::chrono::seconds lifetime) {
  Request request;
  request.path = CollectionPath(resource, options.ns);
  request.query = Selectors(options)
                      .Add("watch", "1")
                      .Add("allowWatchBookmarks", "true")
                      .Add("resourceVersion", resource_version)
                      .Add("timeoutSeconds", std::to_string(lifetime.count()))
                      .Take();
  request.timeout = kWatchSilence;
  return request;
}

Request CreateRequest(const Resource& resource, const std::string& ns, const Json& object) {
  Request request =
      WithBody(Method::kPost, CollectionPath(resource, ns), object, "application/json");
  request.query = Query().Add("fieldManager", kFieldManager).Take();
  return request;
}

Request ApplyRequest(const Resource& resource, const ObjectKey& key, const Json& object,
                     std::string_view subresource) {
  Request request = WithBody(Method::kPatch, ObjectPath(resource, key, subresource), object,
                             "application/apply-patch+yaml");
  request.query = Query().Add("fieldManager", kFieldManager).Add("force", "true").Take();
  return request;
}

Request ApplyStatusRequest(const Resource& resource, const ObjectKey& key, const Json& status) {
  Json object = {{"apiVersion", resource.ApiVersion()},
                 {"kind", resource.kind},
                 {"metadata", {{"name", key.name}}},
                 {"status", status}};
  if (!key.ns.empty()) object["metadata"]["namespace"] = key.ns;
  return ApplyRequest(resource, key, object, "status");
}

Request MergePatchRequest(const Resource& resource, const ObjectKey& key, const Json& patch,
                          std::string_view subresource) {
  Request request = WithBody(Method::kPatch, ObjectPath(resource, key, subresource), patch,
                             "application/merge-patch+json");
  request.query = Query().Add("fieldManager", kFieldManager).Take();
  return request;
}

Request DeleteRequest(const Resource& resource, const ObjectKey& key,
                      const DeleteOptions& options) {
  Json body = {
      {"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", options.propagation}};
  if (!options.uid.empty()) body["preconditions"] = {{"uid", options.uid}};
  return WithBody(Method::kDelete, ObjectPath(resource, key), body, "application/json");
}

Request PodLogRequest(const ObjectKey& pod, const LogOptions& options) {
  Request request;
  request.path = ObjectPath(kPods, pod, "log");
  request.timeout = kLogTimeout;
  request.query = Query()
                      .Add("container", options.container)
                      .Add("tailLines", std::to_string(options.tail_lines))
                      .Add("limitBytes", std::to_string(options.limit_bytes))
                      .Take();
  return request;
}

}  // namespace holdfast::kube
