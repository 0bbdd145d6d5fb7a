#include "operator/plugin/commands.h"
#include "operator/plugin/protection_report.h"

namespace holdfast::plugin {

Result<void> Run(const Session& session, const ReportCommand&) {
  Protected world;
  TRY(world.policies, ListObjects<crds::BackupPolicy>(session));
  TRY(world.repositories, ListObjects<crds::BackupRepository>(session));
  kube::ListOptions options;
  if (!session.all_namespaces) options.ns = session.ns;
  auto sets = controllers::ListAll<controllers::StatefulSetView>(
      session.api, kube::kStatefulSets, options, controllers::DecodeStatefulSet, session.stop);
  if (sets)
    world.sets = *std::move(sets);
  else if (sets.error().code == Code::kDenied)
    session.screen.Note(
        "You may not list StatefulSets here: those that no policy protects are missing.");
  else
    return tl::make_unexpected(Advise(std::move(sets).error()));
  const TimePoint now = session.clock.Now();
  TRY_VOID(Print(session, PolicyTable(world, now, session.all_namespaces), ReportJson(world)));
  const bool people =
      session.output == OutputFormat::kTable || session.output == OutputFormat::kWide;
  if (!people || world.repositories.empty()) return {};
  TRY_VOID(session.screen.Write("\n"));
  return Print(session, RepositoryTable(world, now, session.all_namespaces), {});
}

}  // namespace holdfast::plugin
