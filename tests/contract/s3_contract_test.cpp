#include "jobs/storage/s3.h"
#include "tests/contract/backend_contract.h"
#include "tests/contract/gateway.h"

namespace holdfast::storage {
namespace {

using Transport = Gateway::Transport;
using Made = Result<std::unique_ptr<Backend>>;

const SystemClock kClock;

Made MakePlain() {
  TRY(Gateway * gateway, Gateway::Shared(Transport::kPlain));
  return std::make_unique<S3>(gateway->FreshOptions(), kClock);
}

Made MakeTls() {
  TRY(Gateway * gateway, Gateway::Shared(Transport::kTls));
  return std::make_unique<S3>(gateway->FreshOptions(), kClock);
}

Made MakeVirtualHost() {
  TRY(Gateway * gateway, Gateway::Shared(Transport::kPlain));
  return std::make_unique<S3>(gateway->FreshVirtualHostOptions(), kClock);
}

// Every object of some size goes in parts.
Made MakeInParts() {
  TRY(Gateway * gateway, Gateway::Shared(Transport::kPlain));
  S3Options options = gateway->FreshOptions();
  options.parts = {.threshold = 250'000, .part_size = std::size_t{5} << 20, .at_once = 2};
  return std::make_unique<S3>(options, kClock);
}

INSTANTIATE_TEST_SUITE_P(S3, BackendContract,
                         testing::Values(Place{"Plain", MakePlain}, Place{"Tls", MakeTls},
                                         Place{"VirtualHost", MakeVirtualHost},
                                         Place{"InParts", MakeInParts}),
                         testing::PrintToStringParamName());

// What only a real server can show.
class GatewayTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto plain = Gateway::Shared(Transport::kPlain);
    const auto tls = Gateway::Shared(Transport::kTls);
    ASSERT_TRUE(plain) << plain.error().message;
    ASSERT_TRUE(tls) << tls.error().message;
    plain_ = *plain;
    tls_ = *tls;
  }

  static Error ErrorOfLoad(const S3Options& options) {
    S3 s3(options, kClock);
    const Result<Bytes> loaded = s3.Load({FileType::kConfig, ""}, 0, 0, {});
    return loaded ? Error{Code::kInternal, "it worked"} : loaded.error();
  }

  Gateway* plain_ = nullptr;
  Gateway* tls_ = nullptr;
};

TEST_F(GatewayTest, ListsMoreThanOnePage) {
  S3 s3(plain_->FreshOptions(), kClock);
  ExpectListsMoreThanOnePage(s3);
}

TEST_F(GatewayTest, MissingBucketIsNoPlaceForEveryCall) {
  S3Options options = plain_->FreshOptions();
  options.address.place = "no-such-bucket";
  ExpectMissingPlaceIsNoticed([&] { return std::make_unique<S3>(options, kClock); });
  EXPECT_EQ(ErrorOfLoad(options).message, "bucket \"no-such-bucket\" does not exist at " +
                                              options.address.endpoint +
                                              ": create it or correct spec.s3.bucket");
}

TEST_F(GatewayTest, WrongKeysAreDenied) {
  S3Options options = plain_->FreshOptions();
  Credentials keys = options.credentials->Get({}).value();
  keys.secret_access_key = "wrong";
  options.credentials = FixedCredentials(keys);
  EXPECT_EQ(ErrorOfLoad(options).code, Code::kDenied);
  keys.access_key_id = "nobody";
  options.credentials = FixedCredentials(keys);
  EXPECT_EQ(ErrorOfLoad(options).code, Code::kDenied);
}

TEST_F(GatewayTest, FindsTheRegionByItself) {
  S3Options options = plain_->FreshOptions();
  options.region = "eu-somewhere-1";
  EXPECT_EQ(ErrorOfLoad(options).code, Code::kNotFound);
}

TEST_F(GatewayTest, ServerWithoutATrustedCertificateIsUnavailable) {
  S3Options options = tls_->FreshOptions();
  options.http.ca_file.clear();
  const Error error = ErrorOfLoad(options);
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_NE(error.message.find("spec.s3.caBundle"), std::string::npos) << error.message;
  options.http.ca_file = "/no/such/file";
  EXPECT_EQ(ErrorOfLoad(options).code, Code::kInvalid);
}

// As after a flipped bit in the mover's memory: what would be stored is not what was named.
TEST_F(GatewayTest, PackThatIsNotWhatItsNameSaysIsRefused) {
  S3 s3(plain_->FreshOptions(), kClock);
  const Handle handle{FileType::kPack, NameOf(AsBytes("as it was"))};
  const Result<void> saved = s3.Save(handle, AsBytes("as it is!"), {});
  ASSERT_FALSE(saved);
  EXPECT_NE(saved.error().message.find("damaged"), std::string::npos) << saved.error().message;
  EXPECT_EQ(s3.Stat(handle, {}).error().code, Code::kNotFound);
}

TEST_F(GatewayTest, SecondSaveIsToldApart) {
  S3 s3(plain_->FreshOptions(), kClock);
  ASSERT_TRUE(s3.Save({FileType::kConfig, ""}, AsBytes("one"), {}));
  EXPECT_EQ(s3.Save({FileType::kConfig, ""}, AsBytes("two"), {}).error().code,
            Code::kAlreadyExists);
}

}  // namespace
}  // namespace holdfast::storage
