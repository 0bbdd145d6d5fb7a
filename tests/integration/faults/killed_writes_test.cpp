// The operator dies at every write that it makes in a scenario: once just before the write reaches
// the API server, once just after. Started again, it ends where an undisturbed run ends.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>

#include <signal.h>

#include "controllers/labels.h"
#include "tests/integration/faults/played_provisioner.h"
#include "tests/integration/faults/scene.h"

namespace holdfast::faults {
namespace {

enum class When { kNever, kBefore, kAfter };

// One run of the scenario in a namespace, with an operator, a proxy and a kubelet of its own.
class ScenarioRun {
 public:
  // The operator dies at its `nth` write.
  ScenarioRun(ControlPlane& plane, std::filesystem::path folder, std::string ns, When when, int nth)
      : plane_(plane), folder_(std::move(folder)), ns_(std::move(ns)), when_(when), nth_(nth) {}

  // Empty, or what went wrong.
  std::string Execute();
  std::string end_state() const { return end_state_; }
  int writes() const { return writes_; }
  bool died() const { return died_; }
  std::string log() const { return operator_ ? operator_->Log() : ""; }

 private:
  Fault Judge(const SeenRequest& request);
  void Start();
  std::string Story();
  std::string AwaitPhase(const kube::Resource& kind, const std::string& name);
  std::string FillClaim();
  std::string AwaitQuiet();
  void Create(const kube::Resource& kind, const std::string& name, const Json& spec);
  Json Get(const kube::Resource& kind, const std::string& name) const {
    return plane_.api().Get(kind, {ns_, name}, {}).value_or(Json());
  }
  std::vector<Json> All(const kube::Resource& kind) const;
  std::string Describe() const;
  bool Wait(const std::function<bool()>& done);

  ControlPlane& plane_;
  const std::filesystem::path folder_;
  const std::string ns_;
  const When when_;
  const int nth_;
  std::unique_ptr<FaultProxy> proxy_;
  std::unique_ptr<PlayedKubelet> kubelet_;
  std::unique_ptr<PlayedProvisioner> provisioner_;
  std::unique_ptr<OperatorProcess> operator_;
  OperatorOptions options_;
  std::atomic<int> writes_{0};
  std::atomic<bool> died_{false};
  std::string end_state_;
};

// Events are told at least once at most; they are no part of the state.
bool Counts(const SeenRequest& request) {
  return request.IsWrite() && !request.Concerns("/events");
}

Fault ScenarioRun::Judge(const SeenRequest& request) {
  if (!Counts(request) || died_) return {};
  const int number = ++writes_;
  if (when_ == When::kNever || number != nth_) return {};
  const auto kill = [this] {
    operator_->Kill(SIGKILL);
    died_ = true;
  };
  Fault fault;
  if (when_ == When::kBefore) {
    fault.before = kill;
    fault.lose = true;
  } else {
    fault.after = kill;
    fault.lose_answer = true;
  }
  return fault;
}

void ScenarioRun::Start() {
  operator_ = std::make_unique<OperatorProcess>(options_, folder_ / "operator.log");
}

// Looks until `done`, and starts the operator again when it has died.
bool ScenarioRun::Wait(const std::function<bool()>& done) {
  return Await(seconds(120), [&] {
    if (!operator_->Running()) Start();
    return done();
  });
}

void ScenarioRun::Create(const kube::Resource& kind, const std::string& name, const Json& spec) {
  const auto made = plane_.api().Create(kind, ns_,
                                        {{"apiVersion", kind.ApiVersion()},
                                         {"kind", kind.kind},
                                         {"metadata", {{"name", name}}},
                                         {"spec", spec}},
                                        {});
  if (!made) throw std::runtime_error(made.error().message);
}

std::vector<Json> ScenarioRun::All(const kube::Resource& kind) const {
  std::vector<Json> all;
  kube::ListOptions options;
  options.ns = ns_;
  (void)plane_.api().List(kind, options,
                          [&](const Json& object) -> Result<void> {
                            all.push_back(object);
                            return {};
                          },
                          {});
  return all;
}

std::string ScenarioRun::AwaitPhase(const kube::Resource& kind, const std::string& name) {
  const bool reached = Wait([&] {
    return FindString(Get(kind, name), {"status", "phase"}) == "Succeeded";
  });
  return reached ? "" : kind.kind + " " + name + " did not succeed: " + DumpJson(Get(kind, name));
}

// A claim that names a Backup gets a volume that was filled for it, of its class's reclaim policy.
std::string ScenarioRun::FillClaim() {
  Create(
      kube::kPersistentVolumeClaims, "filled",
      {{"accessModes", {"ReadWriteOnce"}},
       {"resources", {{"requests", {{"storage", "1Gi"}}}}},
       {"storageClassName", PlayedProvisioner::kClass},
       {"dataSourceRef", {{"apiGroup", "holdfast.dev"}, {"kind", "Backup"}, {"name", "third"}}}});
  Json claim;
  const bool bound = Wait([&] {
    claim = Get(kube::kPersistentVolumeClaims, "filled");
    return FindString(claim, {"status", "phase"}) == "Bound";
  });
  if (!bound) return "the claim was not bound: " + Describe();
  const auto volume = plane_.api().Get(kube::kPersistentVolumes,
                                       {"", FindString(claim, {"spec", "volumeName"})}, {});
  if (!volume) return volume.error().message;
  const bool filled =
      FindString(*volume, {"metadata", "annotations", controllers::kFilledForAnnotation}) ==
          FindString(claim, {"metadata", "uid"}) &&
      FindString(*volume, {"spec", "persistentVolumeReclaimPolicy"}) == "Retain";
  return filled ? "" : "not the volume that was filled for it: " + DumpJson(*volume);
}

// All movers' Jobs are over and cleared up, no finalizer and no Backup beyond keepLast is left; nor
// anything that filled the claim.
std::string ScenarioRun::AwaitQuiet() {
  const bool quiet = Wait([&] {
    const auto jobs = All(kube::kJobs);
    const bool settled = std::all_of(jobs.begin(), jobs.end(), [](const Json& job) {
      return Find(job, {"status", "completionTime"}) != nullptr;
    });
    const Json restore = Get(kRestores, "back");
    const Json policy = Get(kPolicies, "app");
    return settled && Find(restore, {"metadata", "finalizers"}) == nullptr &&
           All(kRestores).size() == 1 && All(kube::kPersistentVolumeClaims).size() == 2 &&
           All(kBackups).size() == 2 && FindString(policy, {"status", "running"}).empty();
  });
  return quiet ? "" : "not quiet: " + Describe();
}

std::string ScenarioRun::Story() {
  const Json claim = {
      {"metadata", {{"name", "data"}}},
      {"spec",
       {{"accessModes", {"ReadWriteOnce"}}, {"resources", {{"requests", {{"storage", "1Gi"}}}}}}}};
  const Json pod = {{"metadata", {{"labels", {{"app", "app"}}}}},
                    {"spec",
                     {{"terminationGracePeriodSeconds", 0},
                      {"containers",
                       {{{"name", "app"},
                         {"image", "none"},
                         {"volumeMounts", {{{"name", "data"}, {"mountPath", "/data"}}}}}}}}}};
  Create(kube::kStatefulSets, "app",
         {{"replicas", 1},
          {"serviceName", "app"},
          {"selector", {{"matchLabels", {{"app", "app"}}}}},
          {"template", pod},
          {"volumeClaimTemplates", {claim}}});
  Create(kRepositories, "offsite",
         {{"s3",
           {{"endpoint", "https://s3.example.com"},
            {"bucket", "backups"},
            {"prefix", "p"},
            {"credentialsSecret", {{"name", "store"}}}}},
          {"passwordSecret", {{"name", "repository-password"}}}});
  Create(kPolicies, "app",
         {{"target", {{"statefulSet", "app"}}},
          {"repository", "offsite"},
          {"retention", {{"keepLast", 2}}}});
  for (const char* name : {"first", "second", "third"}) {
    Create(kBackups, name, {{"policy", "app"}, {"type", "Incremental"}});
    if (std::string why = AwaitPhase(kBackups, name); !why.empty()) return why;
  }
  Create(kRestores, "back",
         {{"source", {{"backup", "third"}}}, {"target", {{"statefulSet", "app"}}}});
  if (std::string why = AwaitPhase(kRestores, "back"); !why.empty()) return why;
  if (std::string why = FillClaim(); !why.empty()) return why;
  return AwaitQuiet();
}

// What must be the same in every run: no times, no uids, no numbers of attempts.
std::string ScenarioRun::Describe() const {
  std::string text;
  const auto tell = [&](const kube::Resource& kind, const Json& object) {
    text += kind.kind + " " + FindString(object, {"metadata", "name"}) + ":";
    for (const char* field : {"phase", "id", "repository", "backup", "running", "progress"})
      if (const std::string value = FindString(object, {"status", field}); !value.empty())
        text += std::string(" ") + field + "=" + value;
    if (const Json* conditions = Find(object, {"status", "conditions"}))
      for (const Json& condition : *conditions)
        text += " " + FindString(condition, {"type"}) + "=" + FindString(condition, {"status"}) +
                "/" + FindString(condition, {"reason"});
    if (const Json* volumes = Find(object, {"status", "volumes"}))
      for (const Json& volume : *volumes)
        text += " " + FindString(volume, {"claim"}) + "=" + FindString(volume, {"state"}) + "/" +
                FindString(volume, {"snapshot"});
    text += " lastSuccess=" + FindString(object, {"status", "lastSuccess", "backup"});
    if (const Json* finalizers = Find(object, {"metadata", "finalizers"}))
      text += " finalizers=" + DumpJson(*finalizers);
    if (const auto replicas = FindInt(object, {"spec", "replicas"}))
      text += " replicas=" + std::to_string(*replicas);
    text += "\n";
  };
  for (const kube::Resource* kind : {&kRepositories, &kPolicies, &kBackups, &kRestores,
                                     &kube::kStatefulSets, &kube::kPersistentVolumeClaims}) {
    for (const Json& object : All(*kind)) tell(*kind, object);
  }
  // A Job that was made twice shows as a second uid. The names of probes and of a restore's movers
  // hold a hash of a uid.
  std::multiset<std::string> jobs;
  for (const auto& [job, uids] : kubelet_->jobs()) {
    std::string name = job.substr(job.find('/') + 1);
    if (name.starts_with("offsite-probe-")) name = "offsite-probe";
    if (name.starts_with("back-restore-")) name = "back-restore";
    if (name.starts_with("filled-populate-")) name = "filled-populate";
    if (name.find("forget") != name.npos) name = "forget";
    jobs.insert(name + " x " + std::to_string(uids.size()));
  }
  for (const std::string& job : jobs) text += "Job " + job + "\n";
  return text;
}

std::string ScenarioRun::Execute() try {
  std::filesystem::create_directories(folder_);
  const auto made = plane_.api().Create(kNamespaces, "", {{"metadata", {{"name", ns_}}}}, {});
  if (!made) return made.error().message;
  kubelet_ = std::make_unique<PlayedKubelet>(plane_.api(), ns_);
  provisioner_ = std::make_unique<PlayedProvisioner>(plane_.api(), ns_);
  proxy_ = std::make_unique<FaultProxy>(plane_);
  options_.ns = ns_;
  options_.arguments = {"--populator"};
  options_.kubeconfig =
      WriteKubeconfig(folder_, "proxied", proxy_->server(), plane_.pki() / "ca.crt");
  Start();
  proxy_->SetRule([this](const SeenRequest& request) { return Judge(request); });
  std::string why = Story();
  if (why.empty()) end_state_ = Describe();
  operator_->Kill(SIGKILL);
  proxy_.reset();
  provisioner_.reset();
  kubelet_.reset();
  (void)plane_.api().Delete(kNamespaces, {"", ns_}, {}, {});
  return why;
} catch (const std::exception& e) {
  return e.what();
}

class KilledWritesTest : public FaultTest {
 protected:
  std::unique_ptr<ScenarioRun> MakeRun(When when, int nth) {
    const std::string name = (when == When::kNever    ? "calm"
                              : when == When::kBefore ? "before-"
                                                      : "after-") +
                             std::to_string(nth);
    return std::make_unique<ScenarioRun>(plane(), folder() / name, ns() + "-" + name, when, nth);
  }
};

TEST_F(KilledWritesTest, EveryWriteBeforeAndAfter) {
  const auto calm = MakeRun(When::kNever, 0);
  ASSERT_EQ(calm->Execute(), "") << calm->log();
  const int writes = calm->writes();
  RecordProperty("writes", writes);
  std::cout << calm->writes() << " writes; the end of an undisturbed run:\n" << calm->end_state();
  ASSERT_GT(writes, 10);

  // Every one takes minutes, so that is for the long tests; seven shares no factor with two, so
  // that both moments have their turn.
  const int stride = std::getenv("HOLDFAST_TEST_LONG") == nullptr ? 7 : 1;
  std::atomic<int> next{0};
  std::mutex mutex;
  const auto work = [&] {
    for (int i; (i = stride * next++) < 2 * writes;) {
      const auto run = MakeRun(i % 2 == 0 ? When::kBefore : When::kAfter, i / 2 + 1);
      const std::string why = run->Execute();
      const std::lock_guard lock(mutex);
      const std::string where = std::string(i % 2 == 0 ? "before" : "after") + " write " +
                                std::to_string(i / 2 + 1) + " of " + std::to_string(writes);
      EXPECT_EQ(why, "") << where << "\n" << run->log();
      if (!why.empty()) continue;
      EXPECT_EQ(run->end_state(), calm->end_state()) << "killed " << where << "\n" << run->log();
      // A run may need fewer writes than the calm one: two changes of status become one.
      if (i / 2 + 1 <= writes - 5) {
        EXPECT_TRUE(run->died()) << where;
      }
    }
  };
  std::vector<std::jthread> workers;
  for (int i = 0; i < 8; ++i) workers.emplace_back(work);
}

}  // namespace
}  // namespace holdfast::faults
