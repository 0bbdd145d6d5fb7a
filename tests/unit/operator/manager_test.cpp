#include "operator/manager.h"

#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/wait.h"
#include "tests/fakes/scripted_transport.h"

namespace holdfast::op {
namespace {

using controllers::AwaitChange;
using controllers::Requeue;
using controllers::RequeueAt;
using fakes::ScriptedTransport;
using kube::ObjectKey;
using ::testing::HasSubstr;

// Does what the test says, and counts.
class ScriptedReconciler final : public controllers::Reconciler {
 public:
  using Step = std::function<Result<Requeue>(int count, std::stop_token)>;

  explicit ScriptedReconciler(Step step) : step_(std::move(step)) {}

  std::string_view Name() const override { return "scripted"; }

  Result<Requeue> Reconcile(const ObjectKey& key, std::stop_token stop) override {
    int count = 0;
    {
      const std::lock_guard lock(mutex_);
      keys_.push_back(key.name);
      count = static_cast<int>(keys_.size());
      changed_.notify_all();
    }
    return step_(count, stop);
  }

  std::vector<std::string> Await(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return keys_.size() >= count; });
    return keys_;
  }

 private:
  const Step step_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> keys_;
};

class ManagerTest : public ::testing::Test {
 protected:
  // Pods named in the first list are reconciled under their own key.
  void Start(ScriptedReconciler::Step step, const std::vector<std::string>& pods) {
    Json items = Json::array();
    for (const std::string& name : pods) items.push_back({{"metadata", {{"name", name}}}});
    server_.Answer(200, {{"items", items}, {"metadata", {{"resourceVersion", "5"}}}});
    Run(std::move(step));
  }

  void Run(ScriptedReconciler::Step step) {
    reconciler_ = std::make_unique<ScriptedReconciler>(std::move(step));
    manager_ = std::make_unique<Manager>(metrics_, clock_, limits_);
    manager_->AddInformer(informer_);
    const std::size_t controller = manager_->AddController(*reconciler_, 2);
    manager_->Watch(informer_, controller,
                    [](const ObjectKey& key) { return std::vector<ObjectKey>{key}; });
    informers_ = std::jthread([this](std::stop_token stop) { manager_->RunInformers(stop); });
    workers_ = std::jthread([this](std::stop_token stop) { manager_->RunControllers(stop); });
  }

  static bool Eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!holds())
      if (std::chrono::steady_clock::now() > deadline ||
          !kube::WaitFor(std::chrono::milliseconds(10), {}))
        return false;
    return true;
  }

  void Stop() {
    workers_ = {};
    informers_ = {};
  }

  ScriptedTransport server_;
  kube::Api api_{server_};
  kube::Informer<int> informer_{
      api_, {kube::kPods, "", ""}, [](const Json&) -> Result<int> { return 1; }};
  SystemClock clock_;
  Metrics metrics_;
  std::unique_ptr<ScriptedReconciler> reconciler_;
  HealthLimits limits_;
  std::unique_ptr<Manager> manager_;  // made by Run
  std::jthread informers_;
  std::jthread workers_;
};

TEST_F(ManagerTest, ReconcilesWhatTheInformerSees) {
  Start([](int, std::stop_token) { return AwaitChange(); }, {"a", "b"});
  EXPECT_THAT(reconciler_->Await(2), ::testing::UnorderedElementsAre("a", "b"));
  EXPECT_EQ(manager_->NotReady(), "");
  Stop();
  EXPECT_THAT(
      metrics_.Text(),
      HasSubstr(R"(controller_runtime_reconcile_total{controller="scripted",result="success"} 2)"));
  EXPECT_THAT(metrics_.Text(), HasSubstr(R"(workqueue_depth{name="scripted"} 0)"));
  EXPECT_THAT(metrics_.Text(), HasSubstr(R"(workqueue_adds_total{name="scripted"} 2)"));
  EXPECT_THAT(metrics_.Text(),
              HasSubstr(R"(workqueue_queue_duration_seconds_count{name="scripted"} 2)"));
  EXPECT_THAT(metrics_.Text(),
              HasSubstr(R"(workqueue_work_duration_seconds_count{name="scripted"} 2)"));
  EXPECT_THAT(metrics_.Text(), HasSubstr(R"(workqueue_retries_total{name="scripted"} 0)"));
  EXPECT_THAT(metrics_.Text(), HasSubstr(R"(reconcile_errors_total{controller="scripted"} 0)"));
}

TEST_F(ManagerTest, ComesBackAtTheTimeAsked) {
  Start(
      [this](int count, std::stop_token) -> Result<Requeue> {
        if (count == 1) return RequeueAt(clock_.Now() + std::chrono::milliseconds(20));
        return AwaitChange();
      },
      {"a"});
  EXPECT_EQ(reconciler_->Await(2).size(), 2u);
}

TEST_F(ManagerTest, ErrorsConflictsAndExceptionsComeBack) {
  Start(
      [](int count, std::stop_token) -> Result<Requeue> {
        if (count == 1) return Fail(Code::kUnavailable, "away");
        if (count == 2) return Fail(Code::kConflict, "changed");
        if (count == 3) throw std::runtime_error("bug");
        return AwaitChange();
      },
      {"a"});
  EXPECT_EQ(reconciler_->Await(4).size(), 4u);
  Stop();
  EXPECT_THAT(metrics_.Text(), HasSubstr(R"(result="error"} 2)"));
  EXPECT_THAT(metrics_.Text(), HasSubstr(R"(result="requeue"} 1)"));
  EXPECT_THAT(metrics_.Text(), HasSubstr(R"(workqueue_retries_total{name="scripted"} 3)"));
  EXPECT_THAT(metrics_.Text(), HasSubstr(R"(reconcile_errors_total{controller="scripted"} 2)"));
}

TEST_F(ManagerTest, AStopReachesARunningReconcile) {
  Start(
      [](int, std::stop_token stop) -> Result<Requeue> {
        std::mutex mutex;
        std::condition_variable_any never;
        std::unique_lock lock(mutex);
        never.wait(lock, stop, [] { return false; });
        return Fail(Code::kCancelled, "stopped");
      },
      {"a"});
  reconciler_->Await(1);
  EXPECT_THAT(metrics_.Text(),
              HasSubstr(R"(controller_runtime_active_workers{controller="scripted"} 1)"));
  EXPECT_THAT(
      metrics_.Text(),
      ::testing::Not(HasSubstr("longest_running_processor_seconds{name=\"scripted\"} 0\n")));
  const auto begin = std::chrono::steady_clock::now();
  Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST_F(ManagerTest, HealthTellsAStuckWorkerUntilItIsDone) {
  limits_.stuck_worker = std::chrono::seconds(0);
  std::promise<void> go;
  Start(
      [went = go.get_future().share()](int, std::stop_token) {
        went.wait();
        return AwaitChange();
      },
      {"a"});
  reconciler_->Await(1);
  EXPECT_THAT(manager_->NotHealthy(), HasSubstr("a worker of scripted is stuck on a for 0 s"));
  EXPECT_TRUE(manager_->Leads());
  go.set_value();
  EXPECT_TRUE(Eventually([this] { return manager_->NotHealthy().empty(); }));
}

TEST_F(ManagerTest, HealthTellsADeadWatchAndReadinessAStaleCache) {
  limits_.dead_watch = std::chrono::seconds(0);
  limits_.stale_cache = std::chrono::seconds(0);
  Start([](int, std::stop_token) { return AwaitChange(); }, {"a"});
  reconciler_->Await(1);
  // The scripted server says nothing more.
  EXPECT_TRUE(Eventually([this] {
    return manager_->NotHealthy().starts_with("the watch of pods is dead: nothing heard");
  }));
  EXPECT_THAT(manager_->NotReady(), HasSubstr("pods: nothing heard for"));
}

TEST_F(ManagerTest, AnApiServerThatIsAwayIsNoReasonToBeRestarted) {
  limits_.stale_cache = std::chrono::seconds(0);
  server_.Fail({Code::kUnavailable, "away"});
  Run([](int, std::stop_token) { return AwaitChange(); });
  ASSERT_TRUE(server_.AwaitRequests(1));
  EXPECT_TRUE(
      Eventually([this] { return manager_->NotReady().find("away") != std::string::npos; }));
  EXPECT_EQ(manager_->NotHealthy(), "");
  EXPECT_FALSE(manager_->Leads());
}

TEST_F(ManagerTest, SaysWhatItWaitsForAndReconcilesNothingBefore) {
  server_.Refuse(404, "NotFound", "not served").Silence();
  Run([](int, std::stop_token) { return AwaitChange(); });
  ASSERT_TRUE(server_.AwaitRequests(2));
  EXPECT_THAT(manager_->NotReady(), HasSubstr("pods: the API server does not serve pods v1"));
  EXPECT_TRUE(reconciler_->Await(0).empty());
}

}  // namespace
}  // namespace holdfast::op
