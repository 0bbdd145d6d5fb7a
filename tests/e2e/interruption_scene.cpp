#include "tests/e2e/interruption_scene.h"

namespace holdfast::e2e {

using std::chrono::seconds;

void InterruptionScene::MakeLostApp(int megabytes) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, megabytes, kSlow));
  good_ = DataDigest("app-0");
  kubectl_.Apply(BackupYaml("good"));
  ASSERT_TRUE(WaitForPhase("bk", "good", "Succeeded", seconds(120)));
  kubectl_.Shell("app-0", "rm -rf /data/*; echo lost > /data/lost");
}

void InterruptionScene::ExpectGood() const {
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0"), good_);
}

void InterruptionScene::Restore(const std::string& name, const std::string& more) const {
  kubectl_.Apply("apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: " + name +
                 "}\nspec:\n  source: {backup: good}\n  target: {statefulSet: app}\n"
                 "  deleteExtra: true\n" +
                 more);
}

void InterruptionScene::Delete(const std::string& restore) const {
  kubectl_.Must({"delete", "rst", restore, "--wait=false"});
}

bool InterruptionScene::AwaitGone(const std::string& restore) const {
  return WaitUntil("Restore " + restore + " is gone", seconds(90),
                   [&] { return kubectl_.Get("rst", restore).is_null(); });
}

Json InterruptionScene::Step(const std::string& restore, const std::string& name) const {
  const Json object = kubectl_.Get("rst", restore);
  const Json* steps = Find(object, {"status", "steps"});
  if (steps != nullptr)
    for (const Json& step : *steps)
      if (FindString(step, {"name"}) == name) return step;
  return {};
}

bool InterruptionScene::AwaitStep(const std::string& restore, const std::string& name) const {
  return WaitUntil("step " + name + " of " + restore + " runs", seconds(90),
                   [&] { return FindString(Step(restore, name), {"state"}) == "Running"; });
}

std::string InterruptionScene::AwaitMover(const std::string& restore, std::int64_t attempt) const {
  std::string pod;
  WaitUntil("attempt " + std::to_string(attempt) + " of " + restore + " writes", seconds(120), [&] {
    const Json object = kubectl_.Get("rst", restore);
    const Json* volumes = Find(object, {"status", "volumes"});
    if (volumes == nullptr || volumes->empty()) return false;
    const Json& volume = volumes->front();
    pod = FindString(volume, {"pod"});
    return FindString(volume, {"state"}) == "Running" &&
           !FindString(volume, {"progress"}).empty() &&
           FindInt(volume, {"attempts"}).value_or(0) >= attempt;
  });
  return pod;
}

std::int64_t InterruptionScene::Replicas() const {
  return FindInt(kubectl_.Get("sts", "app"), {"spec", "replicas"}).value_or(-1);
}

}  // namespace holdfast::e2e
