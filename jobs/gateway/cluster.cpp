#include "jobs/gateway/cluster.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "jobs/protocol/args.h"
#include "jobs/storage/text_file.h"

namespace holdfast::gateway {
namespace {

// A request is one of a client's that waits.
constexpr std::chrono::seconds kTimeLimit{10};
constexpr std::uint64_t kMaxAnswer = 2 << 20;  // of an object: etcd takes no larger ones

std::vector<std::string> StringsAt(const Json& value,
                                   std::initializer_list<std::string_view> path) {
  std::vector<std::string> strings;
  const Json* list = Find(value, path);
  if (list == nullptr || !list->is_array()) return strings;
  for (const Json& item : *list)
    if (item.is_string()) strings.push_back(item.get<std::string>());
  return strings;
}

bool IsAt(const Json& value, std::initializer_list<std::string_view> path, bool expected) {
  const Json* found = Find(value, path);
  return found != nullptr && *found == expected;
}

Definition DefinitionOf(const Json& object) {
  Definition definition;
  definition.location = FindString(object, {"status", "location"});
  definition.region = FindString(object, {"spec", "s3", "region"});
  definition.virtual_host_style = IsAt(object, {"spec", "s3", "forcePathStyle"}, false);
  definition.namespaces = StringsAt(object, {"spec", "shareWith", "namespaces"});
  return definition;
}

class ByApiServer final : public Cluster {
 public:
  ByApiServer(ApiServer server, std::string ns, std::string name)
      : server_(std::move(server)),
        path_(fmt::format("/apis/holdfast.dev/v1alpha1/namespaces/{}/backuprepositories/{}", ns,
                          name)),
        http_({.ca_file = server_.ca_file,
               .endpoint_setting = "KUBERNETES_SERVICE_HOST",
               .ca_setting = "the service account's ca.crt",
               .use_proxy = false}) {}

  // An API server that does not know of audiences answers without any, and would let any token in.
  Result<std::string> UserOf(const std::string& token, std::stop_token stop) override {
    const Json question = {
        {"apiVersion", "authentication.k8s.io/v1"},
        {"kind", "TokenReview"},
        {"spec", {{"token", token}, {"audiences", {protocol::kGatewayAudience}}}}};
    TRY(const Json answer,
        Ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", DumpJson(question), stop));
    const auto audiences = StringsAt(answer, {"status", "audiences"});
    if (!IsAt(answer, {"status", "authenticated"}, true) ||
        std::ranges::find(audiences, protocol::kGatewayAudience) == audiences.end())
      return Fail(Code::kDenied, fmt::format("the API server knows no such token for the audience "
                                             "{}, or it has expired",
                                             protocol::kGatewayAudience));
    return FindString(answer, {"status", "user", "username"});
  }

  Result<Definition> ReadDefinition(std::stop_token stop) override {
    TRY(const Json object, Ask("GET", path_, "", stop));
    return DefinitionOf(object);
  }

 private:
  Result<Json> Ask(const char* method, const std::string& path, const std::string& body,
                   const std::stop_token& stop) {
    TRY(std::string token, storage::ReadTextFile(server_.token_file));
    while (token.ends_with('\n')) token.pop_back();
    const storage::HttpRequest request{method,
                                       server_.url + path,
                                       {{"authorization", "Bearer " + token},
                                        {"content-type", "application/json"},
                                        {"accept", "application/json"}},
                                       AsBytes(body),
                                       kMaxAnswer,
                                       kTimeLimit};
    TRY(const storage::HttpResponse response, http_.Send(request, stop));
    const std::string what = fmt::format("{} {}", method, path);
    if (response.status == 404) return Fail(Code::kNotFound, what + ": there is none");
    if (response.status == 401 || response.status == 403)
      return Fail(Code::kInternal, what + ": the API server denies the gateway's service account");
    if (!response.IsSuccess())
      return Fail(Code::kUnavailable, fmt::format("{}: answered {}", what, response.status));
    return ParseJson(AsText(response.body));
  }

  const ApiServer server_;
  const std::string path_;
  storage::Http http_;
};

}  // namespace

std::unique_ptr<Cluster> MakeCluster(ApiServer server, std::string ns, std::string name) {
  return std::make_unique<ByApiServer>(std::move(server), std::move(ns), std::move(name));
}

}  // namespace holdfast::gateway
