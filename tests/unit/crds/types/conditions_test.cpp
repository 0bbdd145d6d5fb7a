#include "crds/types/conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::crds {
namespace {

const TimePoint kEarly = ParseTime("2026-08-01T12:00:00Z").value();
const TimePoint kLate = ParseTime("2026-08-01T13:00:00Z").value();

std::vector<std::string> Types(const Conditions& conditions) {
  std::vector<std::string> types;
  for (const Condition& condition : conditions) types.push_back(condition.type);
  return types;
}

TEST(SetCondition, KeepsTheTimeWhileTheStatusStays) {
  Conditions conditions;
  SetNotReady(conditions, {1, "Waiting", "for a pod"}, kEarly);
  SetNotReady(conditions, {2, "Unreachable", "no answer"}, kLate);
  ASSERT_EQ(conditions.size(), 1u);
  EXPECT_EQ(conditions[0].last_transition_time, kEarly);
  EXPECT_EQ(conditions[0].observed_generation, 2);
  EXPECT_EQ(conditions[0].reason, "Unreachable");
}

TEST(SetCondition, MovesTheTimeWithTheStatus) {
  Conditions conditions;
  SetNotReady(conditions, {1, "Waiting", ""}, kEarly);
  SetReady(conditions, {1, "Ready", ""}, kLate);
  EXPECT_EQ(conditions[0].last_transition_time, kLate);
}

TEST(SetCondition, ChangesNothingWhenNothingChanged) {
  Conditions conditions;
  SetStalled(conditions, {1, "NotSupported", "leave out spec.continuous"}, kEarly);
  const Conditions before = conditions;
  SetStalled(conditions, {1, "NotSupported", "leave out spec.continuous"}, kLate);
  EXPECT_EQ(conditions, before);
}

TEST(SetCondition, CutsLongMessagesAtACharactersEdge) {
  Conditions conditions;
  std::string message(kMaxConditionMessage - 1, 'a');
  message += "\xC3\xA4\xC3\xA4";  // two letters of two bytes each
  SetReady(conditions, {1, "Ready", message}, kEarly);
  EXPECT_EQ(conditions[0].message, std::string(kMaxConditionMessage - 1, 'a'));
}

TEST(Kstatus, AbnormalConditionsAreThereOnlyWhileTrue) {
  Conditions conditions;
  SetReconciling(conditions, {1, "Running", ""}, kEarly);
  EXPECT_THAT(Types(conditions), testing::UnorderedElementsAre("Ready", "Reconciling"));
  EXPECT_FALSE(IsTrue(conditions, kReady));
  EXPECT_TRUE(IsTrue(conditions, kReconciling));

  SetStalled(conditions, {1, "Failed", ""}, kEarly);
  EXPECT_THAT(Types(conditions), testing::UnorderedElementsAre("Ready", "Stalled"));

  SetReady(conditions, {2, "Ready", ""}, kLate);
  EXPECT_THAT(Types(conditions), testing::ElementsAre("Ready"));
  EXPECT_TRUE(IsTrue(conditions, kReady));

  SetNotReady(conditions, {2, "Unreachable", ""}, kLate);
  EXPECT_THAT(Types(conditions), testing::ElementsAre("Ready"));
}

TEST(FindCondition, IsNullWhenThereIsNone) {
  EXPECT_EQ(FindCondition({}, kReady), nullptr);
  EXPECT_FALSE(IsTrue({}, kReady));
}

}  // namespace
}  // namespace holdfast::crds
