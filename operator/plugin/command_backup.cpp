#include <algorithm>

#include "operator/plugin/commands.h"
#include "operator/plugin/progress.h"
#include "operator/plugin/protection.h"

namespace holdfast::plugin {
namespace {

// CLI11 takes the type in any case; the API does not.
std::string TypeName(const std::string& type) {
  for (const std::string_view name : crds::Names(crds::BackupType{}))
    if (std::ranges::equal(type, name, [](char a, char b) { return (a | 0x20) == (b | 0x20); }))
      return std::string(name);
  return type;
}

Json BackupObject(const BackupCommand& command, const std::string& policy) {
  Json metadata = {{"labels", {{"app.kubernetes.io/created-by", "kubectl-holdfast"}}}};
  if (command.name.empty())
    metadata["generateName"] = policy.substr(0, 50) + "-manual-";
  else
    metadata["name"] = command.name;
  Json spec = {{"policy", policy}, {"type", TypeName(command.type)}};
  if (command.pinned) spec["pinned"] = true;
  return {{"apiVersion", std::string(crds::kApiVersion)},
          {"kind", "Backup"},
          {"metadata", std::move(metadata)},
          {"spec", std::move(spec)}};
}

}  // namespace

Result<void> Run(const Session& session, const BackupCommand& command) {
  TRY(const Protection protection, FindProtection(session, command.what, command.policy));
  TRY(Json backup, CreateObject(session, controllers::ResourceOf<crds::Backup>(),
                                BackupObject(command, protection.policy.metadata.name)));
  const std::string name = FindString(backup, {"metadata", "name"});
  session.screen.Note("backup.holdfast.dev/" + name + " created" +
                      (command.wait ? ""
                                    : "; see how it goes with: kubectl holdfast status -n " +
                                          session.ns + " bk/" + name + " --wait"));
  if (command.wait) {
    TRY(backup, FollowBackup(session, name));
  }
  if (session.output == OutputFormat::kTable) return {};
  return Print(session, {{"NAME"}, {{"bk/" + name}}}, backup);
}

}  // namespace holdfast::plugin
