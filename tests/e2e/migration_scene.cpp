#include "tests/e2e/migration_scene.h"

#include <utility>

namespace holdfast::e2e {

Kubectl MigrationScene::FollowThere(SecondCluster& second, const std::string& limits) {
  const Kubectl there = second.In(kubectl_.ns());
  there.Must({"create", "namespace", there.ns()});
  const Kubectl here = std::exchange(kubectl_, there);
  MakeSecrets();
  kubectl_.Apply(StatefulSetYaml(0));
  kubectl_.Apply(RepositoryThere(limits));
  kubectl_.Apply(Named("migration/20-follow.yaml"));
  kubectl_ = here;
  EXPECT_TRUE(AwaitHolds(there, "move", "first"));
  return there;
}

void MigrationScene::StopHere() const {
  kubectl_.Must({"patch", "bkp", "app", "--type=merge", "-p", R"({"spec":{"suspend":true}})"});
  kubectl_.Must({"scale", "statefulset/app", "--replicas=0"});
  kubectl_.Must({"wait", "pod", "-l", "app=app", "--for=delete", "--timeout=120s"});
}

std::string MigrationScene::Content(const Kubectl& there) {
  return there.Shell("app-0", "cd /data && find . -type f -exec md5sum {} + | sort | md5sum");
}

std::string MigrationScene::RepositoryThere(const std::string& limits) const {
  const std::string yaml =
      Replaced(InStore(Example("migration/10-repository.yaml")), "cluster: old", "cluster: test");
  return yaml + (limits.empty() ? "" : "  limits: " + limits + "\n");
}

std::string MigrationScene::Named(const std::string& path) const {
  return Replaced(Example(path), ": postgres", ": app");
}

}  // namespace holdfast::e2e
