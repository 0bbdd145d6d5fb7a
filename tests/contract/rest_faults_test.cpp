// The REST protocol against servers that fail, refuse or say something else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/storage/rest.h"
#include "tests/contract/s3_scene.h"

namespace holdfast::storage {
namespace {

using testing::HasSubstr;

struct RestScene {
  explicit RestScene(std::vector<Answer> script)
      : server(std::move(script)), rest(OptionsOf(server.endpoint())) {}

  static RestOptions OptionsOf(const std::string& endpoint) {
    RestOptions options;
    options.address = {endpoint, "", "a b/c"};
    options.username = "red";
    options.password = "secret";
    options.http.stall_timeout = std::chrono::seconds(1);
    return options;
  }
  Result<std::vector<FileInfo>> Listed(FileType type) {
    std::vector<FileInfo> infos;
    TRY_VOID(rest.List(type,
                       [&](const FileInfo& info) -> Result<void> {
                         infos.push_back(info);
                         return {};
                       },
                       {}));
    return infos;
  }

  ScriptedServer server;
  Rest rest;
};

TEST(RestFaultTest, RequestsAreThoseOfTheProtocol) {
  RestScene scene(
      {Reply(200), Reply(200), Reply(200, {}, "[]"), Reply(200, {}, "abc"), Reply(200)});
  EXPECT_TRUE(scene.rest.Save(kConfig, AsBytes("x"), {}));
  EXPECT_TRUE(scene.Listed(FileType::kPack));
  EXPECT_EQ(AsText(scene.rest.Load(kPack, 0, 0, {}).value()), "abc");
  EXPECT_TRUE(scene.rest.Remove({FileType::kLock, kPack.name}, {}));
  const auto seen = scene.server.requests();
  ASSERT_EQ(seen.size(), 5u);
  EXPECT_EQ(seen[0].method + " " + seen[0].target, "POST /a%20b/c/?create=true");
  EXPECT_EQ(seen[1].method + " " + seen[1].target, "POST /a%20b/c/config");
  EXPECT_EQ(seen[2].target, "/a%20b/c/data/");
  EXPECT_THAT(seen[2].head, HasSubstr("accept: application/vnd.x.restic.rest.v2\r\n"));
  EXPECT_THAT(seen[2].head, HasSubstr("authorization: Basic cmVkOnNlY3JldA==\r\n"));
  EXPECT_EQ(seen[3].target, "/a%20b/c/data/" + kPack.name) << "no folders within data";
  EXPECT_EQ(seen[4].method + " " + seen[4].target, "DELETE /a%20b/c/locks/" + kPack.name);
}

TEST(RestFaultTest, OverloadAndFailureAreWorthRetrying) {
  RestScene scene({Reply(503), Reply(429), Reply(408), {"", Answer::Then::kReset}});
  for (const Code code :
       {Code::kUnavailable, Code::kUnavailable, Code::kTimeout, Code::kUnavailable})
    EXPECT_EQ(scene.rest.Load(kPack, 0, 0, {}).error().code, code);
}

TEST(RestFaultTest, RefusalsSayWhatToChange) {
  RestScene scene({Reply(401), Reply(403), Reply(405), Reply(413)});
  const Error user = scene.rest.Load(kPack, 0, 0, {}).error();
  EXPECT_EQ(user.code, Code::kDenied);
  EXPECT_THAT(user.message, HasSubstr("spec.rest.credentialsSecret"));
  EXPECT_EQ(scene.rest.Remove(kPack, {}).error().code, Code::kDenied);
  const Error other = scene.rest.Remove(kPack, {}).error();
  EXPECT_EQ(other.code, Code::kInvalid);
  EXPECT_THAT(other.message, HasSubstr("spec.rest.url"));
  EXPECT_EQ(scene.rest.Save(kPack, AsBytes("x"), {}).error().code, Code::kNoSpace);
}

TEST(RestFaultTest, ARefusalOfWhatIsThereIsTold) {
  RestScene scene({Reply(403), Reply(200, {}, "x"), Reply(403), Reply(404)});
  EXPECT_EQ(scene.rest.Save(kPack, AsBytes("x"), {}).error().code, Code::kAlreadyExists);
  EXPECT_EQ(scene.rest.Save(kPack, AsBytes("x"), {}).error().code, Code::kDenied);
}

TEST(RestFaultTest, AListingMayHaveMoreThanIsKnown) {
  const std::string name = kPack.name;
  RestScene scene({Reply(200, {}, R"([{"name":")" + name + R"(","size":7,"etag":"x","old":null}])"),
                   Reply(200, {}, R"([{"name":"README","size":1}])"), Reply(200, {}, "null"),
                   Reply(404)});
  const auto listed = scene.Listed(FileType::kPack);
  ASSERT_TRUE(listed) << listed.error().message;
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().name, name);
  EXPECT_EQ(listed->front().size, 7u);
  for (const char* what : {"no object of ours", "none at all", "no folder"}) {
    const auto nothing = scene.Listed(FileType::kIndex);
    ASSERT_TRUE(nothing) << what << ": " << nothing.error().message;
    EXPECT_TRUE(nothing->empty()) << what;
  }
}

TEST(RestFaultTest, ListingThatIsNotAListing) {
  const std::string name = kPack.name;
  const std::string bodies[] = {"", "{}", "7", "<html/>", "[7]", "[[]]", R"(["0123"])",
                                // cut, without a size, of another type, deeper than the protocol
                                R"([{"name":")" + name + R"(","size":7})", R"([{"name":"x"}])",
                                R"([{"name":"x","size":"7"}])", R"([{"name":"x","size":-7}])",
                                R"([{"name":"x","size":7,"more":{}}])"};
  for (const std::string& body : bodies) {
    RestScene scene({Reply(200, {}, body)});
    const auto listed = scene.Listed(FileType::kPack);
    ASSERT_FALSE(listed) << body;
    EXPECT_EQ(listed.error().code, Code::kUnavailable) << body;
  }
}

}  // namespace
}  // namespace holdfast::storage
