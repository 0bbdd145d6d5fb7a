// What the tests of claims that come up filled share: claims, pods that use them, what is left.
#pragma once

#include <string>
#include <vector>

#include "tests/e2e/fixture.h"

namespace holdfast::e2e {

class PopulatorScene : public EndToEnd {
 protected:
  // `source` is "Backup/first" or "Restore/before".
  static std::string ClaimYaml(const std::string& name, const std::string& storage_class,
                               const std::string& source, const std::string& size = "64Mi");

  bool AwaitBound(const std::string& claim, std::chrono::seconds limit) const;
  // An event of that reason on the claim, whose message holds `words`.
  bool AwaitEvent(const std::string& claim, const std::string& reason,
                  const std::string& words) const;
  bool IsPending(const std::string& claim) const;
  // The same of a pod that is made for it, and goes.
  std::string ContentOfClaim(const std::string& claim) const;

  // The Restore that fills the claim, by its owner; null while there is none.
  Json ChildOf(const std::string& claim) const;
  bool AwaitChildPhase(const std::string& claim, const std::string& phase) const;
  std::vector<Json> Items(const std::string& kind, const std::string& selector = "") const;
  // Fails the test unless all that filled claims goes: Restores, Jobs, claims beside, and volumes
  // of this namespace whose claim is none of `claims`.
  void ExpectNothingLeftBut(const std::vector<std::string>& claims) const;

 private:
  std::string Left(const std::vector<std::string>& claims) const;
};

}  // namespace holdfast::e2e
