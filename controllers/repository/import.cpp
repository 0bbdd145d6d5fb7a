#include "controllers/repository/import.h"

#include <algorithm>

#include "base/hash.h"
#include "base/wording.h"
#include "controllers/backup/imported.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/reasons.h"

namespace holdfast::controllers::repository {
namespace {

using crds::RepositoryRun;
using crds::RunState;

constexpr std::size_t kHashDigits = 8;
constexpr std::size_t kSeenDigits = 6;
constexpr std::size_t kShortId = 8;
constexpr std::size_t kMaxName = 253;
constexpr int kRetries = 3;
// Snapshots are small, but each is an object of its own: ten thousand take minutes.
constexpr std::chrono::hours kDeadline{1};
// After so long without news the Job that waits for them is made anew, as nodes and Secrets change.
constexpr std::chrono::hours kPatience{6};

// The same for the same wish, so that an operator that was killed finds the Job again.
std::string WishOf(const crds::BackupRepository& repository, const std::string& promotions) {
  const crds::ImportSpec& wish = *repository.spec.imports;
  const std::string text = repository.metadata.uid + "/" + wish.cluster + "/" + wish.namespace_ +
                           "/" + std::to_string(wish.newest) + "/" + wish.trigger;
  return ShortHash(promotions.empty() ? text : text + "/" + promotions, kHashDigits);
}

// The Job that lists at once; and the one that waits until the list is another than `seen`, which
// is another for another spec (every, Secrets, resources), since it would wait on with the old one.
std::string ImportJobName(const crds::BackupRepository& repository, const std::string& wish) {
  return JobName(repository.metadata.name, "import-" + wish);
}
std::string WaitingJobName(const crds::BackupRepository& repository, const std::string& wish,
                           const std::string& seen) {
  const std::string what = seen + "/" + std::to_string(repository.metadata.generation);
  return JobName(repository.metadata.name, "import-" + wish + "-" + ShortHash(what, kSeenDigits));
}

// status.importSeen is "<wish>-<digest>". The digest, when it is of this wish; empty for none.
std::string SeenOf(const crds::BackupRepositoryStatus& status, const std::string& wish) {
  const std::string prefix = wish + "-";
  return status.import_seen.starts_with(prefix) ? status.import_seen.substr(prefix.size()) : "";
}

bool IsDone(const crds::BackupRepository& repository, const crds::BackupRepositoryStatus& status,
            const std::string& wish) {
  const auto& last = status.last_import;
  return last && last->state == RunState::kSucceeded &&
         (!SeenOf(status, wish).empty() || last->job == ImportJobName(repository, wish));
}

const MoverRun* FindRun(const World& world, const std::string& name) {
  for (const MoverRun& run : world.imports)
    if (run.job.key.name == name) return &run;
  return nullptr;
}

// A damaged snapshot costs itself alone; the others were listed.
bool ListedAnything(const MoverRun& run) {
  if (run.state.phase == MoverPhase::kSucceeded) return true;
  return run.state.phase == MoverPhase::kFailed && run.state.result &&
         run.state.result->exit == protocol::ExitCode::kCorrupt;
}

// What there is to say once all that was listed is here.
std::string Outcome(const MoverRun& run, const std::vector<protocol::BackupRecord>& listed) {
  std::string text = listed.empty() ? "no Backups found"
                                    : Counted(listed.size(), "Backup") + " found, and all are here";
  if (!run.state.result) return text;
  std::size_t snapshots = 0;
  for (const protocol::BackupRecord& record : listed) snapshots += record.volumes.size();
  if (run.state.result->more) text += "; older ones were left out (spec.import.newest)";
  if (run.state.result->snapshots > snapshots)
    text += "; the list was longer than a log may be, and " +
            Counted(run.state.result->snapshots - snapshots, "snapshot at its end is",
                    "snapshots at its end are") +
            " missing";
  if (!run.state.result->message.empty()) text += "; " + run.state.result->message;
  return text;
}

class Import {
 public:
  Import(const World& world, const Settings& settings, Plan& plan)
      : world_(world), settings_(settings), plan_(plan) {}

  void Decide() {
    const crds::BackupRepository& repository = world_.repository;
    if (!repository.spec.imports) {
      plan_.status.last_import.reset();
      plan_.status.import_seen.clear();
      RemoveAllBut("");
      return;
    }
    const std::string wish = WishOf(repository, world_.promotions);
    seen_ = SeenOf(plan_.status, wish);
    name_ =
        seen_.empty() ? ImportJobName(repository, wish) : WaitingJobName(repository, wish, seen_);
    const bool needed = world_.followed || !IsDone(repository, plan_.status, wish);
    RemoveAllBut(needed ? name_ : "");
    if (needed) Go(FindRun(world_, name_));
  }

 private:
  void Go(const MoverRun* run) {
    if (run == nullptr) return Start();
    if (ListedAnything(*run)) {
      if (IsNews(*run))
        plan_.read_import = *run;
      else if (!run->job.deleting)
        plan_.remove.push_back(run->job);
      return;
    }
    if (run->state.phase == MoverPhase::kFailed) return TryAgainLater(*run);
    if (seen_.empty()) Note(RunState::kRunning, run->state.message);
  }

  bool IsNews(const MoverRun& run) const {
    return seen_.empty() || !run.state.result || run.state.result->seen != seen_;
  }

  // status.lastImport, when it is of this Job.
  const RepositoryRun* Last() const {
    const auto& last = plan_.status.last_import;
    return last && last->job == name_ ? &*last : nullptr;
  }

  void RemoveAllBut(const std::string& name) {
    for (const MoverRun& run : world_.imports)
      if (run.job.key.name != name && !run.job.deleting) plan_.remove.push_back(run.job);
  }

  void Note(RunState state, const std::string& message) {
    const bool same = Last() != nullptr && Last()->state == state;
    const auto time = same ? Last()->time : std::optional(world_.now);
    plan_.status.last_import = RepositoryRun{name_, state, time, message};
  }

  void Start() {
    if (!crds::IsTrue(plan_.status.conditions, crds::kReady) || plan_.start) return;
    plan_.start_import = name_;
    plan_.import_unlike = seen_;
    if (seen_.empty()) Note(RunState::kRunning, "");
  }

  void TryAgainLater(const MoverRun& run) {
    Note(RunState::kFailed, run.state.message);
    const TimePoint next = *plan_.status.last_import->time + settings_.probe_retry_most;
    if (world_.now < next)
      plan_.requeue = Sooner(plan_.requeue, RequeueAt(next));
    else if (!run.job.deleting)
      plan_.remove.push_back(run.job);
    // One that waited may have missed something: list all.
    if (world_.now >= next) plan_.status.import_seen.clear();
  }

  const World& world_;
  const Settings& settings_;
  Plan& plan_;
  std::string name_;  // of the Job that is needed
  std::string seen_;  // what it waits for something else than; empty: it lists at once
};

void SetRun(const World& world, const MoverRun& run, RunState state, std::string message,
            Plan& plan) {
  plan.status.last_import = RepositoryRun{run.job.key.name, state, world.now, std::move(message)};
}

bool IsObjectName(const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= kMaxName && is_letter(name.front()) &&
         is_letter(name.back()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || c == '-' || c == '.'; });
}

crds::BackupType TypeOf(protocol::BackupType type) {
  switch (type) {
    case protocol::BackupType::kFull:
      return crds::BackupType::kFull;
    case protocol::BackupType::kDifferential:
      return crds::BackupType::kDifferential;
    case protocol::BackupType::kIncremental:
      return crds::BackupType::kIncremental;
  }
  return crds::BackupType::kIncremental;
}

crds::BackupImport ImportOf(const protocol::BackupRecord& record,
                            const crds::BackupRepository& repository, const std::string& name,
                            const Settings& settings) {
  crds::BackupImport import;
  import.repository = repository.metadata.name;
  if (record.cluster != settings.cluster_name) import.cluster = record.cluster;
  if (record.ns != repository.metadata.namespace_) import.namespace_ = record.ns;
  if (record.name != name) import.backup = record.name;
  import.start_time = record.start;
  import.completion_time = record.end;
  for (const protocol::RecordedVolume& volume : record.volumes)
    import.volumes.push_back({volume.claim, volume.pod, volume.snapshot,
                              static_cast<std::int64_t>(volume.files),
                              static_cast<std::int64_t>(volume.bytes)});
  for (const protocol::RecordedManifests& manifests : record.manifests)
    import.manifests.push_back({manifests.stateful_set, manifests.snapshot,
                                static_cast<std::int64_t>(manifests.files),
                                static_cast<std::int64_t>(manifests.bytes)});
  return import;
}

// It sleeps, most of the time.
crds::ResourceRequirements WaitingResources() {
  crds::ResourceRequirements resources;
  resources.requests["cpu"].text = "10m";
  resources.requests["memory"].text = "32Mi";
  resources.limits["memory"].text = "256Mi";
  return resources;
}

// Whether it came by what spec.import asks for now.
bool IsOfWish(const crds::BackupImport& import, const crds::BackupRepository& repository,
              const Settings& settings) {
  const auto or_ours = [](const std::string& name, const std::string& ours) {
    return name.empty() ? ours : name;
  };
  const crds::ImportSpec& wish = *repository.spec.imports;
  const std::string& ns = repository.metadata.namespace_;
  return import.repository == repository.metadata.name &&
         or_ours(import.cluster, settings.cluster_name) ==
             or_ours(wish.cluster, settings.cluster_name) &&
         or_ours(import.namespace_, ns) == or_ours(wish.namespace_, ns);
}

std::string NameFor(const protocol::BackupRecord& record, const std::set<std::string>& taken) {
  if (IsObjectName(record.name) && !taken.contains(record.name)) return record.name;
  const std::string suffix = "-" + record.volumes.front().snapshot.substr(0, kShortId);
  std::string name = IsObjectName(record.name) ? record.name : "imported";
  return name.substr(0, kMaxName - suffix.size()) + suffix;
}

// Pinned: what was found is nobody's to remove before somebody says so.
crds::Backup NewBackup(const protocol::BackupRecord& record,
                       const crds::BackupRepository& repository, const std::string& name,
                       const Settings& settings) {
  crds::Backup backup;
  backup.metadata.name = name;
  backup.metadata.namespace_ = repository.metadata.namespace_;
  backup.metadata.labels = {{kManagedBy, kManagedByHoldfast},
                            {kPolicyLabel, LabelValue(record.policy)},
                            {kImportedLabel, LabelValue(repository.metadata.name)}};
  backup.spec.policy = record.policy;
  backup.spec.type = TypeOf(record.type);
  backup.spec.pinned = true;
  backup.spec.imported = ImportOf(record, repository, name, settings);
  return backup;
}

}  // namespace

void NoteImported(const World& world, const std::vector<protocol::BackupRecord>& listed,
                  std::size_t left, Plan& plan) {
  const MoverRun& run = *plan.read_import;
  if (left == 0) {
    const std::string seen = run.state.result ? run.state.result->seen : "";
    plan.status.import_seen =
        seen.empty() ? "" : WishOf(world.repository, world.promotions) + "-" + seen;
    return SetRun(world, run, RunState::kSucceeded, Outcome(run, listed), plan);
  }
  SetRun(world, run, RunState::kRunning, Counted(left, "Backup") + " still to be made", plan);
  plan.requeue = RequeueAt(world.now);
}

void NoteUnreadable(const World& world, const Settings& settings, const Error& error, Plan& plan) {
  const MoverRun& run = *plan.read_import;
  SetRun(world, run, RunState::kFailed, error.message, plan);
  if (IsAbsent(error) && !run.job.deleting) plan.remove.push_back(run.job);
  plan.requeue = Sooner(plan.requeue, RequeueAt(world.now + settings.probe_retry_first));
}

void DecideImport(const World& world, const Settings& settings, Plan& plan) {
  Import(world, settings, plan).Decide();
}

namespace {

bool IsPromoted(const crds::Restore& restore) {
  return restore.spec.mode == crds::RestoreMode::kFollow && restore.spec.promote;
}

std::string Joined(const std::set<std::string>& uids) {
  std::string text;
  for (const std::string& uid : uids) text += uid + " ";
  return text;
}

}  // namespace

bool IsImported(const crds::BackupRepository& repository, const std::string& promotions) {
  return !repository.spec.imports ||
         IsDone(repository, repository.status, WishOf(repository, promotions));
}

bool ImportFailed(const crds::BackupRepository& repository, const std::string& promotions) {
  const auto& last = repository.status.last_import;
  return repository.spec.imports && last && last->state == RunState::kFailed &&
         last->job == ImportJobName(repository, WishOf(repository, promotions));
}

std::string Promotions(const Caches& caches, const std::string& ns, const std::string& also) {
  std::set<std::string> uids;
  if (!also.empty()) uids.insert(also);
  caches.restores.ForEach([&](const kube::ObjectKey& key, const auto& restore) {
    if (key.ns == ns && IsPromoted(*restore)) uids.insert(restore->metadata.uid);
  });
  return Joined(uids);
}

std::string Promotions(std::span<const crds::Restore> restores) {
  std::set<std::string> uids;
  for (const crds::Restore& restore : restores)
    if (IsPromoted(restore)) uids.insert(restore.metadata.uid);
  return Joined(uids);
}

Result<Json> BuildImportJob(const World& world, const Plan& plan, const Settings& settings) {
  const crds::BackupRepository& repository = world.repository;
  const crds::ImportSpec& wish = *repository.spec.imports;
  protocol::BackupsArgs args;
  args.repository = RepositoryArgsFor(repository, settings);
  args.cluster = wish.cluster.empty() ? settings.cluster_name : wish.cluster;
  args.ns = wish.namespace_.empty() ? repository.metadata.namespace_ : wish.namespace_;
  args.newest = static_cast<std::uint64_t>(wish.newest);
  args.complete = world.followed;
  args.unlike = plan.import_unlike;
  TRY(args.every, ParseDuration(wish.every));
  args.patience = kPatience;

  MoverJob job;
  job.key = {repository.metadata.namespace_, *plan.start_import};
  job.owner = ReferenceTo(repository);
  job.labels = {{kVerbLabel, kImportVerb}, {kRepositoryLabel, repository.metadata.name}};
  job.command_line = protocol::CommandLine(args);
  job.repository = &repository;
  job.mover = repository.spec.mover;
  if (!args.unlike.empty() && job.mover.resources == crds::ResourceRequirements())
    job.mover.resources = WaitingResources();
  job.retries = kRetries;
  job.deadline = args.unlike.empty() ? kDeadline : kPatience + kDeadline;
  return BuildMoverJob(job, settings);
}

void KnownBackups::Add(const crds::Backup& backup) {
  names.insert(backup.metadata.name);
  for (const crds::VolumeBackup& volume : backup.status.volumes) snapshots.insert(volume.snapshot);
  if (!backup.spec.imported) return;
  for (const crds::ImportedVolume& volume : backup.spec.imported->volumes)
    snapshots.insert(volume.snapshot);
}

std::vector<crds::Backup> BackupsToImport(const std::vector<protocol::BackupRecord>& records,
                                          const crds::BackupRepository& repository,
                                          const KnownBackups& known, const Settings& settings) {
  std::vector<crds::Backup> backups;
  std::set<std::string> taken = known.names;
  for (const protocol::BackupRecord& record : records) {
    const bool is_known = std::ranges::any_of(record.volumes, [&](const auto& volume) {
      return known.snapshots.contains(volume.snapshot);
    });
    if (is_known) continue;
    const std::string name = NameFor(record, taken);
    taken.insert(name);
    backups.push_back(NewBackup(record, repository, name, settings));
  }
  return backups;
}

std::vector<crds::Backup> NoLongerThere(const std::vector<protocol::BackupRecord>& records,
                                        const World& world, const Plan& plan,
                                        const std::vector<crds::Backup>& backups,
                                        const Settings& settings) {
  const crds::BackupRepository& repository = world.repository;
  const MoverState& state = plan.read_import->state;
  std::set<std::set<std::string, std::less<>>> there;
  std::size_t snapshots = 0;
  for (const protocol::BackupRecord& record : records) {
    std::set<std::string, std::less<>> ids;
    for (const protocol::RecordedVolume& volume : record.volumes) ids.insert(volume.snapshot);
    snapshots += record.volumes.size();
    there.insert(std::move(ids));
  }
  std::vector<crds::Backup> gone;
  const bool whole =
      state.phase == MoverPhase::kSucceeded && state.result && state.result->snapshots == snapshots;
  if (!world.followed || !whole) return gone;
  for (const crds::Backup& backup : backups) {
    if (!backup::IsForeign(backup) || !IsOfWish(*backup.spec.imported, repository, settings))
      continue;
    KnownBackups known;
    known.Add(backup);
    if (!there.contains(known.snapshots)) gone.push_back(backup);
  }
  return gone;
}

}  // namespace holdfast::controllers::repository
