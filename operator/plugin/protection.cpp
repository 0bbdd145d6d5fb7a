#include "operator/plugin/protection.h"

#include <algorithm>

#include "crds/types/backup_repository.h"
#include "operator/plugin/choose.h"
#include "operator/plugin/time_words.h"

namespace holdfast::plugin {
namespace {

constexpr std::size_t kLeastDigits = 8;
constexpr std::size_t kMostDigits = 64;

bool IsSnapshotId(const std::string& text) {
  return text.size() >= kLeastDigits && text.size() <= kMostDigits &&
         text.find_first_not_of("0123456789abcdef") == text.npos;
}

Result<ReadableSnapshots> Readable(const crds::Backup& backup, const std::string& claim) {
  if (backup.status.phase == crds::BackupPhase::kPending ||
      backup.status.phase == crds::BackupPhase::kRunning)
    return Fail(Code::kUnavailable,
                "Backup " + backup.metadata.name +
                    " is still running; wait with: kubectl holdfast status bk/" +
                    backup.metadata.name + " --wait");
  ReadableSnapshots readable{backup.status.repository, "Backup " + backup.metadata.name, {}};
  if (!claim.empty()) {
    TRY(auto volume, VolumeIn(backup, claim));
    readable.volumes.push_back(std::move(volume));
    return readable;
  }
  for (const crds::VolumeBackup& volume : backup.status.volumes)
    if (!volume.snapshot.empty()) readable.volumes.push_back(volume);
  if (readable.volumes.empty())
    return Fail(Code::kNotFound, "Backup " + backup.metadata.name +
                                     " has no snapshot; see why with: kubectl holdfast status bk/" +
                                     backup.metadata.name);
  return readable;
}

}  // namespace

Result<std::optional<controllers::StatefulSetView>> FindStatefulSet(const Session& session,
                                                                    const std::string& name) {
  const auto object = session.api.Get(kube::kStatefulSets, {session.ns, name}, session.stop);
  if (!object && IsAbsent(object.error())) return std::nullopt;
  if (!object) return tl::make_unexpected(Advise(object.error()));
  TRY(auto set, controllers::DecodeStatefulSet(*object));
  return set;
}

Result<Protection> FindProtection(const Session& session, const std::string& what,
                                  const std::string& policy) {
  TRY(const ObjectName name, ParseObjectName(what, ObjectKind::kStatefulSet));
  if (name.kind == ObjectKind::kPolicy) {
    TRY(auto found, GetObject<crds::BackupPolicy>(session, name.name));
    return Protection{std::move(found), std::nullopt};
  }
  if (name.kind != ObjectKind::kStatefulSet)
    return Fail(Code::kInvalid, what + " is neither sts/NAME nor bkp/NAME");
  TRY(auto set, FindStatefulSet(session, name.name));
  Session here = session;
  here.all_namespaces = false;
  TRY(const auto policies, ListObjects<crds::BackupPolicy>(here));
  TRY(auto found, PolicyFor(policies, name.name, set ? &*set : nullptr, policy));
  return Protection{std::move(found), std::move(set)};
}

Result<ReadableSnapshots> FindSnapshots(const Session& session, const FileSource& source) {
  if (IsSnapshotId(source.what)) {
    TRY(auto repository, RepositoryOf(session, source.repository));
    crds::VolumeBackup volume;
    volume.claim = source.claim;
    volume.snapshot = source.what;
    return ReadableSnapshots{std::move(repository), "snapshot " + source.what, {volume}};
  }
  TRY(const ObjectName name, ParseObjectName(source.what, ObjectKind::kBackup));
  if (name.kind == ObjectKind::kBackup) {
    TRY(const auto backup, GetObject<crds::Backup>(session, name.name));
    return Readable(backup, source.claim);
  }
  TRY(const Protection protection, FindProtection(session, source.what, source.policy));
  std::optional<TimePoint> as_of;
  if (!source.as_of.empty()) {
    TRY(as_of, ParseTimeWords(source.as_of, session.clock.Now(), session.zone));
  }
  Session here = session;
  here.all_namespaces = false;
  TRY(const auto backups, ListObjects<crds::Backup>(here));
  TRY(const auto backup, BackupAt(backups, protection.policy.metadata.name, as_of));
  return Readable(backup, source.claim);
}

Result<std::string> RepositoryOf(const Session& session, const std::string& name) {
  if (!name.empty()) {
    TRY(const ObjectName parsed, ParseObjectName(name, ObjectKind::kRepository));
    if (parsed.kind != ObjectKind::kRepository)
      return Fail(Code::kInvalid, name + " is no BackupRepository: write bkr/NAME");
    return parsed.name;
  }
  Session here = session;
  here.all_namespaces = false;
  TRY(const auto repositories, ListObjects<crds::BackupRepository>(here));
  if (repositories.size() == 1) return repositories.front().metadata.name;
  return Fail(Code::kInvalid, repositories.empty()
                                  ? "there is no BackupRepository in namespace " + session.ns
                                  : "there are several BackupRepositories in namespace " +
                                        session.ns + "; say which one with --repository");
}

}  // namespace holdfast::plugin
