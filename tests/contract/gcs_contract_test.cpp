#include <map>

#include "jobs/storage/gcs.h"
#include "tests/contract/backend_contract.h"
#include "tests/contract/fake_gcs.h"

namespace holdfast::storage {
namespace {

using Made = Result<std::unique_ptr<Backend>>;

const Handle kPack{FileType::kPack, ObjectName(1)};

Made Make() {
  TRY(FakeGcs * server, FakeGcs::Shared());
  return std::make_unique<Gcs>(server->FreshOptions());
}

INSTANTIATE_TEST_SUITE_P(Gcs, BackendContract, testing::Values(Place{"Gcs", Make}),
                         testing::PrintToStringParamName());

// What only a real server can show.
class FakeGcsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto server = FakeGcs::Shared();
    ASSERT_TRUE(server) << server.error().message;
    options_ = (*server)->FreshOptions();
  }

  GcsOptions options_;
};

TEST_F(FakeGcsTest, ListsMoreThanOnePage) {
  constexpr int kObjects = 1001;  // a page has at most 1000
  Gcs gcs(options_);
  for (int i = 0; i < kObjects; ++i)
    ASSERT_TRUE(gcs.Save({FileType::kIndex, ObjectName(i)}, AsBytes("x"), {}));
  std::map<std::string, int> visits;
  const auto count = [&](const FileInfo& info) -> Result<void> {
    ++visits[info.name];
    return {};
  };
  ASSERT_TRUE(gcs.List(FileType::kIndex, count, {}));
  EXPECT_EQ(visits.size(), static_cast<std::size_t>(kObjects));
}

TEST_F(FakeGcsTest, MissingBucketIsNoPlaceForEveryCall) {
  options_.address.place = "no-such-bucket";
  const auto visit = [](const FileInfo&) -> Result<void> { return {}; };
  const Error saved = Gcs(options_).Save(kPack, AsBytes("x"), {}).error();
  EXPECT_EQ(saved.code, kNoPlace) << saved.message;
  EXPECT_EQ(Gcs(options_).Load(kPack, 0, 0, {}).error().code, kNoPlace);
  EXPECT_EQ(Gcs(options_).Stat(kPack, {}).error().code, kNoPlace);
  EXPECT_EQ(Gcs(options_).List(FileType::kPack, visit, {}).error().code, kNoPlace);
  EXPECT_EQ(Gcs(options_).Remove(kPack, {}).error().code, kNoPlace);
  EXPECT_EQ(saved.message, "bucket \"no-such-bucket\" does not exist at " +
                               options_.address.endpoint +
                               ": create it or correct spec.gcs.bucket");
}

}  // namespace
}  // namespace holdfast::storage
