#include "controllers/populator/volume_choice.h"

#include "base/wording.h"
#include "controllers/reasons.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::populator {
namespace {

using restore::Found;
using restore::Origin;
using Choice = tl::expected<std::string, restore::Problem>;

std::string NamesOf(const Found& found) {
  std::vector<std::string> claims;
  for (const Origin& origin : found.origins) claims.push_back(origin.claim);
  return NameSome(claims);
}

auto Refuse(const std::string& message) {
  return tl::make_unexpected(restore::Problem{true, reason::kNoVolumeFits, message});
}

// "data-app-1" of pod "app-1" has the place of "data-copy-1" of StatefulSet "copy".
bool HasPlaceOf(const Origin& origin, const std::string& claim, const std::string& set) {
  const std::string suffix = "-" + origin.pod;
  const std::size_t dash = origin.pod.rfind('-');
  if (dash == std::string::npos || !origin.claim.ends_with(suffix)) return false;
  const std::string part = origin.claim.substr(0, origin.claim.size() - suffix.size());
  return part + "-" + set + origin.pod.substr(dash) == claim;
}

class Chooser {
 public:
  Chooser(const Found& found, const std::string& claim, const std::vector<StatefulSetView>& sets)
      : found_(found), claim_(claim) {
    for (const Origin& origin : found.origins)
      if (!protocol::IsDump(origin.claim)) volumes_.push_back(&origin);
    for (const StatefulSetView& set : sets)
      if (restore::ParseClaimName(claim, set)) set_ = &set;
  }

  Choice ByName(const std::string& from) const {
    for (const Origin& origin : found_.origins)
      if (origin.claim == from) return from;
    // A snapshot's id alone does not say what it was made from; the user's word is taken for it.
    if (found_.origins.size() == 1 && found_.origins.front().claim.empty()) return from;
    return Refuse("The source has no volume of claim " + from + "; it has " + NamesOf(found_) +
                  ".");
  }

  Choice ByClaim() const {
    for (const Origin* volume : volumes_)
      if (volume->claim == claim_) return claim_;
    return set_ != nullptr ? InSet() : Only();
  }

 private:
  Choice InSet() const {
    std::vector<const Origin*> fitting;
    for (const Origin* volume : volumes_)
      if (HasPlaceOf(*volume, claim_, set_->key.name)) fitting.push_back(volume);
    if (fitting.size() == 1) return fitting.front()->claim;
    if (fitting.size() > 1)
      return Refuse("The source has several volumes for claim " + claim_ + ": " +
                    fitting[0]->claim + " and " + fitting[1]->claim + ". " + Advice());
    if (set_->replicas <= 1 && set_->claim_templates.size() == 1) return Only();
    return Refuse("The source has no volume for claim " + claim_ + " of StatefulSet " +
                  set_->key.name + "; it has " + NamesOf(found_) + ". " + Advice());
  }

  Choice Only() const {
    if (volumes_.size() == 1) return volumes_.front()->claim;
    return Refuse("The source has no volume of claim " + claim_ + "; it has " + NamesOf(found_) +
                  ". " + Advice());
  }

  static std::string Advice() {
    return "Have dataSourceRef name a Restore that says with spec.target.populator.from which one "
           "it is.";
  }

  const Found& found_;
  const std::string& claim_;
  std::vector<const Origin*> volumes_;
  const StatefulSetView* set_ = nullptr;
};

}  // namespace

Choice ChooseVolume(const Found& found, const std::string& from, const std::string& claim,
                    const std::vector<StatefulSetView>& sets) {
  if (!from.empty()) return Chooser(found, claim, sets).ByName(from);
  if (found.backup.empty() && found.origins.size() == 1) return found.origins.front().claim;
  return Chooser(found, claim, sets).ByClaim();
}

}  // namespace holdfast::controllers::populator
