#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "jobs/storage/rest.h"
#include "tests/contract/backend_contract.h"
#include "tests/contract/rest_server.h"

namespace holdfast::storage {
namespace {

using testing::HasSubstr;
using Made = Result<std::unique_ptr<Backend>>;

Made Make() {
  TRY(RestServer * server, RestServer::Shared());
  return std::make_unique<Rest>(server->FreshOptions());
}

INSTANTIATE_TEST_SUITE_P(Rest, BackendContract, testing::Values(Place{"Rest", Make}),
                         testing::PrintToStringParamName());

// What only a real server can show.
class RestServerTest : public testing::Test {
 protected:
  void Start(const std::vector<std::string>& options) {
    const auto started = server_.Start(options);
    ASSERT_TRUE(started) << started.error().message;
  }
  Handle HandleFor(FileType type, std::string_view content) const {
    return {type, NameOf(AsBytes(content))};
  }

  RestServer server_;
};

TEST_F(RestServerTest, ListsMoreThanOnePage) {
  ASSERT_NO_FATAL_FAILURE(Start({"--no-auth", "--no-verify-upload"}));
  Rest rest(server_.FreshOptions());
  ExpectListsMoreThanOnePage(rest);
}

TEST_F(RestServerTest, TakesWhatIsNamedByItsContent) {
  ASSERT_NO_FATAL_FAILURE(Start({"--no-auth"}));
  Rest rest(server_.FreshOptions());
  const Handle pack = HandleFor(FileType::kPack, "pack");
  EXPECT_TRUE(rest.Save(pack, AsBytes("pack"), {}));
  EXPECT_EQ(rest.Save(HandleFor(FileType::kPack, "another"), AsBytes("damaged"), {}).error().code,
            Code::kInvalid);
  const auto folder = std::filesystem::path(server_.folder()) / "team/1/data";
  EXPECT_TRUE(exists(folder / pack.name.substr(0, 2) / pack.name)) << "in restic's layout";
}

TEST_F(RestServerTest, AppendOnlyLetsLocksGoAndNothingElse) {
  ASSERT_NO_FATAL_FAILURE(Start({"--no-auth", "--append-only"}));
  Rest rest(server_.FreshOptions());
  ASSERT_TRUE(rest.Save({FileType::kConfig, ""}, AsBytes("config"), {}));
  const Handle snapshot = HandleFor(FileType::kSnapshot, "snapshot");
  const Handle lock = HandleFor(FileType::kLock, "lock");
  ASSERT_TRUE(rest.Save(snapshot, AsBytes("snapshot"), {}));
  ASSERT_TRUE(rest.Save(lock, AsBytes("lock"), {}));
  EXPECT_TRUE(rest.Remove(lock, {}));
  const Error refused = rest.Remove(snapshot, {}).error();
  EXPECT_EQ(refused.code, Code::kDenied);
  EXPECT_THAT(refused.message, HasSubstr("append-only"));
  EXPECT_TRUE(rest.Stat(snapshot, {}));
  EXPECT_EQ(rest.Save({FileType::kConfig, ""}, AsBytes("config"), {}).error().code,
            Code::kAlreadyExists);
}

TEST_F(RestServerTest, AUserHasTheirOwnPathAlone) {
  const std::string users = FreshFolder() + "/htpasswd";
  // The SHA-1 of "secret" in base64, as htpasswd -s writes it.
  std::ofstream(users) << "red:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n";
  ASSERT_NO_FATAL_FAILURE(Start({"--htpasswd-file", users, "--private-repos"}));
  RestOptions options = server_.FreshOptions();
  options.username = "red";
  options.password = "secret";
  options.address.prefix = "red/repository";
  EXPECT_TRUE(Rest(options).Save({FileType::kConfig, ""}, AsBytes("config"), {}));

  const auto refused_at = [](const RestOptions& tried) {
    const auto loaded = Rest(tried).Load({FileType::kConfig, ""}, 0, 0, {});
    return loaded ? Error{Code::kInternal, "it was loaded"} : loaded.error();
  };
  RestOptions elsewhere = options;
  elsewhere.address.prefix = "blue/repository";
  EXPECT_EQ(refused_at(elsewhere).code, Code::kDenied);
  options.password = "wrong";
  EXPECT_EQ(refused_at(options).code, Code::kDenied);
  EXPECT_THAT(refused_at(options).message, HasSubstr("RESTIC_REST_PASSWORD"));
}

}  // namespace
}  // namespace holdfast::storage
