// A Restore that does a part of another object's work: fills a claim, brings a follower up to date.
#pragma once

#include <string>

#include "crds/types/restore.h"

namespace holdfast::controllers::restore {

// The object that it works for, of the same namespace. When that goes, Kubernetes removes the
// child, and with it all that the child owns.
struct ChildOwner {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
};

// `verb` says what it is for, in kVerbLabel.
crds::Restore ChildRestore(const std::string& ns, const std::string& name, const ChildOwner& owner,
                           const std::string& verb, crds::RestoreSpec spec);

// Whether a Restore with mode Follow made it: then it stops no pod.
bool IsOfFollower(const crds::Restore& restore);

}  // namespace holdfast::controllers::restore
