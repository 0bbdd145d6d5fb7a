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
  Gcs gcs(options_);
  ExpectListsMoreThanOnePage(gcs);
}

TEST_F(FakeGcsTest, MissingBucketIsNoPlaceForEveryCall) {
  options_.address.place = "no-such-bucket";
  ExpectMissingPlaceIsNoticed([&] { return std::make_unique<Gcs>(options_); });
  EXPECT_EQ(Gcs(options_).Save(kPack, AsBytes("x"), {}).error().message,
            "bucket \"no-such-bucket\" does not exist at " + options_.address.endpoint +
                ": create it or correct spec.gcs.bucket");
}

}  // namespace
}  // namespace holdfast::storage
