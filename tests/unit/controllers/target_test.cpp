#include "controllers/target.h"

#include <gtest/gtest.h>

namespace holdfast::controllers {
namespace {

using Labels = std::map<std::string, std::string>;

crds::LabelSelector Where(const std::string& key, const std::string& op,
                          std::vector<std::string> values = {}) {
  crds::LabelSelector selector;
  selector.match_expressions = {{key, op, std::move(values)}};
  return selector;
}

// As in "Labels and Selectors" of the Kubernetes documentation.
TEST(TargetTest, SelectsAsTheApiServerDoes) {
  const Labels labels = {{"app", "shop"}, {"tier", "db"}};
  crds::LabelSelector equal;
  equal.match_labels = {{"app", "shop"}};
  EXPECT_TRUE(Fits(equal, labels));
  equal.match_labels["tier"] = "web";
  EXPECT_FALSE(Fits(equal, labels)) << "all of them";
  EXPECT_TRUE(Fits(Where("tier", "In", {"db", "cache"}), labels));
  EXPECT_FALSE(Fits(Where("zone", "In", {"a"}), labels));
  EXPECT_FALSE(Fits(Where("tier", "NotIn", {"db"}), labels));
  EXPECT_TRUE(Fits(Where("zone", "NotIn", {"a"}), labels)) << "what is not there is not in";
  EXPECT_TRUE(Fits(Where("app", "Exists"), labels));
  EXPECT_FALSE(Fits(Where("app", "DoesNotExist"), labels));
  EXPECT_TRUE(Fits(Where("zone", "DoesNotExist"), labels));
  EXPECT_FALSE(Fits(Where("app", "Gt", {"1"}), labels)) << "an operator of some later version";
}

TEST(TargetTest, IsDescribedAsKubectlWouldSelect) {
  crds::PolicyTarget target;
  target.stateful_set = "mysql";
  EXPECT_EQ(DescribeTarget(target), "StatefulSet/mysql");
  target.selector = Where("tier", "In", {"db", "cache"});
  target.selector->match_labels = {{"app", "shop"}};
  target.selector->match_expressions.push_back({"old", "DoesNotExist", {}});
  EXPECT_EQ(DescribeTarget(target), "StatefulSets/app=shop,tier in (db,cache),!old");
}

TEST(TargetTest, ASelectorFindsThoseOfItsNamespaceByName) {
  kube::Cache<crds::BackupRepository> repositories;
  kube::Cache<crds::BackupPolicy> policies;
  kube::Cache<crds::Backup> backups;
  kube::Cache<crds::Restore> restores;
  kube::Cache<JobView> jobs;
  kube::Cache<PodView> pods;
  kube::Cache<StatefulSetView> sets;
  const auto put = [&](const std::string& ns, const std::string& name, const Labels& labels,
                       bool deleting = false) {
    StatefulSetView set;
    set.key = {ns, name};
    set.labels = labels;
    set.deleting = deleting;
    sets.Put(set.key, std::make_shared<const StatefulSetView>(set));
  };
  put("shop", "b", {{"app", "shop"}});
  put("shop", "a", {{"app", "shop"}});
  put("shop", "going", {{"app", "shop"}}, true);
  put("shop", "other", {{"app", "mail"}});
  put("mail", "a", {{"app", "shop"}});
  const Caches caches{repositories, policies, backups, restores, jobs, pods, sets};

  crds::BackupPolicy policy;
  policy.metadata.namespace_ = "shop";
  policy.spec.target.selector.emplace().match_labels = {{"app", "shop"}};
  const auto found = TargetsOf(caches, policy);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0]->key.name, "a");
  EXPECT_EQ(found[1]->key.name, "b");

  policy.spec.target = {};
  policy.spec.target.stateful_set = "other";
  ASSERT_EQ(TargetsOf(caches, policy).size(), 1u);
  policy.spec.target.stateful_set = "none";
  EXPECT_TRUE(TargetsOf(caches, policy).empty());
}

}  // namespace
}  // namespace holdfast::controllers
