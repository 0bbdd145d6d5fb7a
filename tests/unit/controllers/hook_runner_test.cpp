#include <atomic>
#include <condition_variable>
#include <functional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/hooks/runner.h"
#include "controllers/hooks/tail.h"
#include "tests/fakes/scripted_transport.h"

namespace holdfast::controllers::hooks {
namespace {

using ::testing::HasSubstr;

// Executes what the test says.
class PlayedExecutor final : public kube::Executor {
 public:
  using Play = std::function<Result<int>(const kube::ExecRequest&, const kube::ExecSink& out,
                                         const kube::ExecSink& err, std::stop_token)>;
  explicit PlayedExecutor(Play play) : play_(std::move(play)) {}
  Result<int> Run(const kube::ExecRequest& request, const kube::ExecSink& out,
                  const kube::ExecSink& err, std::stop_token stop) override {
    return play_(request, out, err, stop);
  }

 private:
  const Play play_;
};

Json PodJson() {
  return {{"metadata", {{"name", "db-0"}, {"namespace", "shop"}}},
          {"spec", {{"containers", {{{"name", "proxy"}}, {{"name", "db"}}}}}},
          {"status",
           {{"containerStatuses",
             {{{"name", "db"},
               {"containerID", "containerd://1"},
               {"state", {{"running", Json::object()}}}}}}}}};
}

Task TaskOf(std::size_t run, bool thaws = false) {
  Task task;
  task.owner = {"backup", {"shop", "run"}, "uid"};
  task.run = run;
  task.pod = {"shop", "db-0"};
  task.container = "db";
  task.command = {"lock"};
  task.timeout = std::chrono::seconds(30);
  task.tail_limit = 8;
  task.thaws = thaws;
  return task;
}

class HookRunnerTest : public ::testing::Test {
 protected:
  HookRunnerTest() {
    transport_.AnswerAll([](const kube::Request&) -> Result<kube::Response> {
      return kube::Response{200, DumpJson(PodJson()), {}};
    });
  }
  void Begin(PlayedExecutor::Play play) {
    executor_.emplace(std::move(play));
    runner_.emplace(api_, *executor_, clock_);
    runner_->OnEnded([this](const Owner& owner) {
      EXPECT_EQ(owner.key, (kube::ObjectKey{"shop", "run"}));
      EXPECT_EQ(owner.controller, "backup");
      const std::lock_guard lock(mutex_);
      ++ended_;
      changed_.notify_all();
    });
  }
  void AwaitEnded(int count) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, std::chrono::minutes(1), [&] { return ended_ >= count; }));
  }

  fakes::ScriptedTransport transport_;
  kube::Api api_{transport_};
  SystemClock clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int ended_ = 0;
  std::optional<PlayedExecutor> executor_;
  std::optional<Runner> runner_;
};

TEST_F(HookRunnerTest, TellsHowACommandEndedUntilThatIsStored) {
  Begin([](const kube::ExecRequest& request, const auto& out, const auto& err, std::stop_token) {
    EXPECT_EQ(request.container, "db");
    EXPECT_EQ(request.command, std::vector<std::string>{"lock"});
    EXPECT_TRUE(out("0123456789"));
    EXPECT_TRUE(err("careful"));
    return Result<int>(3);
  });
  runner_->Start(TaskOf(1));
  AwaitEnded(1);
  const News news = runner_->Look("uid");
  EXPECT_TRUE(news.running.empty());
  ASSERT_EQ(news.ended.size(), 1u);
  EXPECT_EQ(news.ended[0].run, 1u);
  EXPECT_EQ(news.ended[0].exit_code, 3);
  EXPECT_EQ(news.ended[0].stdout_tail, "23456789");
  EXPECT_EQ(news.ended[0].stderr_tail, "careful");
  EXPECT_EQ(news.ended[0].container_id, "containerd://1");
  runner_->Forget("uid", news.ended);
  EXPECT_TRUE(runner_->Look("uid").ended.empty());
}

TEST_F(HookRunnerTest, ARunIsStartedOnce) {
  std::atomic<int> runs{0};
  std::atomic<bool> go{false};
  Begin([&](const auto&, const auto&, const auto&, std::stop_token) {
    ++runs;
    go.wait(false);
    return Result<int>(0);
  });
  runner_->Start(TaskOf(1));
  runner_->Start(TaskOf(1));
  EXPECT_EQ(runner_->Look("uid").running, std::set<std::size_t>{1});
  go = true;
  go.notify_all();
  AwaitEnded(1);
  runner_.reset();
  EXPECT_EQ(runs, 1);
}

TEST_F(HookRunnerTest, PostHooksDoNotWaitForPreHooks) {
  std::atomic<bool> go{false};
  Begin([&](const kube::ExecRequest& request, const auto&, const auto&, std::stop_token) {
    if (request.command[0] == "lock") go.wait(false);
    return Result<int>(0);
  });
  for (std::size_t i = 0; i < 3 * Runner::kThreads; ++i) runner_->Start(TaskOf(i));
  Task thaw = TaskOf(99, true);
  thaw.command = {"unlock"};
  runner_->Start(thaw);
  AwaitEnded(1);
  EXPECT_EQ(runner_->Look("uid").ended[0].run, 99u);
  go = true;
  go.notify_all();
  AwaitEnded(1 + 3 * static_cast<int>(Runner::kThreads));
}

TEST_F(HookRunnerTest, AtTheEndNothingIsTold) {
  Begin([](const auto&, const auto&, const auto&, std::stop_token stop) -> Result<int> {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait(lock, stop, [] { return false; });
    return Fail(Code::kCancelled, "stopped");
  });
  runner_->Start(TaskOf(1));
  runner_->Start(TaskOf(2, true));
  runner_->Stop();
  EXPECT_TRUE(runner_->Look("uid").ended.empty());
  runner_->Start(TaskOf(3));
  EXPECT_FALSE(runner_->Look("uid").running.contains(3));
}

TEST_F(HookRunnerTest, APodThatIsGoneIsTold) {
  transport_.AnswerAll([](const kube::Request&) -> Result<kube::Response> {
    return kube::Response{404, R"({"kind":"Status","code":404,"message":"pods not found"})", {}};
  });
  Begin([](const auto&, const auto&, const auto&, std::stop_token) { return Result<int>(0); });
  runner_->Start(TaskOf(1));
  AwaitEnded(1);
  const auto news = runner_->Look("uid");
  ASSERT_FALSE(news.ended[0].exit_code);
  EXPECT_EQ(news.ended[0].exit_code.error().code, Code::kNotFound);
}

TEST(FindContainerTest, TakesTheNamedTheAnnotatedOrTheFirst) {
  Json pod = PodJson();
  EXPECT_EQ(FindContainer(pod, "db")->first, "db");
  EXPECT_EQ(FindContainer(pod, "db")->second, "containerd://1");
  EXPECT_EQ(FindContainer(pod, "")->first, "proxy");
  EXPECT_EQ(FindContainer(pod, "")->second, "") << "it does not run";
  pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] = "db";
  EXPECT_EQ(FindContainer(pod, "")->first, "db");
  EXPECT_EQ(FindContainer(pod, "proxy")->first, "proxy");
  const auto none = FindContainer(pod, "dbb");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("no container \"dbb\"; it has: proxy, db"));
}

TEST(TailTest, KeepsTheEnd) {
  Tail tail(4);
  for (const char* piece : {"a", "", "bc", "defgh", "i"}) tail.Add(piece);
  EXPECT_EQ(tail.Take(), "fghi");
  Tail one(4);
  one.Add("0123456789");
  EXPECT_EQ(one.Take(), "6789");
  EXPECT_EQ(Tail(4).Take(), "");
}

}  // namespace
}  // namespace holdfast::controllers::hooks
