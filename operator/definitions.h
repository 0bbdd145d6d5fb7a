// Whether the API server's CustomResourceDefinitions are those that this operator was built for.
//
// Helm does not upgrade them, and a field that the API server does not know cannot be applied: an
// operator that is newer than its definitions would fail at every write of a status. One that is
// older works, but leaves alone what it does not know.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "operator/kube/api.h"
#include "operator/kube/informer.h"

namespace holdfast::op {

// The fields of an OpenAPI schema's spec and status, as crds/types/field_paths.h spells them.
std::set<std::string> PathsOfSchema(const Json& schema);

class Definitions {
 public:
  // `api` and the informers must outlive it. The API server ends the watches of a resource whose
  // definition changes, so an informer that begins anew is the time to look again.
  Definitions(const kube::Api& api, const std::vector<kube::InformerBase*>& informers);

  // Looks, and looks again, until stopped. Blocks. Changes are logged.
  void Run(std::stop_token stop);

  // Why the operator must not work, as a sentence with a newline: definitions older than it, or not
  // looked at yet. Empty otherwise, and when the API server does not let us look.
  std::string Problem() const;
  // What does no harm but should be known: definitions newer than it. Empty for none.
  std::string Note() const;

 private:
  std::uint64_t Begun() const;
  void Look(std::stop_token stop);
  void Tell(std::string problem, std::string note);

  const kube::Api& api_;
  std::vector<kube::InformerBase*> informers_;  // of our kinds
  mutable std::mutex mutex_;
  std::string problem_;  // guarded by mutex_, as the next
  std::string note_;
};

}  // namespace holdfast::op
