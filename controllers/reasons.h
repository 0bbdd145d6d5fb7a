// Every reason of a condition or an event, with the sentence that the documentation prints for it:
// the comment above each constant, read by the generator as it stands. Add yours to its part.
#pragma once

namespace holdfast::controllers::reason {

// --- Conditions of any kind ---

// All is well.
inline constexpr const char* kReady = "Ready";
// The spec asks for something that this version does not serve; the message names the field.
inline constexpr const char* kNotSupported = "NotSupported";
// A field of the spec has a value that can never work; the message says what to write instead.
inline constexpr const char* kInvalidSpec = "InvalidSpec";
// The BackupRepository that is named does not exist; work goes on by itself once it does.
inline constexpr const char* kRepositoryNotFound = "RepositoryNotFound";
// The BackupRepository that spec.shared names is not shared with this namespace.
inline constexpr const char* kNotShared = "NotShared";
// The BackupRepository exists but is not Ready; its own conditions say why.
inline constexpr const char* kRepositoryNotReady = "RepositoryNotReady";
// The StatefulSet that is named does not exist; work goes on by itself once it does.
inline constexpr const char* kStatefulSetNotFound = "StatefulSetNotFound";

// --- Policies ---

// spec.dumps is set, and dumps are switched off in this cluster (dumps.enabled of the chart).
inline constexpr const char* kDumpsDisabled = "DumpsDisabled";
// spec.hooks is set, and hooks are switched off in this cluster (hooks.enabled of the chart).
inline constexpr const char* kHooksDisabled = "HooksDisabled";
// spec.manifests.secrets is set, and that is switched off in this cluster (manifests.secrets of the
// chart).
inline constexpr const char* kSecretsDisabled = "SecretsDisabled";
// spec.manifests.secrets is set, and the BackupRepository takes no Secrets (spec.acceptsSecrets).
inline constexpr const char* kSecretsNotAccepted = "SecretsNotAccepted";
// A schedule's cron expression cannot be read, or names a time that never comes.
inline constexpr const char* kInvalidSchedule = "InvalidSchedule";
// The policy runs no schedule because spec.suspend is true.
inline constexpr const char* kSuspended = "Suspended";
// The StatefulSet has no claim template, or none of those that the policy names.
inline constexpr const char* kNoVolumes = "NoVolumes";
// The StatefulSet has more volumes than one run holds.
inline constexpr const char* kTooManyVolumes = "TooManyVolumes";
// A Backup of the policy is pending or running, and what came due meanwhile waits for it.
inline constexpr const char* kBackupRunning = "BackupRunning";
// The last Backup of the policy did not succeed; the message says which, and why.
inline constexpr const char* kLastBackupFailed = "LastBackupFailed";
// A good Backup could not be copied to a repository of copyTo; it is tried again.
inline constexpr const char* kCopyFailed = "CopyFailed";
// A volume's watcher (spec.continuous) failed, so changes of that volume are not seen; it is tried
// again.
inline constexpr const char* kWatchFailed = "WatchFailed";
// Removing snapshots beyond the retention failed; nothing is lost, and it is tried again.
inline constexpr const char* kRetentionFailed = "RetentionFailed";

// --- Backups ---

// The BackupPolicy that is named does not exist; the Backup runs by itself once it does.
inline constexpr const char* kPolicyNotFound = "PolicyNotFound";
// It stands for snapshots that were found in a repository (spec.import); nothing was run.
inline constexpr const char* kImported = "Imported";
// The BackupPolicy cannot run: its own conditions say why.
inline constexpr const char* kPolicyNotReady = "PolicyNotReady";
// The repository's limits.concurrentMovers are all in use; the mover starts when one is free.
inline constexpr const char* kWaitingForSlot = "WaitingForSlot";
// The repository is being pruned, which needs it for itself; the mover starts afterwards.
inline constexpr const char* kWaitingForPrune = "WaitingForPrune";
// The cluster serves no VolumeSnapshots, which copyMethod Snapshot needs; or no
// VolumeGroupSnapshots, of which the policy names a class.
inline constexpr const char* kSnapshotsNotServed = "SnapshotsNotServed";
// No VolumeSnapshotClass fits the claim's driver, or the VolumeGroupSnapshotClass that is named
// does not; the message says what to create or to name.
inline constexpr const char* kNoSnapshotClass = "NoSnapshotClass";
// No StorageClass from which a staged claim can be made; the message says what to name.
inline constexpr const char* kNoStagingClass = "NoStagingClass";
// copyMethod Clone is asked for of storage that is not known to clone.
inline constexpr const char* kCannotClone = "CannotClone";
// VolumeSnapshots are being taken or made ready; the movers start afterwards.
inline constexpr const char* kStaging = "Staging";
// The API server refused a VolumeSnapshot or a staged claim; the message has its words.
inline constexpr const char* kStagingRefused = "StagingRefused";
// Pre hooks are being run in the pods; no volume is read before they have ended.
inline constexpr const char* kFreezing = "Freezing";
// The volumes are read, and post hooks are being run in the pods.
inline constexpr const char* kThawing = "Thawing";
// Movers are reading the volumes.
inline constexpr const char* kRunning = "Running";
// Every volume has a snapshot of this run.
inline constexpr const char* kSucceeded = "Succeeded";
// Some volumes have a snapshot of this run, others have not; or the manifests that were asked for
// have none.
inline constexpr const char* kPartiallyFailed = "PartiallyFailed";
// No volume has a complete snapshot of this run.
inline constexpr const char* kFailed = "Failed";
// The PersistentVolumeClaim does not exist.
inline constexpr const char* kClaimNotFound = "ClaimNotFound";

// --- Movers: why one cannot start, or how it ended ---

// The scheduler finds no node for the mover's pod; the message has the scheduler's words.
inline constexpr const char* kUnschedulable = "Unschedulable";
// The mover's image cannot be pulled.
inline constexpr const char* kImageUnavailable = "ImageUnavailable";
// The API server refuses the mover's pod (pod security, a quota, an admission policy); the message
// has its words.
inline constexpr const char* kPodRefused = "PodRefused";
// A Secret or ConfigMap that the mover's pod refers to is missing, or lacks a key.
inline constexpr const char* kPodMisconfigured = "PodMisconfigured";
// The mover used more memory than its limit; raise spec.mover.resources.limits.memory.
inline constexpr const char* kOutOfMemory = "OutOfMemory";
// The mover ran longer than the deadline allows.
inline constexpr const char* kDeadlineExceeded = "DeadlineExceeded";
// The mover's pod is gone and left no result: its node failed, or somebody deleted it.
inline constexpr const char* kNoResult = "NoResult";
// Another object has a Job of the name that the mover's would have.
inline constexpr const char* kJobNameTaken = "JobNameTaken";
// The API server refused the mover's Job; the message has its words.
inline constexpr const char* kJobRefused = "JobRefused";

// --- Repositories ---

// The last probe opened the repository.
inline constexpr const char* kReachable = "Reachable";
// The first probe of this spec is under way.
inline constexpr const char* kProbing = "Probing";
// Another repository lies where this one was; nothing is written to it until somebody decides.
inline constexpr const char* kRepositoryReplaced = "RepositoryReplaced";
// The last check read what it was to read, and all of it was whole.
inline constexpr const char* kCheckPassed = "CheckPassed";
// A check found damage, or could not be carried out; the message says which.
inline constexpr const char* kCheckFailed = "CheckFailed";
// The space of removed snapshots could not be freed; nothing is lost, and the next run tries again.
inline constexpr const char* kPruneFailed = "PruneFailed";
// A volume was restored into a scratch claim and read back.
inline constexpr const char* kDrillPassed = "DrillPassed";
// A volume could not be restored into a scratch claim; the message says which, and why.
inline constexpr const char* kDrillFailed = "DrillFailed";
// The bucket could not be told to hold what is in use for longer (spec.s3.objectLock);
// status.lockedUntil says until when it is held, and the next run tries again.
inline constexpr const char* kObjectLockNotExtended = "ObjectLockNotExtended";
// Locks of movers whose pods are gone are being removed.
inline constexpr const char* kRemovingLocks = "RemovingLocks";

// --- Restores ---

// The Backup, or a Backup of the policy, that the source names does not exist or has no snapshot
// yet.
inline constexpr const char* kSourceNotFound = "SourceNotFound";
// A Restore with the same target came first.
inline constexpr const char* kWaitingForRestore = "WaitingForRestore";
// A pod mounts a claim that is to be restored; the message names it.
inline constexpr const char* kClaimInUse = "ClaimInUse";
// The StatefulSet's pods are being stopped.
inline constexpr const char* kScalingDown = "ScalingDown";
// Movers are writing the volumes.
inline constexpr const char* kRestoring = "Restoring";
// The StatefulSet's pods are being started again, on the restored volumes.
inline constexpr const char* kScalingUp = "ScalingUp";
// The pod that reads the repository (target.browse) runs; the message says how to use it.
inline constexpr const char* kBrowsing = "Browsing";
// Hooks of the Restore are being run in the pods; the message says which.
inline constexpr const char* kRunningHooks = "RunningHooks";
// An autoscaler that scales up from 0 as well manages the StatefulSet; the message says how to
// pause it.
inline constexpr const char* kAutoscaled = "Autoscaled";
// A pod of the StatefulSet was started on a volume while that was being restored; the volume is
// restored once more.
inline constexpr const char* kRestoredAgain = "RestoredAgain";
// Somebody scaled the StatefulSet up while its volumes were being written; the message says who, as
// far as that can be told, and how to make them pause.
inline constexpr const char* kScaledUpByOthers = "ScaledUpByOthers";
// The API server refused something that the Restore needs (a quota, mostly); the message has its
// words.
inline constexpr const char* kRefused = "Refused";
// A lost claim of the StatefulSet was made again.
inline constexpr const char* kClaimCreated = "ClaimCreated";
// The StatefulSet stays at 0 replicas because a volume may be half written; the message says how to
// go on.
inline constexpr const char* kLeftScaledDown = "LeftScaledDown";

// target.populator is set, and claims are not filled in this cluster (populator.enabled of the
// chart).
inline constexpr const char* kPopulatorDisabled = "PopulatorDisabled";

// The target of a Restore with mode Follow holds the newest good Backup, or a newer one is on its
// way.
inline constexpr const char* kFollowing = "Following";
// The StatefulSet of a standby has pods, whose data is not overwritten; scale it to 0, or set
// spec.promote.
inline constexpr const char* kStandbyRuns = "StandbyRuns";
// A standby is brought up to the newest Backup, and started.
inline constexpr const char* kPromoting = "Promoting";
// The standby was promoted, and nothing is restored into it any more.
inline constexpr const char* kPromoted = "Promoted";

// --- Claims that are to be filled: events on the claim ---

// A volume is being filled for the claim; the message names the Restore that does it.
inline constexpr const char* kPopulating = "Populating";
// The claim has a volume with the data of the backup.
inline constexpr const char* kPopulated = "Populated";
// The volume could not be filled; the message says why, and when it is tried again.
inline constexpr const char* kPopulationFailed = "PopulationFailed";
// The claim was given a volume that Holdfast did not fill, by storage that does not know
// dataSourceRef or by somebody's hand: what is in it is not the backup.
inline constexpr const char* kNotPopulated = "NotPopulated";
// None of the source's volumes is the one for this claim; the message names those that there are.
inline constexpr const char* kNoVolumeFits = "NoVolumeFits";
// The Restore that dataSourceRef names has no spec.target.populator, or there is none of its name.
inline constexpr const char* kNoPopulator = "NoPopulator";
// The claim's StorageClass is missing, or its storage makes no volumes that can be filled.
inline constexpr const char* kStorageUnfit = "StorageUnfit";

// --- Events ---

// A policy made a Backup.
inline constexpr const char* kBackupCreated = "BackupCreated";
// A policy left runs out whose starting deadline had passed.
inline constexpr const char* kRunsSkipped = "RunsSkipped";
// A Backup's or Restore's first mover was started.
inline constexpr const char* kStarted = "Started";
// A hook ended well in a pod; the message says which.
inline constexpr const char* kHookSucceeded = "HookSucceeded";
// A hook failed in a pod, or how it ended is not known; the message says which, and why.
inline constexpr const char* kHookFailed = "HookFailed";
// The pods had been held for as long as spec.hooks.deadline allows, and are let go.
inline constexpr const char* kHeldTooLong = "HeldTooLong";
// A Restore was asked for; the message says by whom, as far as the API tells. On the Restore and on
// the StatefulSet that it restores in place.
inline constexpr const char* kRestoreRequested = "RestoreRequested";
// A Backup that was to take its snapshots along went without them; the message names them and says
// why.
inline constexpr const char* kSnapshotsLeft = "SnapshotsLeft";
// Snapshots were removed from the repository by a policy's retention.
inline constexpr const char* kSnapshotsRemoved = "SnapshotsRemoved";

}  // namespace holdfast::controllers::reason
