// What a policy protects: the StatefulSet that spec.target names, or all of its namespace that its
// selector fits.
#pragma once

#include <string>
#include <vector>

#include "controllers/context.h"

namespace holdfast::controllers {

// By name. Empty when there is none; those that are being deleted are none for a selector.
std::vector<kube::Cache<StatefulSetView>::Entry> TargetsOf(const Caches& caches,
                                                           const crds::BackupPolicy& policy);

// As the API server selects by labels (LabelSelector of apimachinery). An operator that is not
// known fits nothing.
bool Fits(const crds::LabelSelector& selector, const std::map<std::string, std::string>& labels);

// "StatefulSet/mysql", or "StatefulSets/app=shop,tier in (db,cache)".
std::string DescribeTarget(const crds::PolicyTarget& target);

// The name in index::kStatefulSet of policies with a selector: every StatefulSet of their namespace
// concerns them.
inline constexpr const char* kAnyStatefulSet = "*";

}  // namespace holdfast::controllers
