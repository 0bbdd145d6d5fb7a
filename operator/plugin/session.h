// What every command works with, and the requests they share.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "controllers/kinds.h"
#include "operator/kube/api.h"
#include "operator/kube/exec.h"
#include "operator/plugin/object_name.h"
#include "operator/plugin/screen.h"
#include "operator/plugin/table.h"

namespace date {
class time_zone;
}

namespace holdfast::plugin {

// All outlives the command. One thread.
struct Session {
  const kube::Api& api;
  kube::Executor& executor;
  const Clock& clock;
  Screen& screen;
  const date::time_zone& zone;
  std::string ns;
  bool all_namespaces = false;
  OutputFormat output = OutputFormat::kTable;
  bool yes = false;  // nothing is asked
  std::stop_token stop;
};

// With what to do next, where the code tells: rights that are missing, Holdfast not installed.
Error Advise(Error error);

template <typename Kind>
Result<Kind> GetObject(const Session& session, const std::string& name) {
  auto object = session.api.Get(controllers::ResourceOf<Kind>(), {session.ns, name}, session.stop);
  if (!object) return tl::make_unexpected(Advise(std::move(object).error()));
  return crds::Decode<Kind>(*object);
}

// Of the session's namespace, or of all.
template <typename Kind>
Result<std::vector<Kind>> ListObjects(const Session& session) {
  std::vector<Kind> objects;
  kube::ListOptions options;
  if (!session.all_namespaces) options.ns = session.ns;
  const auto keep = [&](const Json& json) -> Result<void> {
    TRY(Kind object, crds::Decode<Kind>(json));
    objects.push_back(std::move(object));
    return {};
  };
  const auto listed =
      session.api.List(controllers::ResourceOf<Kind>(), options, keep, session.stop);
  if (!listed) return tl::make_unexpected(Advise(listed.error()));
  return objects;
}

// As stored. Objects that people make carry the field manager kubectl-holdfast.
Result<Json> CreateObject(const Session& session, const kube::Resource& resource, Json object);
Result<Json> PatchObject(const Session& session, const kube::Resource& resource,
                         const std::string& name, const Json& patch);

// Shows the object as it is now, and then each change, until `look` says that it has seen enough.
// NotFound when the object goes. Watches come again by themselves for as long as it takes.
Result<void> AwaitObject(const Session& session, const kube::Resource& resource,
                         const std::string& name,
                         const std::function<Result<bool>(const Json&)>& look);

// By the session's format: the table for people, or `json` as one document.
Result<void> Print(const Session& session, const Table& table, const Json& json);
// {"apiVersion": "v1", "kind": "List", "items": [...]}
Json ListOf(std::vector<Json> items);

}  // namespace holdfast::plugin
