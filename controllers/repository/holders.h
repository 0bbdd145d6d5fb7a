// Who holds locks in a repository: "<cluster>/<namespace>/<pod>", as movers write themselves.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "controllers/views.h"
#include "operator/kube/object_key.h"

namespace holdfast::controllers::repository {

std::string HolderOf(const std::string& cluster, const kube::ObjectKey& pod);

// The pod of a holder of our cluster; nullopt for any other (another cluster, plain restic).
std::optional<kube::ObjectKey> PodOfHolder(std::string_view holder, std::string_view cluster);

// A mover that could say how it ended has also removed its lock. What people ran in the pod of a
// browse says nothing, whatever the pod itself says.
bool LeftWithoutWord(const PodView& pod);

// Remembers which movers of a repository were seen at work, to notice those that vanish. After a
// restart of the operator it knows nothing, and the next regular probe finds what it would have
// told.
//
// Threads: safe from many threads.
class MoverWatch {
 public:
  // Movers of `repository` that went, or ended, without a word since they were last `Handled`.
  std::vector<kube::ObjectKey> Update(const kube::ObjectKey& repository,
                                      const std::vector<PodView>& pods);
  // A probe was made that removes the locks of all that Update returned.
  void Handled(const kube::ObjectKey& repository);
  void Forget(const kube::ObjectKey& repository);

 private:
  struct Movers {
    std::set<kube::ObjectKey> working;
    std::set<kube::ObjectKey> lost;
    std::set<kube::ObjectKey> handled;  // of those that still have a pod object
  };

  std::mutex mutex_;
  std::map<kube::ObjectKey, Movers> movers_;
};

}  // namespace holdfast::controllers::repository
