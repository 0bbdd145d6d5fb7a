#include <map>

#include "base/hash.h"
#include "jobs/storage/azure.h"
#include "jobs/storage/encoding.h"
#include "tests/contract/azurite.h"
#include "tests/contract/backend_contract.h"

namespace holdfast::storage {
namespace {

using Made = Result<std::unique_ptr<Backend>>;

const SystemClock kClock;
const Handle kPack{FileType::kPack, ObjectName(1)};

Made MakeWhole() {
  TRY(Azurite * azurite, Azurite::Shared());
  return std::make_unique<Azure>(azurite->FreshOptions(), kClock);
}

// Every object of some size goes in blocks.
Made MakeInBlocks() {
  TRY(Azurite * azurite, Azurite::Shared());
  AzureOptions options = azurite->FreshOptions();
  options.parts = {.threshold = 100'000, .part_size = 70'000, .at_once = 3};
  return std::make_unique<Azure>(options, kClock);
}

// An account's signature for everything, as "Create an account SAS" in the REST reference says.
std::string AccountSas(const AzureOptions& options) {
  std::map<std::string, std::string> fields = {{"sv", "2018-11-09"},
                                               {"ss", "b"},
                                               {"srt", "sco"},
                                               {"sp", "rwdlac"},
                                               {"se", "2099-01-01T00:00:00Z"}};
  const std::string to_sign = options.account + "\n" + fields["sp"] + "\n" + fields["ss"] + "\n" +
                              fields["srt"] + "\n\n" + fields["se"] + "\n\n\n" + fields["sv"] +
                              "\n";
  fields["sig"] = Base64(HmacSha256(options.credentials.key, AsBytes(to_sign)));
  return QueryText(fields);
}

Made MakeWithSas() {
  TRY(Azurite * azurite, Azurite::Shared());
  AzureOptions options = azurite->FreshOptions();
  options.credentials = {{}, AccountSas(options)};
  return std::make_unique<Azure>(options, kClock);
}

INSTANTIATE_TEST_SUITE_P(Azure, BackendContract,
                         testing::Values(Place{"Whole", MakeWhole}, Place{"InBlocks", MakeInBlocks},
                                         Place{"WithSas", MakeWithSas}),
                         testing::PrintToStringParamName());

// What only a real server can show.
class AzuriteTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto azurite = Azurite::Shared();
    ASSERT_TRUE(azurite) << azurite.error().message;
    options_ = (*azurite)->FreshOptions();
  }

  Error ErrorOfLoad() {
    const Result<Bytes> loaded = Azure(options_, kClock).Load(kPack, 0, 0, {});
    return loaded ? Error{Code::kInternal, "it worked"} : loaded.error();
  }

  AzureOptions options_;
};

TEST_F(AzuriteTest, ListsMoreThanOnePage) {
  Azure azure(options_, kClock);
  ExpectListsMoreThanOnePage(azure);
}

TEST_F(AzuriteTest, MissingContainerIsNoPlaceForEveryCall) {
  options_.address.place = "no-such-container";
  ExpectMissingPlaceIsNoticed([&] { return std::make_unique<Azure>(options_, kClock); });
  EXPECT_EQ(ErrorOfLoad().message, "container \"no-such-container\" does not exist at " +
                                       options_.address.endpoint +
                                       ": create it or correct spec.azure.container");
}

TEST_F(AzuriteTest, WrongKeysAreDenied) {
  options_.credentials.key[0] ^= 1;
  EXPECT_EQ(ErrorOfLoad().code, Code::kDenied);
}

TEST_F(AzuriteTest, WrongSignatureIsDenied) {
  options_.credentials = {{}, AccountSas(options_)};
  options_.credentials.sas.replace(options_.credentials.sas.find("sig=") + 4, 4, "AAAA");
  EXPECT_EQ(ErrorOfLoad().code, Code::kDenied);
}

TEST_F(AzuriteTest, SecondSaveIsToldApart) {
  Azure azure(options_, kClock);
  ASSERT_TRUE(azure.Save(kPack, AsBytes("one"), {}));
  EXPECT_EQ(azure.Save(kPack, AsBytes("two"), {}).error().code, Code::kAlreadyExists);
  options_.parts = {.threshold = 2, .part_size = 1, .at_once = 2};
  EXPECT_EQ(Azure(options_, kClock).Save(kPack, AsBytes("two"), {}).error().code,
            Code::kAlreadyExists);
}

}  // namespace
}  // namespace holdfast::storage
