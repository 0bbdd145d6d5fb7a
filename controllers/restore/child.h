// A Restore that does a part of another object's work: fills a claim, brings a follower up to date.
#pragma once

#include <string>

#include "crds/types/restore.h"
#include "operator/kube/events.h"

namespace holdfast::controllers::restore {

// In the namespace of its owner, the object that it works for. When that goes, Kubernetes removes
// the child, and with it all that the child owns. `verb` says what it is for, in kVerbLabel.
crds::Restore ChildRestore(const kube::ObjectReference& owner, const std::string& name,
                           const std::string& verb, crds::RestoreSpec spec);

// Whether a Restore with mode Follow made it: then it stops no pod.
bool IsOfFollower(const crds::Restore& restore);

}  // namespace holdfast::controllers::restore
