// Who scales a StatefulSet up while it is restored: who is named, and what becomes of volumes on
// which pods were started.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/labels.h"
#include "controllers/reasons.h"
#include "controllers/restore/decide.h"
#include "controllers/restore/draft.h"
#include "controllers/restore/fights.h"
#include "tests/builders/restore_world.h"

namespace holdfast::controllers::restore {
namespace {

using crds::RunState;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// StatefulSet "pg" whose size `manager` set last, after us.
Json SetScaledBy(const std::string& manager, const std::string& subresource = "") {
  const auto entry = [](const std::string& name, const std::string& time, const char* field) {
    return Json{{"manager", name},
                {"operation", "Update"},
                {"time", time},
                {"fieldsV1", {{"f:spec", {{field, Json::object()}}}}}};
  };
  Json set = builders::InPlaceWorld().set_object;
  set["metadata"]["managedFields"] = {entry("kubectl-edit", "2026-08-01T13:00:00Z", "f:template"),
                                      entry("earlier", "2026-08-01T11:00:00Z", "f:replicas"),
                                      entry(manager, "2026-08-01T12:00:00Z", "f:replicas"),
                                      entry("holdfast", "2026-08-01T12:30:00Z", "f:replicas")};
  if (!subresource.empty()) set["metadata"]["managedFields"][2]["subresource"] = subresource;
  return set;
}

TEST(FightsTest, TheFieldManagerThatSetTheSizeIsFound) {
  EXPECT_EQ(ManagerOfReplicas(SetScaledBy("kubectl", "scale")), "kubectl");
  EXPECT_EQ(ManagerOfReplicas(SetScaledBy("holdfast")), "earlier");
  EXPECT_EQ(ManagerOfReplicas(Json::object()), "");
}

struct Case {
  const char* name;
  const char* manager;
  Json metadata;  // merged into the StatefulSet's
  std::vector<Autoscaler> autoscalers;
  std::string advice;
};

class AdviceTest : public ::testing::TestWithParam<Case> {};

TEST_P(AdviceTest, NamesThemAndTheCommandThatPausesThem) {
  Json set = SetScaledBy(GetParam().manager);
  set["metadata"].update(GetParam().metadata);
  EXPECT_EQ(Advice(WhoScales(set, GetParam().autoscalers)), GetParam().advice);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, AdviceTest,
    ::testing::Values(
        Case{"Person", "kubectl", Json::object(), {}, ""},
        Case{"ArgoCd",
             "argocd-controller",
             {{"annotations",
               {{"argocd.argoproj.io/tracking-id", "shop:apps/StatefulSet:shop/pg"}}}},
             {},
             "Argo CD's Application shop manages its size, which this pauses until the Restore is "
             "over: kubectl -n argocd annotate application shop "
             "argocd.argoproj.io/skip-reconcile=true"},
        Case{"ArgoCdElsewhere",
             "argocd-controller",
             {{"annotations",
               {{"argocd.argoproj.io/tracking-id", "team_shop:apps/StatefulSet:shop/pg"}}}},
             {},
             "Argo CD's Application shop manages its size, which this pauses until the Restore is "
             "over: kubectl -n team annotate application shop "
             "argocd.argoproj.io/skip-reconcile=true"},
        Case{"ArgoCdByLabel",
             "argocd-application-controller",
             {{"labels", {{"app.kubernetes.io/instance", "shop"}}}},
             {},
             "Argo CD's Application shop manages its size, which this pauses until the Restore is "
             "over: kubectl -n argocd annotate application shop "
             "argocd.argoproj.io/skip-reconcile=true"},
        Case{"TheLabelAloneIsNotArgoCd",
             "kubectl",
             {{"labels", {{"app.kubernetes.io/instance", "shop"}}}},
             {},
             ""},
        Case{"FluxKustomization",
             "kustomize-controller",
             {{"labels",
               {{"kustomize.toolkit.fluxcd.io/name", "apps"},
                {"kustomize.toolkit.fluxcd.io/namespace", "flux-system"}}}},
             {{"web", "StatefulSet", "pg", 1, ""}},
             "Flux's Kustomization apps manages its size, which this pauses until the Restore is "
             "over: flux suspend kustomization apps -n flux-system"},
        Case{"FluxHelmRelease",
             "helm-controller",
             {{"labels",
               {{"helm.toolkit.fluxcd.io/name", "pg"},
                {"helm.toolkit.fluxcd.io/namespace", "shop"}}},
              {"annotations", {{"meta.helm.sh/release-name", "pg"}}}},
             {},
             "Flux's HelmRelease pg manages its size, which this pauses until the Restore is over: "
             "flux suspend helmrelease pg -n shop"},
        Case{"Helm",
             "helm",
             {{"annotations", {{"meta.helm.sh/release-name", "pg"}}}},
             {},
             "Helm's release pg manages its size: do not upgrade or roll it back until the Restore "
             "is over"},
        Case{"Autoscaler",
             "kube-controller-manager",
             {{"annotations", {{"meta.helm.sh/release-name", "pg"}}}},
             {{"web", "StatefulSet", "pg", 0, ""}},
             "HorizontalPodAutoscaler web manages its size, which this pauses until the Restore is "
             "over: kubectl -n shop patch hpa web --type=merge -p "
             R"('{"spec":{"behavior":{"scaleUp":{"selectPolicy":"Disabled"}}}}')"},
        Case{"Keda",
             "keda",
             Json::object(),
             {{"keda-hpa-web", "StatefulSet", "pg", 1, "web"}},
             "KEDA's ScaledObject web manages its size, which this pauses until the Restore is "
             "over: kubectl -n shop annotate scaledobject web autoscaling.keda.sh/paused=true"},
        Case{"AnUnknownManagerAccusesAll",
             "terraform",
             {{"annotations", {{"meta.helm.sh/release-name", "pg"}}}},
             {{"web", "StatefulSet", "pg", 0, ""}},
             "Helm's release pg manages its size: do not upgrade or roll it back until the Restore "
             "is over; HorizontalPodAutoscaler web manages its size, which this pauses until the "
             "Restore is over: kubectl -n shop patch hpa web --type=merge -p "
             R"('{"spec":{"behavior":{"scaleUp":{"selectPolicy":"Disabled"}}}}')"}),
    [](const auto& told) { return std::string(told.param.name); });

TEST(FightsTest, KedaIsKnownByItsAutoscalersName) {
  const Json object = {
      {"metadata", {{"name", "keda-hpa-web"}}},
      {"spec",
       {{"minReplicas", 2}, {"scaleTargetRef", {{"kind", "StatefulSet"}, {"name", "pg"}}}}}};
  const auto decoded = DecodeAutoscaler(object);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->scaled_object, "web");
  EXPECT_EQ(decoded->min_replicas, 2);
  EXPECT_EQ(decoded->target_name, "pg");
}

TEST(FightsTest, AnAutoscalerRestsAtZeroUnlessItScalesFromThere) {
  EXPECT_THAT(WhoWouldScaleUp("shop", {{"web", "StatefulSet", "pg", 2, ""}}), IsEmpty());
  EXPECT_THAT(WhoWouldScaleUp("shop", {{"web", "StatefulSet", "pg", 0, ""},
                                       {"keda-hpa-q", "StatefulSet", "pg", 1, "q"}}),
              SizeIs(2));
}

// --- In the midst of a restore ---

class TamperingTest : public ::testing::Test {
 protected:
  // Both volumes are being written.
  void SetUp() override {
    for (int pass = 0; pass < 20 && world_.movers.empty(); ++pass) {
      Look();
      if (world_.set->replicas == 0) world_.pods.clear();
    }
    ASSERT_EQ(world_.movers.size(), 2u);
  }

  Plan Look() {
    world_.now += seconds(2);
    Plan plan = Decide(world_, {});
    if (plan.add_finalizer) world_.restore.metadata.finalizers = {kScaleBackFinalizer};
    if (plan.scale) {
      world_.set->replicas = static_cast<int>(*plan.scale);
      world_.set->ready_replicas = 0;
    }
    for (const std::string& claim : plan.start) {
      world_.movers[claim].job.key = {"shop", "mover-of-" + claim};
      world_.movers[claim].job.active = 1;
      world_.movers[claim].state.phase = MoverPhase::kRunning;
    }
    for (const JobView& job : plan.remove)
      for (auto& [claim, mover] : world_.movers)
        if (mover.job.key == job.key) mover.job.deleting = true;
    world_.restore.status = plan.status;
    return plan;
  }
  void Finish(const std::string& claim) {
    world_.movers.at(claim).job.complete = true;
    world_.movers.at(claim).state.phase = MoverPhase::kSucceeded;
  }
  void PodIsStarted(const std::string& ordinal) {
    world_.set->replicas = 2;
    world_.pods.push_back(builders::Pod("pg-" + ordinal, "data-pg-" + ordinal, "set-uid"));
    world_.pods.back().node = "n1";
  }
  RunState StateOf(std::size_t volume) const { return world_.restore.status.volumes[volume].state; }
  std::string Message() const {
    return crds::FindCondition(world_.restore.status.conditions, crds::kReady)->message;
  }

  World world_ = builders::InPlaceWorld();
};

TEST_F(TamperingTest, WhoFightsIsInTheConditionWithTheCommand) {
  world_.set->replicas = 2;
  world_.set_object["metadata"]["managedFields"] =
      SetScaledBy("argocd-controller")["metadata"]["managedFields"];
  world_.set_object["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] =
      "shop:apps/StatefulSet:shop/pg";
  const Plan plan = Look();
  EXPECT_EQ(plan.scale, 0);
  EXPECT_THAT(Message(), HasSubstr("by field manager \"argocd-controller\""));
  EXPECT_THAT(Message(), HasSubstr("argocd.argoproj.io/skip-reconcile=true"));
  ASSERT_THAT(plan.events, SizeIs(2));
  // Once it is down again, the condition still says what happened.
  world_.set_object["metadata"].erase("managedFields");
  Look();
  EXPECT_THAT(Message(), HasSubstr("Meanwhile: StatefulSet pg was scaled to 2 replicas"));
  // Word for word the same for the second fight, which is then one series of events.
  world_.set->replicas = 2;
  world_.set_object["metadata"]["managedFields"] =
      SetScaledBy("argocd-controller")["metadata"]["managedFields"];
  EXPECT_EQ(Look().events, plan.events);
}

TEST_F(TamperingTest, APodThatWasNeverOnANodeChangedNothing) {
  PodIsStarted("0");
  world_.pods.back().node.clear();
  Look();
  EXPECT_EQ(StateOf(0), RunState::kRunning);
}

// Its containers have stopped, but the object stays a moment longer.
TEST_F(TamperingTest, APodThatHadEndedBeforeTheMoverBeganChangedNothing) {
  PodIsStarted("0");
  world_.pods.back().phase = "Succeeded";
  world_.pods.back().created = world_.now;
  world_.movers.at("data-pg-0").job.created = world_.now + seconds(1);
  Look();
  EXPECT_EQ(StateOf(0), RunState::kRunning);
  world_.movers.at("data-pg-0").job.created = world_.pods.back().created;
  Look();
  EXPECT_EQ(StateOf(0), RunState::kSkipped) << "in the same second nobody knows";
}

TEST_F(TamperingTest, AVolumeOnWhichAPodWasStartedIsRestoredOnceMore) {
  Finish("data-pg-0");
  PodIsStarted("0");
  Plan plan = Look();
  EXPECT_FALSE(plan.scale) << "what is known is stored first";
  EXPECT_EQ(StateOf(0), RunState::kSkipped);
  EXPECT_EQ(StateOf(1), RunState::kRunning);
  EXPECT_THAT(plan.remove, IsEmpty());
  EXPECT_EQ(plan.events[0].reason, reason::kRestoredAgain);

  plan = Look();
  EXPECT_EQ(plan.scale, 0);
  ASSERT_THAT(plan.remove, SizeIs(1));
  EXPECT_EQ(plan.remove[0].key.name, "mover-of-data-pg-0");
  EXPECT_EQ(StateOf(0), RunState::kSkipped) << "the Job that goes still says that it succeeded";

  // The Job is gone; the pod is not yet.
  world_.movers.erase("data-pg-0");
  EXPECT_THAT(Look().start, IsEmpty());
  EXPECT_EQ(StateOf(0), RunState::kPending);
  EXPECT_THAT(Look().start, IsEmpty());
  world_.pods.clear();
  EXPECT_THAT(Look().start, ElementsAre("data-pg-0"));
}

TEST_F(TamperingTest, WhatWasWrittenIsNotForgottenWithItsMover) {
  Finish("data-pg-0");
  PodIsStarted("0");
  Look();
  Look();
  world_.movers.erase("data-pg-0");
  world_.pods.clear();
  ASSERT_THAT(Look().start, ElementsAre("data-pg-0"));
  // The successor ends before it writes anything; the other has ended well.
  Finish("data-pg-1");
  Mover& mover = world_.movers.at("data-pg-0");
  mover.job.broken = true;
  mover.job.failed = 1;
  mover.state.phase = MoverPhase::kFailed;
  mover.state.result.emplace().exit = protocol::ExitCode::kWrongPassword;
  const Plan plan = Look();
  EXPECT_EQ(plan.status.phase, crds::RestorePhase::kFailed);
  EXPECT_FALSE(plan.scale) << "half of the first attempt may still be there";
}

TEST_F(TamperingTest, ItIsNotWholeWhileOneHasToBeRestoredOnceMore) {
  Finish("data-pg-0");
  Finish("data-pg-1");
  PodIsStarted("1");
  Look();
  Look();
  EXPECT_EQ(world_.set->replicas, 0);
  EXPECT_NE(world_.restore.status.phase, crds::RestorePhase::kScalingUp);
}

TEST_F(TamperingTest, OurOwnScalingUpIsNotSomebodyElses) {
  Finish("data-pg-0");
  Finish("data-pg-1");
  Plan plan = Look();
  EXPECT_FALSE(plan.scale);
  plan = Look();
  EXPECT_EQ(plan.scale, 2);
  PodIsStarted("0");
  plan = Look();
  EXPECT_EQ(StateOf(0), RunState::kSucceeded);
  EXPECT_THAT(plan.events, IsEmpty());
}

// --- Detached ---

class DetachTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int pass = 0; pass < 4; ++pass) Look();
    ASSERT_EQ(world_.set->replicas, 0);
    ASSERT_THAT(world_.movers, IsEmpty());
  }
  Plan Look() {
    Plan plan = Decide(world_, {});
    if (plan.add_finalizer) world_.restore.metadata.finalizers = {kScaleBackFinalizer};
    if (plan.scale) world_.set->replicas = static_cast<int>(*plan.scale);
    world_.restore.status = plan.status;
    world_.now += seconds(2);
    return plan;
  }
  std::string Message() const {
    return crds::FindCondition(world_.restore.status.conditions, crds::kReady)->message;
  }

  World world_ = builders::InPlaceWorld();
};

TEST_F(DetachTest, AVolumeThatANodeStillHasIsWaitedForAndNamed) {
  world_.pods.clear();
  world_.claims["data-pg-1"].volume = "pvc-1";
  world_.claims["data-pg-1"].attached_to = "n2";
  EXPECT_THAT(Look().start, IsEmpty());
  EXPECT_EQ(Message(), "Waiting until volume pvc-1 of claim data-pg-1 is detached from node n2.");
  world_.now += minutes(3);
  Look();
  EXPECT_THAT(Message(), HasSubstr("kubectl taint nodes n2 "
                                   "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"));
  world_.claims["data-pg-1"].attached_to.clear();
  EXPECT_THAT(Look().start, SizeIs(2));
}

TEST_F(DetachTest, ButNotForEver) {
  world_.pods.clear();
  world_.claims["data-pg-1"].attached_to = "n2";
  Look();
  world_.now += minutes(11);
  EXPECT_THAT(Look().start, SizeIs(2));
}

TEST_F(DetachTest, NotForVolumesThatManyNodesMayHave) {
  world_.pods.clear();
  world_.claims["data-pg-1"].attached_to = "n2";
  world_.claims["data-pg-1"].many_nodes = true;
  EXPECT_THAT(Look().start, SizeIs(2));
}

TEST_F(DetachTest, APodThatDoesNotGoPointsAtItsNode) {
  for (PodView& pod : world_.pods) pod.node = "n1";
  Look();
  EXPECT_THAT(Message(), Not(HasSubstr("taint")));
  world_.now += minutes(3);
  Look();
  EXPECT_THAT(Message(), HasSubstr("if node n1 is down for good"));
}

}  // namespace
}  // namespace holdfast::controllers::restore
