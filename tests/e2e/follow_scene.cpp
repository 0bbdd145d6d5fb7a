#include "tests/e2e/follow_scene.h"

#include <utility>

namespace holdfast::e2e {

using std::chrono::seconds;

std::string FollowScene::CopyYaml(int replicas) const {
  return Replaced(StatefulSetYaml(replicas), "{name: app}", "{name: copy}");
}

std::string FollowScene::FollowYaml(const std::string& target, const std::string& more) {
  return "apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: standby}\n"
         "spec: {source: {policy: app}, target: " +
         target + ", mode: Follow" + more + "}\n";
}

Kubectl FollowScene::MakeStandbyElsewhere() {
  const std::string yaml = Replaced(InStore(Example("follow-standby.yaml")), ": postgres", ": app");
  const Kubectl standby(kubectl_.ns() + "-standby");
  standby.Must({"create", "namespace", standby.ns()});
  const Kubectl source = std::exchange(kubectl_, standby);
  MakeSecrets();
  kubectl_.Apply(StatefulSetYaml(0));
  kubectl_.Apply(yaml);
  kubectl_ = source;
  return standby;
}

Json FollowScene::Follow(const Kubectl& there, const std::string& name) {
  const Json restore = there.Get("rst", name);
  const Json* found = Find(restore, {"status", "follow"});
  return found == nullptr ? Json::object() : *found;
}

bool FollowScene::AwaitHolds(const Kubectl& there, const std::string& name,
                             const std::string& backup) {
  return WaitUntil(name + " holds " + backup, seconds(300),
                   [&] { return FindString(Follow(there, name), {"backup"}) == backup; });
}

std::int64_t FollowScene::Sum(const Kubectl& there, const std::string& name, const char* member) {
  const Json restore = there.Get("rst", name);
  const Json* volumes = Find(restore, {"status", "volumes"});
  std::int64_t sum = 0;
  if (volumes != nullptr)
    for (const Json& volume : *volumes) sum += FindInt(volume, {member}).value_or(0);
  return sum;
}

void FollowScene::Promote(const Kubectl& there, const std::string& name) {
  there.Must({"patch", "rst", name, "--type=merge", "-p", R"({"spec":{"promote":true}})"});
}

bool FollowScene::AwaitPromoted(const Kubectl& there, const std::string& name) {
  return WaitUntil(name + " is promoted", seconds(300), [&] {
    return FindString(there.Get("rst", name), {"status", "phase"}) == "Succeeded";
  });
}

Json FollowScene::Children() const {
  return ParseJson(
             kubectl_.Must({"get", "rst", "-l", "holdfast.dev/follower=standby", "-o", "json"}))
      .value()["items"];
}

std::string FollowScene::AwaitWriting(const Kubectl& there, const std::string& name) {
  std::string child;
  WaitUntil("a child of " + name + " writes", seconds(120), [&] {
    child = FindString(Follow(there, name), {"restoring"});
    const Json restore = child.empty() ? Json() : there.Get("rst", child);
    return FindString(restore, {"status", "phase"}) == "Restoring" &&
           !RunningMover(there, child).empty();
  });
  return child;
}

std::string FollowScene::RunningMover(const Kubectl& there, const std::string& child) {
  return there.Must({"get", "pods", "-l", "holdfast.dev/restore=" + child,
                     "--field-selector=status.phase=Running", "-o",
                     "jsonpath={.items[*].metadata.name}"});
}

void FollowScene::ExpectNotYet(const std::string& backup) const {
  const Json follow = Follow(kubectl_, "standby");
  EXPECT_NE(FindString(follow, {"backup"}), backup) << follow;
  EXPECT_EQ(Find(follow, {"promotedTime"}), nullptr) << follow;
  EXPECT_EQ(FindInt(kubectl_.Get("sts", "copy"), {"spec", "replicas"}), 0);
}

}  // namespace holdfast::e2e
