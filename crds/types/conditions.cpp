#include "crds/types/conditions.h"

#include <algorithm>
#include <utility>

namespace holdfast::crds {
namespace {

constexpr unsigned kContinuationMask = 0xC0;
constexpr unsigned kContinuation = 0x80;

void CutToCharacter(std::string& text, std::size_t limit) {
  if (text.size() <= limit) return;
  const auto inside_character = [&] {
    return (static_cast<unsigned char>(text[limit]) & kContinuationMask) == kContinuation;
  };
  while (limit > 0 && inside_character()) --limit;
  text.resize(limit);
}

void Set(Conditions& conditions, std::string_view type, ConditionStatus status,
         const Verdict& verdict, TimePoint now) {
  SetCondition(conditions,
               {.type = std::string(type),
                .status = status,
                .observed_generation = verdict.generation,
                .last_transition_time = std::nullopt,
                .reason = verdict.reason,
                .message = verdict.message},
               now);
}

}  // namespace

void SetCondition(Conditions& conditions, Condition condition, TimePoint now) {
  CutToCharacter(condition.message, kMaxConditionMessage);
  condition.last_transition_time = now;
  const auto old = std::ranges::find(conditions, condition.type, &Condition::type);
  if (old == conditions.end()) {
    conditions.push_back(std::move(condition));
    return;
  }
  if (old->status == condition.status && old->last_transition_time)
    condition.last_transition_time = old->last_transition_time;
  *old = std::move(condition);
}

void RemoveCondition(Conditions& conditions, std::string_view type) {
  std::erase_if(conditions, [&](const Condition& condition) { return condition.type == type; });
}

const Condition* FindCondition(const Conditions& conditions, std::string_view type) {
  const auto found = std::ranges::find(conditions, type, &Condition::type);
  return found == conditions.end() ? nullptr : &*found;
}

bool IsTrue(const Conditions& conditions, std::string_view type) {
  const Condition* condition = FindCondition(conditions, type);
  return condition != nullptr && condition->status == ConditionStatus::kTrue;
}

void SetReady(Conditions& conditions, const Verdict& verdict, TimePoint now) {
  Set(conditions, kReady, ConditionStatus::kTrue, verdict, now);
  RemoveCondition(conditions, kReconciling);
  RemoveCondition(conditions, kStalled);
}

void SetReconciling(Conditions& conditions, const Verdict& verdict, TimePoint now) {
  Set(conditions, kReady, ConditionStatus::kFalse, verdict, now);
  Set(conditions, kReconciling, ConditionStatus::kTrue, verdict, now);
  RemoveCondition(conditions, kStalled);
}

void SetStalled(Conditions& conditions, const Verdict& verdict, TimePoint now) {
  Set(conditions, kReady, ConditionStatus::kFalse, verdict, now);
  Set(conditions, kStalled, ConditionStatus::kTrue, verdict, now);
  RemoveCondition(conditions, kReconciling);
}

void SetNotReady(Conditions& conditions, const Verdict& verdict, TimePoint now) {
  Set(conditions, kReady, ConditionStatus::kFalse, verdict, now);
  RemoveCondition(conditions, kReconciling);
  RemoveCondition(conditions, kStalled);
}

}  // namespace holdfast::crds
