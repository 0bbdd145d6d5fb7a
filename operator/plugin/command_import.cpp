#include <spdlog/fmt/fmt.h>

#include "crds/types/backup_repository.h"
#include "operator/plugin/commands.h"
#include "operator/plugin/protection.h"

namespace holdfast::plugin {
namespace {

// A new value of `trigger` makes the operator look again, also when nothing else is new.
Json Wish(const ImportCommand& command, TimePoint now) {
  Json import = {{"newest", command.newest},
                 {"trigger", "kubectl-holdfast " + FormatTimeNanos(now)}};
  import["cluster"] = command.cluster.empty() ? Json() : Json(command.cluster);
  import["namespace"] = command.from_namespace.empty() ? Json() : Json(command.from_namespace);
  return {{"spec", {{"import", std::move(import)}}}};
}

// Whether it is over; the last import's Job is named after its wish.
Result<bool> Look(const crds::BackupRepository& repository, const std::string& before,
                  std::int64_t generation, Screen& screen, std::string& outcome) {
  const auto& last = repository.status.last_import;
  const bool ours =
      last && last->job != before && repository.status.observed_generation >= generation;
  if (!ours) {
    screen.Live({"Waiting for the operator"});
    return false;
  }
  outcome = last->message;
  screen.Live({"Looking for Backups: " + outcome});
  if (last->state == crds::RunState::kFailed)
    return Fail(Code::kUnavailable, "the import failed, and is tried again: " + last->message);
  return last->state == crds::RunState::kSucceeded;
}

}  // namespace

Result<void> Run(const Session& session, const ImportCommand& command) {
  TRY(const std::string name, RepositoryOf(session, command.repository));
  TRY(const auto before, GetObject<crds::BackupRepository>(session, name));
  const std::string last = before.status.last_import ? before.status.last_import->job : "";
  const kube::Resource& resource = controllers::ResourceOf<crds::BackupRepository>();
  TRY(const Json patched, PatchObject(session, resource, name, Wish(command, session.clock.Now())));
  if (!command.wait) {
    session.screen.Note("BackupRepository " + name +
                        " looks for Backups; see what came with: kubectl holdfast snapshots -n " +
                        session.ns + " bkr/" + name);
    return {};
  }
  const std::int64_t generation = FindInt(patched, {"metadata", "generation"}).value_or(0);
  std::string outcome;
  Json object;
  const auto look = [&](const Json& now) -> Result<bool> {
    object = now;
    TRY(const auto repository, crds::Decode<crds::BackupRepository>(now));
    return Look(repository, last, generation, session.screen, outcome);
  };
  const auto awaited = AwaitObject(session, resource, name, look);
  session.screen.ClearLive();
  TRY_VOID(awaited);
  session.screen.Note(fmt::format("BackupRepository {}: {}", name, outcome));
  if (session.output == OutputFormat::kTable) return {};
  return Print(session, {{"NAME", "OUTCOME"}, {{"bkr/" + name, outcome}}}, object);
}

}  // namespace holdfast::plugin
