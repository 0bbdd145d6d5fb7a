// metav1.Condition, and conditions as kstatus reads them (sigs.k8s.io/cli-utils, "kstatus"):
// Ready says whether all is well now; Reconciling and Stalled are there only while they are True
// (work is under way; work cannot go on until the user changes something).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crds/types/fields.h"

namespace holdfast::crds {

inline constexpr std::string_view kReady = "Ready";
inline constexpr std::string_view kReconciling = "Reconciling";
inline constexpr std::string_view kStalled = "Stalled";
// Of a repository: whether the last check found its data whole.
inline constexpr std::string_view kHealthy = "Healthy";

enum class ConditionStatus : std::uint8_t { kTrue, kFalse, kUnknown };
constexpr auto Names(ConditionStatus) {
  return std::array<std::string_view, 3>{"True", "False", "Unknown"};
}

struct Condition {
  std::string type;
  ConditionStatus status = ConditionStatus::kUnknown;
  std::int64_t observed_generation = 0;
  std::optional<TimePoint> last_transition_time;
  std::string reason;   // CamelCase, never empty
  std::string message;  // a sentence for people

  template <typename V>
  static void Fields(V&& visit) {
    visit("type", &Condition::type, kRequired);
    visit("status", &Condition::status, kRequired);
    visit("observedGeneration", &Condition::observed_generation, kOmitZero);
    visit("lastTransitionTime", &Condition::last_transition_time, kRequired);
    visit("reason", &Condition::reason, kRequired);
    visit("message", &Condition::message, kRequired);
  }
  friend bool operator==(const Condition&, const Condition&) = default;
};

using Conditions = std::vector<Condition>;

// Longer messages are cut to this many bytes, at a character's edge (the schema's maxLength).
inline constexpr std::size_t kMaxConditionMessage = 4096;

// Adds the condition or replaces the one of its type. last_transition_time is the old one while
// the status stays the same, else `now`; the caller's value is ignored.
void SetCondition(Conditions& conditions, Condition condition, TimePoint now);
void RemoveCondition(Conditions& conditions, std::string_view type);

const Condition* FindCondition(const Conditions& conditions, std::string_view type);
bool IsTrue(const Conditions& conditions, std::string_view type);

// Why an object is in its state: what the three functions below write.
struct Verdict {
  std::int64_t generation = 0;  // metadata.generation that was looked at
  std::string reason;
  std::string message;
};

// All is well: Ready=True, neither of the others.
void SetReady(Conditions& conditions, const Verdict& verdict, TimePoint now);
// On its way: Reconciling=True, Ready=False, not Stalled.
void SetReconciling(Conditions& conditions, const Verdict& verdict, TimePoint now);
// Stuck or failed for good until the user acts: Stalled=True, Ready=False, not Reconciling.
void SetStalled(Conditions& conditions, const Verdict& verdict, TimePoint now);
// Not well, while the operator neither works on it nor gave up (it tries again later): Ready=False.
void SetNotReady(Conditions& conditions, const Verdict& verdict, TimePoint now);

}  // namespace holdfast::crds
