// What is documented, alerted on and drawn is exported, and what is exported is documented.
// GCC 12 sees uninitialized members in std::regex under the sanitizers (GCC bug 105562).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/metrics/expose.h"
#include "controllers/setup.h"
#include "operator/manager.h"
#include "operator/metrics.h"
#include "tests/fakes/scripted_transport.h"

namespace holdfast::op {
namespace {

using ::testing::ContainerEq;
using Names = std::set<std::string>;

// Tests run in the project's folder.
std::string Read(const std::filesystem::path& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

// What the first group of `pattern` matches in `text`, everywhere.
Names AllOf(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  Names names;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
    names.insert((*it)[1]);
  return names;
}

class IdleReconciler final : public controllers::Reconciler {
 public:
  std::string_view Name() const override { return "idle"; }
  Result<controllers::Requeue> Reconcile(const kube::ObjectKey&, std::stop_token) override {
    return controllers::AwaitChange();
  }
};

// Of a process that has done everything once.
Names Exported() {
  fakes::ScriptedTransport server;
  const kube::Api api(server);
  const SystemClock clock;
  kube::Informer<int> informer(api, {kube::kPods, "", ""},
                               [](const Json&) -> Result<int> { return 1; });
  IdleReconciler reconciler;
  Metrics metrics;
  Manager manager(metrics, clock);
  manager.AddInformer(informer);
  manager.AddController(reconciler, 1);
  metrics.Reconciled("idle", ReconcileOutcome::kSuccess, {});
  CountingTransport transport(server, metrics);
  (void)transport.Send({}, {});

  kube::Cache<crds::BackupRepository> repositories;
  kube::Cache<crds::BackupPolicy> policies;
  kube::Cache<crds::Backup> backups;
  kube::Cache<crds::Restore> restores;
  kube::Cache<controllers::JobView> jobs;
  kube::Cache<controllers::PodView> pods;
  kube::Cache<controllers::StatefulSetView> sets;
  std::string text = metrics.Text();
  const auto next = controllers::metrics::Expose(
      {repositories, policies, backups, restores, jobs, pods, sets}, clock.Now());
  for (std::string family = next(); !family.empty(); family = next()) text += family;
  return AllOf(text, "# TYPE ([a-z_]+) ");
}

constexpr const char* kMetricName =
    "\\b((?:holdfast|workqueue|controller_runtime|rest_client|leader_election|process)_[a-z_]+)";

// Names in queries; a histogram's are those of its series.
Names Used(const std::string& text) {
  Names used;
  for (std::string name : AllOf(text, kMetricName)) {
    const std::regex series("_(bucket|sum|count)$");
    used.insert(std::regex_replace(name, series, ""));
  }
  return used;
}

TEST(DocumentedTest, EveryMetricIsInTheTablesAndEveryRowIsAMetric) {
  const Names documented = AllOf(Read("docs/operations.md"), "\\n\\| `([a-z]+_[a-z_]+)` \\|");
  EXPECT_THAT(documented, ContainerEq(Exported()));
}

TEST(DocumentedTest, AlertsAskForWhatIsExported) {
  const Names exported = Exported();
  const Names used = Used(Read("helm/holdfast/alerts/holdfast.rules.yaml"));
  EXPECT_FALSE(used.empty());
  for (const std::string& name : used) EXPECT_TRUE(exported.contains(name)) << name;
}

TEST(DocumentedTest, TheDashboardAsksForWhatIsExported) {
  const Names exported = Exported();
  const Json dashboard = Json::parse(Read("helm/holdfast/dashboards/holdfast.json"));
  std::string queries = dashboard["templating"].dump();
  for (const Json& panel : dashboard["panels"])
    if (panel.contains("targets"))
      for (const Json& target : panel["targets"]) queries += FindString(target, {"expr"}) + "\n";
  const Names used = Used(queries);
  EXPECT_GT(used.size(), 20u);
  for (const std::string& name : used) EXPECT_TRUE(exported.contains(name)) << name;
}

TEST(DocumentedTest, EveryAlertHasItsSection) {
  const Names alerts = AllOf(Read("helm/holdfast/alerts/holdfast.rules.yaml"), "alert: (\\w+)");
  const Names sections = AllOf(Read("docs/operations.md"), "\\n### (Holdfast\\w+)\\n");
  EXPECT_THAT(sections, ContainerEq(alerts));
}

// The operator's own; the mover's are the reader's of a mover's log.
TEST(DocumentedTest, EveryComponentOfTheLogHasItsRow) {
  Names components = {"policy", "backup", "repository", "restore",
                      "populator"};  // log by their Name()
  for (const char* folder : {"base/http", "operator", "controllers"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.path().extension() == ".cpp")
        components.merge(AllOf(Read(entry.path()), R"re(Log\(\s*[\w:]+,\s*"([a-z]+)",)re"));
  const std::string text = Read("docs/operations.md");
  const std::size_t begin = text.find("| component | tells of |");
  ASSERT_NE(begin, text.npos);
  Names documented;
  const std::string table = text.substr(begin, text.find("\n\n", begin) - begin);
  for (const std::string& cell : AllOf(table, "\\n\\| ([^|]+) \\|"))
    documented.merge(AllOf(cell, "`([a-z]+)`"));
  EXPECT_THAT(documented, ContainerEq(components));
}

TEST(DocumentedTest, EveryAuditActionHasItsRow) {
  Names actions = AllOf(Read("operator/main.cpp"), "Audit\\(\\s*\"([a-z.]+)\"");
  for (const auto& entry : std::filesystem::recursive_directory_iterator("controllers"))
    if (entry.path().extension() == ".cpp")
      actions.merge(AllOf(Read(entry.path()), "Audit\\(\\s*\"([a-z.]+)\""));
  EXPECT_THAT(AllOf(Read("docs/operations.md"), "\\n\\| `([a-z]+\\.[a-z]+)` \\|"),
              ContainerEq(actions));
}

}  // namespace
}  // namespace holdfast::op
