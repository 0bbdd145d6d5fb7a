#include "operator/kube/informer.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "operator/kube/lease.h"
#include "tests/integration/kube/cluster.h"

namespace holdfast::kube {
namespace {

// Passes requests on, until told to break what is under way or to answer 410 to the next watch.
class Saboteur final : public Transport {
 public:
  explicit Saboteur(Transport& next) : next_(next) {}

  Result<Response> Send(const Request& request, std::stop_token stop) override {
    return next_.Send(request, stop);
  }

  Result<Response> Stream(const Request& request,
                          const std::function<Result<void>(std::string_view)>& on_bytes,
                          std::stop_token stop) override {
    if (request.query.find("watch=1") == std::string::npos) {
      ++lists;
      return next_.Stream(request, on_bytes, stop);
    }
    if (forget.exchange(false)) return Response{410, "", std::nullopt};
    std::stop_source cut;
    {
      const std::lock_guard lock(mutex_);
      cut_ = cut;
    }
    const std::stop_callback on_stop(stop, [&cut] { cut.request_stop(); });
    Result<Response> end = next_.Stream(request, on_bytes, cut.get_token());
    if (end || stop.stop_requested()) return end;
    return Fail(Code::kUnavailable, "cut");
  }

  void Cut() {
    const std::lock_guard lock(mutex_);
    cut_.request_stop();
  }

  std::atomic<bool> forget{false};
  std::atomic<int> lists{0};

 private:
  Transport& next_;
  std::mutex mutex_;
  std::stop_source cut_;
};

class RealInformerTest : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    if (HasFatalFailure()) return;
    saboteur_ = std::make_unique<Saboteur>(*transport_);
    watched_ = std::make_unique<Api>(*saboteur_);
    informer_ =
        std::make_unique<Informer<std::string>>(*watched_, InformerOptions{kConfigMaps, ns_, ""},
                                                [](const Json& object) -> Result<std::string> {
                                                  return FindString(object, {"data", "key"});
                                                });
    informer_->AddListener([](const ObjectKey& key) { return std::vector{key}; },
                           [this](const ObjectKey&) {
                             const std::lock_guard lock(mutex_);
                             changed_.notify_all();
                           });
    thread_ = std::jthread([this](std::stop_token stop) { informer_->Run(stop); });
  }

  void TearDown() override {
    thread_ = {};
    ClusterTest::TearDown();
  }

  // Whether the cache comes to hold `value` for the ConfigMap; "" stands for none.
  bool Await(const std::string& name, const std::string& value) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      const auto entry = informer_->cache().Get(Key(name));
      return (entry ? *entry : "") == value;
    });
  }

  void Change(const std::string& name, const std::string& value) {
    ASSERT_TRUE(api_->MergePatch(kConfigMaps, Key(name), {{"data", {{"key", value}}}}, {}));
  }

  std::unique_ptr<Saboteur> saboteur_;
  std::unique_ptr<Api> watched_;
  std::unique_ptr<Informer<std::string>> informer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::jthread thread_;
};

TEST_F(RealInformerTest, SeesObjectsComeChangeAndGo) {
  Make("a", "1");
  EXPECT_TRUE(Await("a", "1"));
  Change("a", "2");
  EXPECT_TRUE(Await("a", "2"));
  ASSERT_TRUE(api_->Delete(kConfigMaps, Key("a"), {}, {}));
  EXPECT_TRUE(Await("a", ""));
}

TEST_F(RealInformerTest, ResumesAfterTheConnectionIsCut) {
  Make("a", "1");
  ASSERT_TRUE(Await("a", "1"));
  const int lists = saboteur_->lists;
  saboteur_->Cut();
  Change("a", "2");
  EXPECT_TRUE(Await("a", "2"));
  EXPECT_EQ(saboteur_->lists, lists) << "no fresh list is needed";
}

TEST_F(RealInformerTest, ListsAgainWhenHistoryIsLost) {
  Make("a", "1");
  Make("b", "1");
  ASSERT_TRUE(Await("b", "1"));
  const int lists = saboteur_->lists;
  saboteur_->forget = true;
  saboteur_->Cut();
  ASSERT_TRUE(api_->Delete(kConfigMaps, Key("a"), {}, {}));
  EXPECT_TRUE(Await("a", ""));
  EXPECT_TRUE(Await("b", "1"));
  EXPECT_GT(saboteur_->lists, lists);
}

using RealLeaseTest = ClusterTest;

TEST_F(RealLeaseTest, TheSecondLeadsWhenTheFirstHasLetGo) {
  const SystemClock clock;
  WriteFence fence(*transport_);
  const auto options = [&](const std::string& identity) {
    LeaseOptions made;
    made.key = Key("lease");
    made.identity = identity;
    made.retry_period = std::chrono::milliseconds(50);
    return made;
  };
  std::stop_source first_stop;
  std::atomic<int> leaders{0};
  std::jthread second;
  const auto first = RunAsLeader(
      *api_, clock, options("first"), fence,
      [&](std::stop_token) {
        ++leaders;
        second = std::jthread([&] {
          const auto result = RunAsLeader(*api_, clock, options("second"), fence,
                                          [&](std::stop_token) { EXPECT_EQ(leaders, 0); }, {});
          EXPECT_TRUE(result);
        });
        EXPECT_EQ(FindString(*api_->Get(kLeases, Key("lease"), {}), {"spec", "holderIdentity"}),
                  "first");
        --leaders;
        first_stop.request_stop();
      },
      first_stop.get_token());
  EXPECT_TRUE(first);
}

}  // namespace
}  // namespace holdfast::kube
