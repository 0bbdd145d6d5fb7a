#include "operator/kube/informer.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/scripted_transport.h"

namespace holdfast::kube {
namespace {

using fakes::ScriptedTransport;
using ::testing::HasSubstr;

Json Pod(const std::string& name, const std::string& version) {
  return {{"metadata", {{"name", name}, {"namespace", "shop"}, {"resourceVersion", version}}}};
}

Json Listed(std::vector<Json> pods, const std::string& version) {
  return {{"items", pods}, {"metadata", {{"resourceVersion", version}}}};
}

Json Event(const std::string& type, const Json& pod) { return {{"type", type}, {"object", pod}}; }

// An informer of pods' resourceVersions on a thread of its own, and what its listener heard.
class InformerTest : public ::testing::Test {
 protected:
  void Start() {
    informer_.AddListener([](const ObjectKey& key) { return std::vector{key}; },
                          [this](const ObjectKey& key) {
                            const std::lock_guard lock(mutex_);
                            heard_.push_back(key.name);
                            changed_.notify_all();
                          });
    thread_ = std::jthread([this](std::stop_token stop) { informer_.Run(stop); });
  }

  // Blocks until that many changes were heard; returns their names.
  std::vector<std::string> AwaitHeard(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return heard_.size() >= count; });
    return heard_;
  }

  std::string VersionOf(const std::string& name) const {
    const auto entry = informer_.cache().Get({"shop", name});
    return entry ? *entry : "none";
  }

  ScriptedTransport server_;
  Api api_{server_};
  Informer<std::string> informer_{
      api_, {kPods, "shop", ""}, [](const Json& pod) -> Result<std::string> {
        const std::string version = FindString(pod, {"metadata", "resourceVersion"});
        if (version == "bad") return Fail(Code::kInvalid, "unreadable");
        return version;
      }};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> heard_;
  std::jthread thread_;
};

TEST_F(InformerTest, ListsThenFollows) {
  server_.Answer(200, Listed({Pod("a", "1"), Pod("b", "2")}, "5"))
      .Lines({Event("ADDED", Pod("c", "6")), Event("DELETED", Pod("a", "7"))});
  EXPECT_FALSE(informer_.Synced());
  Start();
  EXPECT_THAT(AwaitHeard(4), ::testing::ElementsAre("a", "b", "c", "a"));
  EXPECT_TRUE(informer_.Synced());
  EXPECT_EQ(VersionOf("a"), "none");
  EXPECT_EQ(VersionOf("c"), "6");
}

TEST_F(InformerTest, TellsHowFarTheCacheHasComeBeforeAnybodyLooks) {
  server_.Answer(200, Listed({Pod("a", "1")}, "5"))
      .Lines({Event("MODIFIED", Pod("a", "6")), Event("DELETED", Pod("a", "7")),
              Event("BOOKMARK", Pod("", "9"))});
  Freshness& freshness = informer_.cache().freshness();
  freshness.Wrote({"shop", "a"}, "5");
  std::vector<bool> shown;  // the informer's thread's, until it has ended
  std::string needed = "5";
  informer_.AddListener([](const ObjectKey& key) { return std::vector{key}; },
                        [&](const ObjectKey& key) {
                          shown.push_back(freshness.Shows(key));
                          freshness.Wrote(key, needed = std::to_string(std::stoi(needed) + 1));
                        });
  Start();
  ASSERT_TRUE(server_.AwaitRequests(3));
  thread_ = {};
  EXPECT_THAT(shown, ::testing::ElementsAre(false, true, true))
      << "a list counts once it is complete, an event at once";
  EXPECT_TRUE(freshness.Shows({"shop", "a"})) << "the bookmark is past version 8";
}

TEST_F(InformerTest, AWriteThatComesByAListIsNewsOnceTheListIsComplete) {
  server_.Answer(200, Listed({}, "5"))
      .Refuse(410, "Expired", "too old resource version")
      .Answer(200, Listed({Pod("a", "7"), Pod("b", "6")}, "9"));
  Freshness& freshness = informer_.cache().freshness();
  freshness.Wrote({"shop", "a"}, "7");
  std::vector<bool> awaited;  // the informer's thread's, until it has ended
  informer_.AddListener([](const ObjectKey& key) { return std::vector{key}; },
                        [&](const ObjectKey& key) { awaited.push_back(freshness.Awaits(key)); });
  Start();
  AwaitHeard(3);
  ASSERT_TRUE(server_.AwaitRequests(4));
  thread_ = {};
  EXPECT_EQ(heard_, (std::vector<std::string>{"a", "b", "a"}));
  EXPECT_THAT(awaited, ::testing::ElementsAre(true, false, false));
}

TEST_F(InformerTest, ResumesFromTheLastVersionItSaw) {
  server_.Answer(200, Listed({}, "5")).Lines({Event("ADDED", Pod("a", "6"))});
  Start();
  ASSERT_TRUE(server_.AwaitRequests(3));
  EXPECT_THAT(server_.requests()[1].query, HasSubstr("resourceVersion=5&"));
  EXPECT_THAT(server_.requests()[2].query, HasSubstr("resourceVersion=6&"));
}

TEST_F(InformerTest, GoneMeansAFreshListThatFindsTheMissing) {
  server_.Answer(200, Listed({Pod("a", "1"), Pod("b", "2")}, "5"))
      .Refuse(410, "Expired", "too old resource version")
      .Answer(200, Listed({Pod("b", "2")}, "9"));
  Start();
  EXPECT_THAT(AwaitHeard(4), ::testing::ElementsAre("a", "b", "b", "a"));
  EXPECT_EQ(VersionOf("a"), "none");
  EXPECT_EQ(VersionOf("b"), "2");
}

TEST_F(InformerTest, KeepsOnlyWhatItChooses) {
  InformerOptions options{kPods, "shop", ""};
  options.chooses = [](const Json& pod) {
    return FindString(pod, {"metadata", "resourceVersion"}) != "7";
  };
  Informer<std::string> choosing{api_, std::move(options),
                                 [](const Json& pod) -> Result<std::string> {
                                   return FindString(pod, {"metadata", "resourceVersion"});
                                 }};
  // Of what it keeps alone: as for claims that wait for a volume.
  choosing.AddListener(
      [&](const ObjectKey& key) {
        return choosing.cache().Get(key) == nullptr ? std::vector<ObjectKey>{} : std::vector{key};
      },
      [this](const ObjectKey& key) {
        const std::lock_guard lock(mutex_);
        heard_.push_back(key.name);
        changed_.notify_all();
      });
  server_.Answer(200, Listed({Pod("a", "1"), Pod("b", "7")}, "5"))
      .Lines({Event("MODIFIED", Pod("a", "7")), Event("ADDED", Pod("c", "8"))});
  thread_ = std::jthread([&](std::stop_token stop) { choosing.Run(stop); });
  EXPECT_THAT(AwaitHeard(3), ::testing::ElementsAre("a", "a", "c"))
      << "it came, it is no longer chosen, another came; b was never there";
  thread_ = {};
  EXPECT_THAT(choosing.cache().Keys(), ::testing::ElementsAre(ObjectKey{"shop", "c"}));
  EXPECT_EQ(choosing.Undecodable(), 0u);
}

TEST_F(InformerTest, AnUnreadableObjectStopsNoOther) {
  server_.Answer(200, Listed({Pod("a", "1")}, "5"))
      .Lines({Event("MODIFIED", Pod("a", "bad")), Event("ADDED", Pod("b", "7"))});
  Start();
  EXPECT_THAT(AwaitHeard(2), ::testing::ElementsAre("a", "b"));
  EXPECT_EQ(VersionOf("a"), "1") << "absence would mean that it was deleted";
  EXPECT_EQ(informer_.Undecodable(), 1u);
}

TEST_F(InformerTest, SaysThatTheDefinitionIsMissing) {
  server_.Refuse(404, "NotFound", "the server could not find the requested resource")
      .Answer(200, Listed({}, "5"));
  Start();
  ASSERT_TRUE(server_.AwaitRequests(3)) << "it tries again by itself";
  EXPECT_TRUE(informer_.Synced());
  EXPECT_EQ(informer_.Problem(), "");
}

TEST_F(InformerTest, TellsWhatIsGone) {
  server_.Answer(200, Listed({Pod("a", "1"), Pod("b", "2")}, "5"))
      .LinesThenError({Event("DELETED", Pod("a", "7"))}, {Code::kGone, "too old"})
      .Answer(200, Listed({}, "9"));
  std::vector<std::string> gone;  // the informer's thread's, until it has ended
  informer_.OnGone([&gone](const ObjectKey& key) { gone.push_back(key.name); });
  Start();
  AwaitHeard(4);
  ASSERT_TRUE(server_.AwaitRequests(4)) << "the next watch";
  thread_ = {};
  EXPECT_THAT(gone, ::testing::ElementsAre("a", "b")) << "by the watch, and missing from a list";
}

// Two namespaces, each with its own watch: a fresh list of one says nothing about the other.
TEST(SharedCacheTest, InformersOfTwoNamespacesKeepToTheirOwn) {
  const auto pod = [](const std::string& ns, const std::string& name) {
    return Json{{"metadata", {{"name", name}, {"namespace", ns}, {"resourceVersion", "1"}}}};
  };
  ScriptedTransport shop_server;
  ScriptedTransport bank_server;
  shop_server.Answer(200, Listed({pod("shop", "a"), pod("shop", "b")}, "5"))
      .Refuse(410, "Expired", "too old resource version")
      .Answer(200, Listed({pod("shop", "b")}, "9"));
  bank_server.Answer(200, Listed({pod("bank", "a")}, "5"));
  const Api shop_api(shop_server);
  const Api bank_api(bank_server);
  Cache<int> cache;
  const auto decode = [](const Json&) -> Result<int> { return 1; };
  Informer<int> shop(shop_api, {kPods, "shop", ""}, decode, cache);
  Informer<int> bank(bank_api, {kPods, "bank", ""}, decode, cache);
  {
    const std::jthread bank_thread([&](std::stop_token stop) { bank.Run(stop); });
    ASSERT_TRUE(bank_server.AwaitRequests(2));
    const std::jthread shop_thread([&](std::stop_token stop) { shop.Run(stop); });
    ASSERT_TRUE(shop_server.AwaitRequests(4)) << "list, 410, list, watch";
  }
  EXPECT_THAT(shop_server.requests()[0].path, HasSubstr("/namespaces/shop/pods"));
  EXPECT_EQ(cache.Get({"shop", "a"}), nullptr);
  EXPECT_NE(cache.Get({"shop", "b"}), nullptr);
  EXPECT_NE(cache.Get({"bank", "a"}), nullptr);
}

}  // namespace
}  // namespace holdfast::kube
