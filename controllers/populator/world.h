// What a claim that is to be filled is decided by. All but the source is read live: a wrong answer
// would give a claim the wrong volume.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "controllers/populator/claim.h"
#include "controllers/populator/source.h"
#include "controllers/views.h"
#include "crds/types/restore.h"

namespace holdfast::controllers::populator {

// A PersistentVolume.
struct Volume {
  std::string name;
  std::string resource_version;
  std::string claim_uid;       // of the claim that it is given to
  std::string filled_for;      // kFilledForAnnotation
  std::string reclaim_policy;  // Delete, Retain
  std::string policy_to_be;    // kReclaimPolicyAnnotation; empty: the one that it has
};
Volume DecodeVolume(const Json& object);

struct StorageClass {
  std::string name;
  std::string provisioner;
  bool waits_for_consumer = false;
};

// Only while the claim has neither a volume nor a Restore at work.
struct Prospect {
  tl::expected<Source, restore::Problem> source;
  std::vector<StatefulSetView> sets;       // of the namespace
  std::optional<StorageClass> storage;     // the claim's; nullopt when there is none
  bool csi = false;                        // its provisioner is a CSI driver
  crds::MoverSecurityContext inherited{};  // as whom the pods that use the claim run
};

struct World {
  Claim claim;
  TimePoint now{};
  // The claim beside, whose volume is filled and then given to `claim`; read before the child.
  std::optional<Claim> prime;
  std::optional<crds::Restore> child;  // the Restore that fills it
  bool child_started = false;          // a mover of it may have written
  int child_pods = 0;                  // that still exist; only once it has succeeded
  std::optional<Volume> volume;        // the claim's or, while it has none, the prime's
  std::optional<Prospect> prospect;
};

// The name of both the Restore and the prime claim.
std::string ChildName(const Claim& claim);

}  // namespace holdfast::controllers::populator
