// A PersistentVolumeClaim that asks to be filled: its spec.dataSourceRef names an object of ours.
#pragma once

#include <string>

#include "base/error.h"
#include "base/json.h"
#include "controllers/views.h"
#include "operator/kube/object_key.h"

namespace holdfast::controllers::populator {

// Whether its spec.dataSourceRef names an object of our group. That field never changes.
bool AsksUs(const Json& claim);

// Whether a volume has still to be found for it; only such claims are remembered.
bool IsUnbound(const Json& claim);

// What is kept in memory of one.
struct WaitingClaim {
  kube::ObjectKey key;
};
Result<WaitingClaim> DecodeWaitingClaim(const Json& claim);

struct DataSource {
  std::string kind;
  std::string name;
  std::string ns;  // empty: the claim's own

  friend bool operator==(const DataSource&, const DataSource&) = default;
};

struct Claim {
  kube::ObjectKey key;
  std::string uid;
  std::string resource_version;
  bool deleting = false;
  OwnerView owner;
  std::string phase;        // Pending, Bound, Lost
  std::string volume;       // the PersistentVolume; empty while there is none
  std::string node;         // where the scheduler wants the first pod that uses it
  std::string provisioner;  // as the volume controller noted it; empty until it has
  DataSource source;
  Json spec;

  bool IsBound() const { return phase == "Bound"; }
};
Claim DecodeClaimToFill(const Json& object);

}  // namespace holdfast::controllers::populator
