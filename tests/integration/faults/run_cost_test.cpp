// What one run of a policy costs in requests. The operator's rate is limited, so that this is what
// thousands of policies that are due at once take.
#include <map>

#include "tests/integration/faults/scene.h"

namespace holdfast::faults {
namespace {

// "PATCH backups/status", of a path below a namespace.
std::string KindOf(const SeenRequest& request) {
  const std::string path = request.target.substr(0, request.target.find('?'));
  std::vector<std::string> steps;
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    steps.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  const auto ns = std::find(steps.begin(), steps.end(), "namespaces");
  const auto left = steps.end() - ns;
  if (left < 3) return request.method + " " + path;
  std::string kind = request.method + " " + ns[2] + (left == 3 && !request.IsWrite() ? "?" : "");
  return left > 4 ? kind + "/" + ns[4] : kind;
}

class RunCostTest : public FaultTest {
 protected:
  void Trigger(const std::string& value) {
    const auto patched =
        plane().api().MergePatch(kPolicies, {ns(), "app"}, {{"spec", {{"trigger", value}}}}, {});
    ASSERT_TRUE(patched) << patched.error().message;
  }
  // All that belongs to a run: the policy knows its end, and its Job is on its way out.
  bool IsOver(const std::string& trigger) const {
    const Json policy = Get(kPolicies, "app");
    const std::string last = FindString(policy, {"status", "lastSuccess", "backup"});
    if (FindString(policy, {"status", "lastTrigger"}) != trigger || last == before_) return false;
    const auto jobs = All(kube::kJobs);
    return std::none_of(jobs.begin(), jobs.end(), [&](const Json& job) {
      return FindString(job, {"metadata", "labels", "holdfast.dev/backup"}) == last &&
             Find(job, {"spec", "ttlSecondsAfterFinished"}) == nullptr;
    });
  }
  void Run(const std::string& trigger) {
    before_ = FindString(Get(kPolicies, "app"), {"status", "lastSuccess", "backup"});
    Trigger(trigger);
    ASSERT_TRUE(Await(seconds(60), [&] { return IsOver(trigger); }));
  }

  std::string before_;
};

TEST_F(RunCostTest, ARunIsItsWritesAndLittleMore) {
  FaultProxy proxy(plane());
  MakeApp();
  StartOperator(Through(proxy));
  Run("first");
  const std::size_t begin = proxy.requests().size();
  Run("second");
  std::map<std::string, int> counts;
  int total = 0;
  std::string story;
  const auto requests = proxy.requests();
  for (std::size_t i = begin; i < requests.size(); ++i) {
    const SeenRequest& request = requests[i];
    if (request.IsWatch() || request.Concerns("/leases/") || request.Concerns("/openapi/"))
      continue;
    ++total;
    ++counts[KindOf(request)];
    story += request.method + " " + request.target + " " + request.body.substr(0, 400) + "\n";
  }
  std::string table;
  for (const auto& [kind, count] : counts) table += kind + ": " + std::to_string(count) + "\n";
  std::cout << total << " requests\n" << table;
  // Nothing is read of what this process wrote itself.
  for (const char* kind : {"GET backups", "GET backuppolicies", "GET backups?", "GET jobs?"})
    EXPECT_EQ(counts.count(kind), 0u) << kind << "\n" << story;
  EXPECT_EQ(counts["POST backups"], 1);
  EXPECT_EQ(counts["POST jobs"], 1);
  EXPECT_EQ(counts["PATCH jobs"], 1) << "once, when its outcome is recorded";
  EXPECT_LE(counts["PATCH backuppolicies/status"], 3) << "made, maybe late, over" << story;
  EXPECT_LE(counts["PATCH backups/status"], 4) << "volumes, started, at work, over" << story;
  EXPECT_LE(total, 16) << table << story;
}

}  // namespace
}  // namespace holdfast::faults
