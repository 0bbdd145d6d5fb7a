#include "jobs/storage/google_jwt.h"

#include <gtest/gtest.h>

#include "tests/unit/jobs/storage/rfc7515_key.h"

namespace holdfast::storage {
namespace {

// RFC 7515 appendix A.2.
TEST(GoogleJwtTest, SignatureOfTheStandardsExample) {
  EXPECT_EQ(SignRs256("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dH"
                      "A6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
                      kRfc7515Key),
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
            "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLI"
            "ARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPq"
            "vhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77"
            "Rw");
}

TEST(GoogleJwtTest, TokenHasThreeParts) {
  const std::string token = SignedJwt({{"alg", "RS256"}}, {{"iss", "joe"}}, kRfc7515Key).value();
  EXPECT_TRUE(token.starts_with("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UifQ.")) << token;
  EXPECT_EQ(token.substr(token.rfind('.') + 1).size(), 342u) << "256 bytes";
}

TEST(GoogleJwtTest, OtherKeysAreInvalid) {
  for (const char* key : {"", "secret",
                          "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n"
                          "-----END PRIVATE KEY-----\n"}) {
    const auto token = SignedJwt({}, {}, key);
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().code, Code::kInvalid);
    EXPECT_EQ(token.error().message.find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace holdfast::storage
