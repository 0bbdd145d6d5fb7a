#include "operator/definitions.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "base/log.h"
#include "base/wording.h"
#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "crds/types/field_paths.h"
#include "crds/types/kinds.h"
#include "crds/types/restore.h"
#include "operator/kube/wait.h"

namespace holdfast::op {
namespace {

// How often to see whether an informer has begun anew, which costs no request.
constexpr std::chrono::seconds kTick{1};
// The published schema follows a changed definition by a moment, and a wrong one is looked at
// again.
constexpr int kTicksToSettle = 3;
constexpr int kTicksToRepeat = 5;
constexpr std::size_t kMostPathsNamed = 5;

constexpr const char* kNotYet = "CustomResourceDefinitions: not compared with this operator yet\n";

void Collect(const std::string& path, const Json& schema, std::set<std::string>& paths) {
  if (const Json* properties = Find(schema, {"properties"}))
    for (const auto& [name, property] : properties->items()) {
      paths.insert(path + "." + name);
      Collect(path + "." + name, property, paths);
    }
  for (const char* inner : {"items", "additionalProperties"})
    if (const Json* found = Find(schema, {inner}); found != nullptr && found->is_object())
      Collect(path + "[]", *found, paths);
}

std::string Some(const std::set<std::string>& paths) {
  return NameSome({paths.begin(), paths.end()}, kMostPathsNamed);
}

std::set<std::string> Without(const std::set<std::string>& all,
                              const std::set<std::string>& known) {
  std::set<std::string> rest;
  std::set_difference(all.begin(), all.end(), known.begin(), known.end(),
                      std::inserter(rest, rest.end()));
  return rest;
}

const Json* SchemaOfKind(const Json& document, std::string_view kind) {
  const Json* schemas = Find(document, {"components", "schemas"});
  if (schemas == nullptr || !schemas->is_object()) return nullptr;
  const auto found = schemas->find(fmt::format("dev.holdfast.{}.{}", crds::kVersion, kind));
  return found == schemas->end() ? nullptr : &*found;
}

template <typename Kind>
void Compare(const Json& document, std::string& problem, std::string& note) {
  const crds::KindInfo& info = crds::InfoOf<Kind>();
  const Json* schema = SchemaOfKind(document, info.kind);
  if (schema == nullptr) return;  // its informer says that it is missing
  const std::set<std::string> served = PathsOfSchema(*schema);
  const std::set<std::string> ours = crds::FieldPaths<Kind>();
  const std::string name = fmt::format("{}.{}", info.plural, info.group);
  if (const auto lacking = Without(ours, served); !lacking.empty())
    problem += fmt::format(
        "CustomResourceDefinition {} is older than this operator: it lacks {}. Apply this "
        "version's: kubectl apply --server-side -f crds/\n",
        name, Some(lacking));
  if (const auto unknown = Without(served, ours); !unknown.empty())
    note += fmt::format(
        "CustomResourceDefinition {} is newer than this operator, which leaves {} alone.\n", name,
        Some(unknown));
}

}  // namespace

std::set<std::string> PathsOfSchema(const Json& schema) {
  std::set<std::string> paths;
  for (const char* part : {"spec", "status"})
    if (const Json* found = Find(schema, {"properties", part})) Collect(part, *found, paths);
  return paths;
}

Definitions::Definitions(const kube::Api& api, const std::vector<kube::InformerBase*>& informers)
    : api_(api), problem_(kNotYet) {
  for (kube::InformerBase* informer : informers)
    if (informer->resource().group == crds::kGroup) informers_.push_back(informer);
}

std::string Definitions::Problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

std::string Definitions::Note() const {
  const std::lock_guard lock(mutex_);
  return note_;
}

std::uint64_t Definitions::Begun() const {
  std::uint64_t begun = 0;
  for (const kube::InformerBase* informer : informers_) begun += informer->Begun();
  return begun;
}

void Definitions::Run(std::stop_token stop) {
  std::uint64_t seen = Begun();
  int ticks = 0;  // until the next look; 0 for none planned
  Look(stop);
  while (kube::WaitFor(kTick, stop)) {
    if (const std::uint64_t begun = Begun(); begun != seen) {
      seen = begun;
      ticks = kTicksToSettle;
    }
    if (ticks > 0 && --ticks == 0) Look(stop);
    if (ticks == 0 && !Problem().empty()) ticks = kTicksToRepeat;
  }
}

void Definitions::Look(std::stop_token stop) {
  kube::Request request;
  request.path = fmt::format("/openapi/v3/apis/{}/{}", crds::kGroup, crds::kVersion);
  const Result<kube::Response> response = api_.transport().Send(request, stop);
  if (!response) return;  // the informers say that the API server cannot be reached
  std::string problem;
  std::string note;
  if (response->status == 200) {
    const Result<Json> document = ParseJsonObjects(response->body);
    if (!document) return;
    Compare<crds::BackupRepository>(*document, problem, note);
    Compare<crds::BackupPolicy>(*document, problem, note);
    Compare<crds::Backup>(*document, problem, note);
    Compare<crds::Restore>(*document, problem, note);
  } else if (response->status >= 500 || response->status == 429) {
    return;
  }
  Tell(std::move(problem), std::move(note));
}

void Definitions::Tell(std::string problem, std::string note) {
  std::string was_problem;
  std::string was_note;
  {
    const std::lock_guard lock(mutex_);
    was_problem = std::exchange(problem_, problem);
    was_note = std::exchange(note_, note);
  }
  if (problem != was_problem && !problem.empty())
    Log(spdlog::level::err, "definitions", problem.substr(0, problem.size() - 1));
  if (problem.empty() && !was_problem.empty() && was_problem != kNotYet)
    Log(spdlog::level::info, "definitions", "the CustomResourceDefinitions are up to date now");
  if (note != was_note && !note.empty())
    Log(spdlog::level::warn, "definitions", note.substr(0, note.size() - 1));
}

}  // namespace holdfast::op
