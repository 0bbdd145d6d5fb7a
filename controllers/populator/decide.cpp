#include "controllers/populator/decide.h"

#include <algorithm>

#include "controllers/populator/objects.h"
#include "controllers/populator/volume_choice.h"
#include "controllers/reasons.h"

namespace holdfast::controllers::populator {
namespace {

using crds::RestorePhase;

// What is not watched: the prime, the volume, pods that go.
constexpr std::chrono::seconds kLookAgain{1};
// What is awaited is watched, mostly: StorageClasses and CSIDrivers are not.
constexpr std::chrono::seconds kLookForSource{30};

bool IsOwnedBy(const crds::Restore& child, const std::string& uid) {
  return std::ranges::any_of(child.metadata.owner_references, [&](const auto& owner) {
    return owner.controller && owner.uid == uid;
  });
}

// Nobody could write into its volume.
bool IsOnlyRead(const Claim& claim) {
  const Json* modes = Find(claim.spec, {"accessModes"});
  return modes != nullptr &&
         std::ranges::all_of(*modes, [](const Json& mode) { return mode == "ReadOnlyMany"; });
}

class Decision {
 public:
  explicit Decision(const World& world) : world_(world), claim_(world.claim) {}

  Plan Make() {
    if (claim_.deleting) return std::move(plan_);  // all that is of it goes with it
    if (claim_.IsBound())
      Clear();
    else if (IsGiven())
      ComeBack();
    else if (!claim_.volume.empty())
      plan_.requeue = AwaitChange();  // the user named a volume
    else if (!world_.child)
      Begin();
    else
      Follow(*world_.child);
    return std::move(plan_);
  }

 private:
  bool IsGiven() const { return world_.volume && world_.volume->claim_uid == claim_.uid; }

  // --- Without a Restore ---

  void Begin() {
    const Prospect& prospect = *world_.prospect;
    if (!prospect.source) return Wait(prospect.source.error());
    const Source& source = *prospect.source;
    const auto from = ChooseVolume(source.found, source.from, claim_.key.name, prospect.sets);
    if (!from) return Wait(from.error());
    if (const std::string unfit = Unfit(prospect); !unfit.empty())
      return Wait({false, reason::kStorageUnfit, unfit});
    // Kubernetes says so itself, and tells who the consumer is by a change of the claim.
    if (prospect.storage->waits_for_consumer && claim_.node.empty()) return;
    plan_.create_child = BuildChild(world_, *from);
    Announce(kube::EventType::kNormal, reason::kPopulating,
             "Restore " + plan_.create_child->metadata.name + " fills a volume for it from " +
                 restore::DescribeSource(source.spec.source) + ".");
    plan_.requeue = RequeueAt(world_.now);
  }

  std::string Unfit(const Prospect& prospect) const {
    if (IsOnlyRead(claim_))
      return "A claim of access mode ReadOnlyMany alone cannot be filled: add ReadWriteOnce.";
    const std::string wanted = FindString(claim_.spec, {"storageClassName"});
    if (wanted.empty())
      return "The claim has no storageClassName, and there was no default StorageClass for it; a "
             "volume to be filled is made by one.";
    if (!prospect.storage)
      return "There is no StorageClass " + wanted + "; the claim is filled once there is.";
    if (!prospect.csi)
      return "StorageClass " + wanted + " is served by " + prospect.storage->provisioner +
             ", which is no CSI driver and may give the claim an empty volume, whatever its "
             "dataSourceRef says. Use the class of a CSI driver.";
    return "";
  }

  // --- A Restore is at work ---

  void Follow(const crds::Restore& child) {
    if (!IsOwnedBy(child, claim_.uid))
      return Wait({false, reason::kRefused,
                   "Restore " + child.metadata.name +
                       " has the name of the one that would fill the claim, and is not of it; "
                       "delete it."});
    if (child.metadata.deletion_timestamp) return ComeBack();
    if (child.status.phase == RestorePhase::kFailed) return RetryFailed(child);
    if (!world_.prime || world_.prime->deleting) return ReplacePrime(child);
    if (world_.prime->owner.uid != child.metadata.uid) return AwaitName(*world_.prime);
    if (KeepsTooLong(*world_.prime)) return TakeAlong();
    if (child.status.phase == RestorePhase::kSucceeded) return Give(child);
    Report(child);
  }

  // A prime of which nothing has been written yet may be made (again). One that went while it was
  // filled takes the Restore along, which would say that it has succeeded.
  void ReplacePrime(const crds::Restore& child) {
    if (world_.child_started) {
      Announce(kube::EventType::kWarning, reason::kPopulationFailed,
               "Claim " + ChildName(claim_) +
                   " was deleted while it was being filled for this "
                   "one; it is begun again.");
      return StartOver(child);
    }
    if (world_.prime) return ComeBack();
    plan_.create_prime = BuildPrime(claim_, child);
    plan_.requeue = AwaitChange();
  }

  // The one of an earlier attempt goes by itself.
  void AwaitName(const Claim& other) {
    if (other.owner.kind == crds::InfoOf<crds::Restore>().kind) return ComeBack();
    Wait({false, reason::kRefused,
          "Claim " + other.key.name +
              " has the name of the one that would be filled for this one; delete it."});
  }

  bool KeepsTooLong(const Claim& prime) const {
    return world_.volume && world_.volume->claim_uid == prime.uid &&
           world_.volume->reclaim_policy != "Delete";
  }

  void TakeAlong() {
    plan_.patch_volume = VolumePatch{world_.volume->name, GoesWithPrime(*world_.volume)};
    plan_.requeue = RequeueAt(world_.now);
  }

  void Give(const crds::Restore& child) {
    // Its pods may still have the volume mounted on their node.
    if (world_.child_pods > 0 || !world_.volume) return ComeBack();
    if (world_.volume->claim_uid != world_.prime->uid) {
      Announce(kube::EventType::kWarning, reason::kPopulationFailed,
               "PersistentVolume " + world_.volume->name +
                   ", which was filled for it, was given to another claim; it is begun again.");
      return StartOver(child);
    }
    plan_.patch_volume = VolumePatch{world_.volume->name, GivenTo(claim_, *world_.volume)};
    ComeBack();
  }

  // What the Restore waits for is what the claim waits for.
  void Report(const crds::Restore& child) {
    const crds::Condition* ready = crds::FindCondition(child.status.conditions, crds::kReady);
    if (ready == nullptr || ready->reason == reason::kRestoring ||
        ready->reason == reason::kClaimNotFound)
      return;
    Announce(kube::EventType::kWarning, ready->reason,
             "Restore " + child.metadata.name + ": " + ready->message);
  }

  void RetryFailed(const crds::Restore& child) {
    const TimePoint due = child.status.completion_time.value_or(world_.now) + kRetryAfter;
    if (world_.now >= due) return StartOver(child);
    const crds::Condition* ready = crds::FindCondition(child.status.conditions, crds::kReady);
    Announce(kube::EventType::kWarning, reason::kPopulationFailed,
             "Restore " + child.metadata.name + " failed: " +
                 (ready == nullptr ? std::string("it does not say why.") : ready->message) +
                 " It is tried again at " + FormatTime(due) + ", or as soon as you delete it.");
    plan_.requeue = RequeueAt(due);
  }

  void StartOver(const crds::Restore& child) {
    plan_.remove_child = child.metadata;
    ComeBack();
  }

  // --- The claim has a volume ---

  void Clear() {
    if (!world_.volume || world_.volume->name != claim_.volume) return;
    if (world_.volume->filled_for != claim_.uid) return Disown();
    if (!world_.child) return;
    // The volume controller has seen the change by then.
    if (world_.prime && world_.prime->phase != "Lost" && !world_.prime->deleting) return ComeBack();
    const crds::Condition* ready =
        crds::FindCondition(world_.child->status.conditions, crds::kReady);
    plan_.remove_child = world_.child->metadata;
    Announce(kube::EventType::kNormal, reason::kPopulated,
             ready == nullptr ? std::string("The claim has been filled.") : ready->message);
  }

  void Disown() {
    Announce(kube::EventType::kWarning, reason::kNotPopulated,
             "PersistentVolume " + claim_.volume +
                 " was given to the claim by others and is not filled from " + claim_.source.kind +
                 " " + claim_.source.name +
                 ". Delete the claim if it is to be filled, and make it of the class of a CSI "
                 "driver.");
    if (world_.child && IsOwnedBy(*world_.child, claim_.uid))
      plan_.remove_child = world_.child->metadata;
  }

  // --- What is said ---

  void Wait(const restore::Problem& problem) {
    Announce(kube::EventType::kWarning, problem.reason, problem.message);
    plan_.requeue = RequeueAt(world_.now + kLookForSource);
  }
  void Announce(kube::EventType type, const std::string& reason, const std::string& message) {
    plan_.events.push_back({type, reason, message});
  }
  void ComeBack() { plan_.requeue = RequeueAt(world_.now + kLookAgain); }

  const World& world_;
  const Claim& claim_;
  Plan plan_;
};

}  // namespace

Plan Decide(const World& world) { return Decision(world).Make(); }

}  // namespace holdfast::controllers::populator
