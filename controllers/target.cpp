#include "controllers/target.h"

#include <algorithm>

namespace holdfast::controllers {
namespace {

bool Fits(const crds::LabelRequirement& wish, const std::map<std::string, std::string>& labels) {
  const auto label = labels.find(wish.key);
  const bool there = label != labels.end();
  const bool among = there && std::ranges::find(wish.values, label->second) != wish.values.end();
  if (wish.op == "In") return among;
  if (wish.op == "NotIn") return !among;
  if (wish.op == "Exists") return there;
  return wish.op == "DoesNotExist" && !there;
}

std::string Describe(const crds::LabelRequirement& wish) {
  if (wish.op == "Exists") return wish.key;
  if (wish.op == "DoesNotExist") return "!" + wish.key;
  std::string values;
  for (const std::string& value : wish.values) values += (values.empty() ? "" : ",") + value;
  return wish.key + (wish.op == "In" ? " in (" : " notin (") + values + ")";
}

std::string Describe(const crds::LabelSelector& selector) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ",") + part; };
  for (const auto& [key, value] : selector.match_labels) add(key + "=" + value);
  for (const crds::LabelRequirement& wish : selector.match_expressions) add(Describe(wish));
  return text;
}

}  // namespace

bool Fits(const crds::LabelSelector& selector, const std::map<std::string, std::string>& labels) {
  return std::ranges::all_of(selector.match_labels,
                             [&](const auto& wish) {
                               const auto label = labels.find(wish.first);
                               return label != labels.end() && label->second == wish.second;
                             }) &&
         std::ranges::all_of(selector.match_expressions,
                             [&](const auto& wish) { return Fits(wish, labels); });
}

std::vector<kube::Cache<StatefulSetView>::Entry> TargetsOf(const Caches& caches,
                                                           const crds::BackupPolicy& policy) {
  const crds::PolicyTarget& target = policy.spec.target;
  const std::string& ns = policy.metadata.namespace_;
  std::vector<kube::Cache<StatefulSetView>::Entry> targets;
  if (target.selector) {
    caches.stateful_sets.ForEach([&](const kube::ObjectKey& key, const auto& set) {
      if (key.ns == ns && !set->deleting && Fits(*target.selector, set->labels))
        targets.push_back(set);
    });
    std::ranges::sort(targets, {}, [](const auto& set) { return set->key.name; });
  } else if (auto set = caches.stateful_sets.Get({ns, target.stateful_set})) {
    targets.push_back(std::move(set));
  }
  return targets;
}

std::string DescribeTarget(const crds::PolicyTarget& target) {
  return target.selector ? "StatefulSets/" + Describe(*target.selector)
                         : "StatefulSet/" + target.stateful_set;
}

}  // namespace holdfast::controllers
