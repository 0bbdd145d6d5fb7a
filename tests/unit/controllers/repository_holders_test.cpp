#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/labels.h"
#include "controllers/repository/holders.h"
#include "jobs/protocol/result.h"

namespace holdfast::controllers::repository {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const kube::ObjectKey kRepository = {"shop", "offsite"};

PodView Running(const std::string& name) {
  PodView pod;
  pod.key = {"shop", name};
  pod.phase = "Running";
  pod.running = true;
  return pod;
}

PodView Ended(const std::string& name, bool with_word) {
  PodView pod;
  pod.key = {"shop", name};
  pod.phase = with_word ? "Succeeded" : "Failed";
  protocol::MoverResult result;
  result.verb = "backup";
  if (with_word) pod.termination_message = protocol::Encode(result);
  return pod;
}

TEST(HolderTest, OnlyOurClustersHoldersHavePods) {
  EXPECT_EQ(PodOfHolder("prod/shop/p-1", "prod"), (kube::ObjectKey{"shop", "p-1"}));
  EXPECT_EQ(PodOfHolder(HolderOf("prod", {"shop", "p-1"}), "prod"),
            (kube::ObjectKey{"shop", "p-1"}));
  for (const char* other : {"prod2/shop/p-1", "staging/shop/p-1", "laptop", "prod", "prod/",
                            "prod/shop", "prod/shop/", "prod//p", "prod/a/b/c", ""})
    EXPECT_EQ(PodOfHolder(other, "prod"), std::nullopt) << other;
}

TEST(MoverWatchTest, AMoverThatVanishesWhileAtWorkIsLost) {
  MoverWatch watch;
  EXPECT_THAT(watch.Update(kRepository, {Running("a"), Running("b")}), IsEmpty());
  EXPECT_THAT(watch.Update(kRepository, {Running("b")}), ElementsAre(kube::ObjectKey{"shop", "a"}));
  EXPECT_THAT(watch.Update(kRepository, {Running("b")}), ElementsAre(kube::ObjectKey{"shop", "a"}))
      << "until it was handled";
  watch.Handled(kRepository);
  EXPECT_THAT(watch.Update(kRepository, {Running("b")}), IsEmpty());
}

TEST(MoverWatchTest, AMoverThatSaysHowItEndedTookItsLockWithIt) {
  MoverWatch watch;
  watch.Update(kRepository, {Running("a")});
  EXPECT_THAT(watch.Update(kRepository, {Ended("a", true)}), IsEmpty());
  EXPECT_THAT(watch.Update(kRepository, {}), IsEmpty());
}

// What people ran in it may have left locks, whatever the pod itself says.
TEST(MoverWatchTest, ThePodOfABrowseIsAlwaysLookedAfter) {
  MoverWatch watch;
  PodView running = Running("a");
  PodView ended = Ended("a", true);
  running.labels = ended.labels = {{kVerbLabel, kBrowseVerb}};
  watch.Update(kRepository, {running});
  EXPECT_THAT(watch.Update(kRepository, {ended}), ElementsAre(kube::ObjectKey{"shop", "a"}));
}

TEST(MoverWatchTest, AKilledMoverIsLostOnce) {
  MoverWatch watch;
  EXPECT_THAT(watch.Update(kRepository, {Ended("a", false)}),
              ElementsAre(kube::ObjectKey{"shop", "a"}));
  watch.Handled(kRepository);
  EXPECT_THAT(watch.Update(kRepository, {Ended("a", false)}), IsEmpty())
      << "its pod is still there";
  EXPECT_THAT(watch.Update(kRepository, {}), IsEmpty());
}

TEST(MoverWatchTest, RepositoriesDoNotMix) {
  MoverWatch watch;
  watch.Update(kRepository, {Running("a")});
  EXPECT_THAT(watch.Update({"shop", "other"}, {}), IsEmpty());
  watch.Forget(kRepository);
  EXPECT_THAT(watch.Update(kRepository, {}), IsEmpty());
}

}  // namespace
}  // namespace holdfast::controllers::repository
