#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/populator/volume_choice.h"
#include "controllers/reasons.h"

namespace holdfast::controllers::populator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Of a Backup; each claim "data-app-1" was mounted by pod "app-1".
restore::Found FoundClaims(const std::vector<std::string>& claims) {
  restore::Found found;
  found.backup = "nightly";
  found.repository = "offsite";
  for (const std::string& claim : claims) {
    const bool dump = claim.starts_with("dump/");
    found.origins.push_back({claim, dump ? "" : claim.substr(claim.find('-') + 1), "4a5b"});
  }
  return found;
}

StatefulSetView Set(const std::string& name, int replicas,
                    std::vector<std::string> templates = {"data"}) {
  StatefulSetView set;
  set.key = {"shop", name};
  set.replicas = replicas;
  set.claim_templates = std::move(templates);
  return set;
}

struct Case {
  const char* what;
  std::vector<std::string> volumes;
  std::string from;
  std::string claim;
  std::vector<StatefulSetView> sets;
  std::string chosen;  // "?": none
};

TEST(PopulatorChoiceTest, WhichVolumeFillsAClaim) {
  const std::vector<Case> cases = {
      {"the one of its own name", {"data-app-0", "data-app-1"}, "", "data-app-1", {}, "data-app-1"},
      {"also where its StatefulSet is there",
       {"data-app-0", "data-app-1"},
       "",
       "data-app-1",
       {Set("app", 2)},
       "data-app-1"},
      {"template and ordinal, of a StatefulSet of another name",
       {"data-app-0", "data-app-1"},
       "",
       "data-copy-1",
       {Set("copy", 2)},
       "data-app-1"},
      {"the template counts",
       {"data-app-0", "log-app-0"},
       "",
       "log-copy-0",
       {Set("copy", 1, {"data", "log"})},
       "log-app-0"},
      {"the only volume", {"data-app-0"}, "", "scratch", {}, "data-app-0"},
      {"the only volume, of a StatefulSet of one",
       {"data"},
       "",
       "www-web-0",
       {Set("web", 1)},
       "data"},
      {"not for each of several replicas",
       {"data-app-0"},
       "",
       "data-copy-1",
       {Set("copy", 2)},
       "?"},
      {"not of a template that was not backed up",
       {"data-app-0"},
       "",
       "log-copy-0",
       {Set("copy", 1, {"data", "log"})},
       "?"},
      {"not one of several at random", {"data-app-0", "data-app-1"}, "", "scratch", {}, "?"},
      {"what is named", {"data-app-0", "data-app-1"}, "data-app-1", "scratch", {}, "data-app-1"},
      {"what is named, rather than the same name",
       {"data-app-0", "data-app-1"},
       "data-app-0",
       "data-app-1",
       {Set("app", 2)},
       "data-app-0"},
      {"a name that is not there", {"data-app-0"}, "data-app-7", "scratch", {}, "?"},
      {"a dump does not count", {"data-app-0", "dump/orders"}, "", "scratch", {}, "data-app-0"},
      {"a dump alone is not a volume", {"dump/orders"}, "", "scratch", {}, "?"},
      {"a dump that is named",
       {"data-app-0", "dump/orders"},
       "dump/orders",
       "scratch",
       {},
       "dump/orders"},
      {"two StatefulSets in one backup",
       {"data-app-0", "data-web-0"},
       "",
       "data-copy-0",
       {Set("copy", 1)},
       "?"},
  };
  for (const Case& one : cases) {
    const auto chosen = ChooseVolume(FoundClaims(one.volumes), one.from, one.claim, one.sets);
    EXPECT_EQ(chosen ? *chosen : "?", one.chosen) << one.what;
    if (!chosen) {
      EXPECT_EQ(chosen.error().reason, reason::kNoVolumeFits) << one.what;
    }
  }
}

TEST(PopulatorChoiceTest, ASetsNameMayHaveDashes) {
  restore::Found found = FoundClaims({});
  found.backup = "nightly";
  found.origins = {{"data-my-app-0", "my-app-0", "a"}, {"data-my-app-1", "my-app-1", "b"}};
  const auto chosen = ChooseVolume(found, "", "data-my-copy-1", {Set("my-copy", 2)});
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(*chosen, "data-my-app-1");
}

// By identity or by a snapshot's id there is one, whatever it was called.
TEST(PopulatorChoiceTest, ASourceOfARepositoryIsOneVolume) {
  restore::Found found;
  found.repository = "offsite";
  found.origins = {{"data-app-0", "", ""}};
  EXPECT_EQ(ChooseVolume(found, "", "data-copy-1", {Set("copy", 2)}), "data-app-0");
  found.origins = {{"", "", "4a5b"}};
  EXPECT_EQ(ChooseVolume(found, "", "scratch", {}), "");
  EXPECT_EQ(ChooseVolume(found, "data", "scratch", {}), "data") << "the user's word is taken";
}

TEST(PopulatorChoiceTest, ARefusalSaysWhatThereIsAndWhatToWrite) {
  const auto refused = ChooseVolume(FoundClaims({"data-app-0", "data-app-1"}), "", "scratch", {});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("data-app-0, data-app-1"), HasSubstr("spec.target.populator.from")));
  std::vector<std::string> many;
  for (int i = 0; i < 200; ++i) many.push_back("data-app-" + std::to_string(i));
  const auto long_one = ChooseVolume(FoundClaims(many), "", "scratch", {});
  ASSERT_FALSE(long_one);
  EXPECT_THAT(long_one.error().message, AllOf(HasSubstr("and 190 more"), Not(HasSubstr("app-99"))));
}

}  // namespace
}  // namespace holdfast::controllers::populator
