// What people see: kubectl get at 120 columns, and kubectl explain.
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/crds/cluster.h"

namespace holdfast::crds {
namespace {

constexpr std::size_t kTerminalWidth = 120;

class ColumnsTest : public CrdTest {
 protected:
  // Creates the object and gives it a status, as the operator would.
  static void Create(const std::string& kind, const std::string& name, const std::string& spec,
                     const std::string& status) {
    kubectl().Must({"create", "-f", "-"}, "apiVersion: holdfast.dev/v1alpha1\nkind: " + kind +
                                              "\nmetadata: {name: " + name + "}\nspec: " + spec +
                                              "\n");
    kubectl().Must({"patch", kind, name, "--subresource=status", "--type=merge", "-p", status});
  }
};

std::string Ready(const std::string& status, const std::string& reason) {
  return R"("conditions":[{"type":"Ready","status":")" + status + R"(","reason":")" + reason +
         R"(","message":"m","lastTransitionTime":"2026-08-01T12:00:00Z"}])";
}

TEST_F(ColumnsTest, AllKindsTogetherFitATerminal) {
  Create("BackupRepository", "offsite",
         "{s3: {endpoint: 'https://s3.example.com', bucket: backups, credentialsSecret: {name: s}},"
         " passwordSecret: {name: p}}",
         "{\"status\":{" + Ready("False", "RepositoryLocked") +
             R"(,"location":"s3:https://s3.example.com/backups","snapshots":12345,)"
             R"("stored":"999.9 GiB","lastCheck":{"time":"2026-08-01T12:00:00Z"}}})");
  Create("BackupPolicy", "postgres",
         "{target: {statefulSet: postgres}, repository: offsite, schedules: [{name: hourly, cron: "
         "'H * * * *'}, {name: weekly, cron: '0 2 * * SUN'}]}",
         "{\"status\":{" + Ready("True", "Ready") +
             R"(,"target":"StatefulSet/postgres","nextRun":"2026-08-01T13:00:00Z",)"
             R"("lastSuccess":{"backup":"b","time":"2026-08-01T12:00:00Z"}}})");
  Create("Backup", "postgres-hourly-29384720", "{policy: postgres}",
         R"({"status":{"phase":"Running","progress":"63%","eta":"12m30s","size":"999.9 GiB"}})");
  Create("Restore", "postgres-before-the-accident",
         "{source: {policy: postgres}, target: {statefulSet: postgres}}",
         R"({"status":{"phase":"ScalingDown","progress":"63%","eta":"12m30s","size":"999.9 GiB",)"
         R"("target":"StatefulSet/postgres"}})");
  std::istringstream lines(kubectl().Must({"get", "bkr,bkp,bk,rst"}));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), kTerminalWidth) << line;

  const std::string wide = kubectl().Must({"get", "bkp", "-o", "wide"});
  EXPECT_THAT(wide, testing::HasSubstr("H * * * *"));
  EXPECT_THAT(kubectl().Must({"get", "holdfast"}), testing::HasSubstr("restore.holdfast.dev/"))
      << "the category";
}

TEST_F(ColumnsTest, ExplainHasASentenceForEveryKind) {
  for (const char* kind : {"bkr", "bkp", "bk", "rst"})
    EXPECT_THAT(kubectl().Must({"explain", std::string(kind) + ".status.conditions.reason"}),
                testing::HasSubstr("Why, in one CamelCase word"));
  EXPECT_THAT(kubectl().Must({"explain", "bkp.spec.schedules.cron"}), testing::HasSubstr("@daily"));
}

}  // namespace
}  // namespace holdfast::crds
