#include <algorithm>

#include "controllers/repository/import.h"
#include "crds/types/backup_repository.h"
#include "operator/plugin/choose.h"
#include "operator/plugin/commands.h"
#include "operator/plugin/progress.h"
#include "operator/plugin/protection.h"
#include "operator/plugin/restore_preview.h"
#include "operator/plugin/time_words.h"

namespace holdfast::plugin {
namespace {

using controllers::restore::Resolution;
using controllers::restore::World;

// Where the data comes from, by what was typed; reads what that needs into `world`.
Result<crds::RestoreSource> ReadSource(const Session& session, const RestoreCommand& command,
                                       const ObjectName& what, World& world) {
  crds::RestoreSource source;
  source.backup = what.kind == ObjectKind::kBackup ? what.name : command.backup;
  if (source.backup.starts_with("bk/")) source.backup.erase(0, 3);
  if (!source.backup.empty()) {
    TRY(world.backup, GetObject<crds::Backup>(session, source.backup));
    return source;
  }
  TRY(const Protection protection, FindProtection(session, command.what, command.policy));
  source.policy = protection.policy.metadata.name;
  source.previous = command.previous;
  if (!command.as_of.empty()) {
    TRY(source.as_of, ParseTimeWords(command.as_of, session.clock.Now(), session.zone));
  }
  world.policy = protection.policy;
  TRY(auto backups, ListObjects<crds::Backup>(session));
  for (crds::Backup& backup : backups)
    if (backup.spec.policy == source.policy) world.backups.push_back(std::move(backup));
  TRY(const auto repositories, ListObjects<crds::BackupRepository>(session));
  TRY(const auto restores, ListObjects<crds::Restore>(session));
  const std::string promotions = controllers::repository::Promotions(restores);
  for (const crds::BackupRepository& repository : repositories)
    if (!controllers::repository::IsImported(repository, promotions))
      world.importing = repository.metadata.name;
  return source;
}

Result<World> ReadWorld(const Session& session, const RestoreCommand& command) {
  TRY(const ObjectName what, ParseObjectName(command.what, ObjectKind::kStatefulSet));
  World world;
  world.now = std::chrono::floor<std::chrono::seconds>(session.clock.Now());
  world.restore.metadata.namespace_ = session.ns;
  const bool set = what.kind == ObjectKind::kStatefulSet;
  TRY(const RestoreTargets targets, TargetsOf(command, set ? what.name : ""));
  crds::RestoreSpec& spec = world.restore.spec;
  spec.target.stateful_set = targets.stateful_set;
  spec.target.claims = targets.claims;
  spec.paths = command.paths;
  // In place, whole: as it was, without what came since.
  spec.delete_extra = !command.keep_extra && command.paths.empty() && command.into.empty();
  if (!targets.stateful_set.empty()) {
    TRY(world.set, FindStatefulSet(session, targets.stateful_set));
    if (!world.set)
      return Fail(Code::kNotFound, "there is no StatefulSet " + targets.stateful_set +
                                       " in namespace " + session.ns +
                                       "; create it first, with replicas: 0 if it must not start "
                                       "yet, or restore into claims with --into");
  }
  TRY(spec.source, ReadSource(session, command, what, world));
  return world;
}

// As the operator will.
Result<Resolution> FindWhat(World& world, const Session& session) {
  auto resolution = controllers::restore::Resolve(world);
  if (!resolution) return Fail(Code::kNotFound, resolution.error().message);
  auto repository = GetObject<crds::BackupRepository>(session, resolution->repository);
  if (repository) world.repository = *std::move(repository);
  return *std::move(resolution);
}

// The spec as people write it: what is the default is left out.
Json RestoreObject(const RestoreCommand& command, const World& world,
                   const crds::RestoreSource& source) {
  crds::Restore restore = world.restore;
  restore.spec.source = source;
  const Json whole = crds::Encode(restore);
  const Json& spec = whole["spec"];
  Json wanted = {{"source", spec["source"]}, {"target", spec["target"]}};
  for (const char* field : {"paths", "deleteExtra"})
    if (spec.contains(field) && !spec[field].empty() && spec[field] != false)
      wanted[field] = spec[field];
  Json metadata = {{"labels", {{"app.kubernetes.io/created-by", "kubectl-holdfast"}}}};
  const std::string& set = restore.spec.target.stateful_set;
  if (command.name.empty())
    metadata["generateName"] = (set.empty() ? "restore" : set.substr(0, 50)) + "-";
  else
    metadata["name"] = command.name;
  return {{"apiVersion", std::string(crds::kApiVersion)},
          {"kind", "Restore"},
          {"metadata", std::move(metadata)},
          {"spec", std::move(wanted)}};
}

Result<bool> Agreed(const Session& session, const std::vector<std::string>& preview) {
  for (const std::string& line : preview) session.screen.Note(Plain(line));
  if (session.yes) return true;
  return session.screen.Confirm("Go on?");
}

}  // namespace

Result<void> Run(const Session& session, const RestoreCommand& command) {
  if (session.all_namespaces)
    return Fail(Code::kInvalid, "a Restore is of one namespace: write -n NAMESPACE instead of -A");
  TRY(World world, ReadWorld(session, command));
  TRY(const Resolution resolution, FindWhat(world, session));
  TRY(const bool agreed, Agreed(session, Preview(world, resolution, session.zone)));
  if (!agreed) return Fail(Code::kCancelled, "nothing was done");
  TRY(Json restore, CreateObject(session, controllers::ResourceOf<crds::Restore>(),
                                 RestoreObject(command, world, Pinned(world, resolution))));
  const std::string name = FindString(restore, {"metadata", "name"});
  session.screen.Note("restore.holdfast.dev/" + name + " created" +
                      (command.wait ? ""
                                    : "; see how it goes with: kubectl holdfast status -n " +
                                          session.ns + " rst/" + name + " --wait"));
  if (command.wait) {
    TRY(restore, FollowRestore(session, name));
  }
  if (session.output == OutputFormat::kTable) return {};
  return Print(session, {{"NAME"}, {{"rst/" + name}}}, restore);
}

}  // namespace holdfast::plugin
