// Bad answers from something between the operator and the API server. In every case the operator
// goes on without a restart, and ends where it would have ended.
#include <signal.h>

#include "tests/integration/faults/scene.h"

namespace holdfast::faults {
namespace {

// Every `nth` request of some sort gets a fault.
FaultProxy::Rule EveryNth(int nth, std::function<bool(const SeenRequest&)> sort, Fault fault) {
  return [=, count = 0](const SeenRequest& request) mutable {
    if (!sort(request)) return Fault{};
    return ++count % nth == 0 ? fault : Fault{};
  };
}

// For a second in every three: bad answers come in spells. (Were it every third request, a reconcile
// that makes three would never be through.)
FaultProxy::Rule InSpells(Fault fault) {
  const auto begun = std::chrono::steady_clock::now();
  return [=](const SeenRequest& request) {
    const auto since = request.at - begun;
    return since % std::chrono::seconds(3) < std::chrono::seconds(1) ? fault : Fault{};
  };
}

bool Write(const SeenRequest& request) { return request.IsWrite(); }
bool NotWatch(const SeenRequest& request) { return !request.IsWatch(); }

class AnswerFaultsTest : public FaultTest {
 protected:
  void SetUp() override {
    FaultTest::SetUp();
    if (HasFatalFailure()) return;
    proxy_ = std::make_unique<FaultProxy>(plane());
  }
  void TearDown() override {
    FaultTest::TearDown();
    proxy_.reset();
  }

  // The whole story (a probe, a backup, a restore in place) under a rule that is there from the
  // first request.
  void TellTheStory(FaultProxy::Rule rule) {
    proxy_->SetRule(std::move(rule));
    MakeApp();
    OperatorProcess& one = StartOperator(Through(*proxy_));
    MakeBackup("first");
    ASSERT_TRUE(BackupSucceeds("first", seconds(120)));
    MakeRestore("back", "first");
    EXPECT_TRUE(Await(seconds(120), [&] {
      const Json restore = Get(kRestores, "back");
      return FindString(restore, {"status", "phase"}) == "Succeeded" &&
             Find(restore, {"metadata", "finalizers"}) == nullptr;
    })) << DumpJson(Get(kRestores, "back"));
    EXPECT_TRUE(one.Running());
    ExpectNoDuplicateJob();
    EXPECT_EQ(FindInt(Get(kube::kStatefulSets, "app"), {"spec", "replicas"}), 1);
  }

  std::unique_ptr<FaultProxy> proxy_;
};

TEST_F(AnswerFaultsTest, ConflictToEveryThirdWrite) {
  Fault fault;
  fault.answer = StatusAnswer(409, "Conflict");
  TellTheStory(EveryNth(3, Write, fault));
}

TEST_F(AnswerFaultsTest, InternalErrors) {
  Fault fault;
  fault.answer = StatusAnswer(500, "InternalError");
  TellTheStory(InSpells(fault));
}

TEST_F(AnswerFaultsTest, TooManyRequestsAreObeyed) {
  Fault fault;
  fault.answer = StatusAnswer(429, "TooManyRequests", "Retry-After: 1\r\n");
  std::mutex mutex;
  std::map<std::string, std::chrono::steady_clock::time_point> refused;
  int early = 0;
  TellTheStory([&, count = 0](const SeenRequest& request) mutable {
    if (!request.IsWrite() || request.Concerns("/events")) return Fault{};
    const std::lock_guard lock(mutex);
    const std::string key = request.method + " " + request.target + " " + request.body;
    const auto before = refused.find(key);
    if (before != refused.end() && request.at - before->second < std::chrono::milliseconds(990))
      ++early;
    refused.erase(key);
    if (++count % 3 != 0) return Fault{};
    refused[key] = request.at;
    return fault;
  });
  EXPECT_EQ(early, 0) << "came back before Retry-After had passed";
}

TEST_F(AnswerFaultsTest, AnswersAreCutShort) {
  Fault fault;
  fault.cut_after = 700;  // in the body of most
  TellTheStory(InSpells(fault));
}

TEST_F(AnswerFaultsTest, AnswersAreNotJson) {
  Fault fault;
  fault.garble = [](std::string& bytes) {
    const std::size_t body = bytes.find("\r\n\r\n");
    for (std::size_t i = body == bytes.npos ? 0 : body + 4; i < bytes.size(); i += 7)
      if (bytes[i] == '"' || bytes[i] == '{') bytes[i] = '<';
  };
  TellTheStory(InSpells(fault));
}

TEST_F(AnswerFaultsTest, AnswersAreNotHttp) {
  Fault fault;
  fault.answer = "SSH-2.0-OpenSSH_9.2\r\n\r\n";
  TellTheStory(InSpells(fault));
}

TEST_F(AnswerFaultsTest, ASlowApiServer) {
  Fault fault;
  fault.delay = std::chrono::milliseconds(700);
  TellTheStory(EveryNth(1, NotWatch, fault));
}

TEST_F(AnswerFaultsTest, WritesWhoseAnswerIsLost) {
  Fault fault;
  fault.lose_answer = true;
  TellTheStory(EveryNth(2, Write, fault));
}

TEST_F(AnswerFaultsTest, AWatchGets410AfterACompaction) {
  MakeApp();
  OperatorProcess& one = StartOperator(Through(*proxy_));
  ASSERT_TRUE(Works());
  // What the operator last heard of is compacted away while its watches are down, and the watch
  // cache, which would still know, starts anew with the API server.
  std::atomic<bool> down{true};
  proxy_->SetRule([&](const SeenRequest&) {
    Fault fault;
    fault.lose = down;
    return fault;
  });
  plane().Stop("apiserver");
  plane().Start("apiserver");
  MakeBackup("unseen");
  for (int i = 0; i < 5; ++i)
    ApplyYaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c" + std::to_string(i) + "}\n");
  plane().Compact();
  const std::size_t seen = proxy_->requests().size();
  down = false;
  EXPECT_TRUE(BackupSucceeds("unseen"));
  const auto all = proxy_->requests();
  const bool listed_again =
      std::any_of(all.begin() + static_cast<std::ptrdiff_t>(seen), all.end(),
                  [](const SeenRequest& r) { return r.Concerns("/backups?limit="); });
  EXPECT_TRUE(listed_again) << "the watch could go on: nothing was compacted away";
  EXPECT_TRUE(one.Running());
  EXPECT_TRUE(one.Logged("too old resource version")) << "no 410 was seen";
}

}  // namespace
}  // namespace holdfast::faults
