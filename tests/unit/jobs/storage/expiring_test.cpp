#include "jobs/storage/expiring.h"

#include <string>

#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

using std::chrono::minutes;

class ManualClock final : public Clock {
 public:
  TimePoint Now() const override { return now; }
  TimePoint now = ParseTime("2026-08-01T12:00:00Z").value();
};

class ExpiringTest : public testing::Test {
 protected:
  // Each fetch gives the next number, for an hour; none while `fails`.
  std::string Get() {
    const auto fetch = [&]() -> Result<Expiring<std::string>::Lease> {
      if (fails_) return Fail(Code::kUnavailable, "no answer");
      return Expiring<std::string>::Lease{std::to_string(++fetched_), clock_.now + minutes(60)};
    };
    const Result<std::string> got = token_.Get(fetch);
    return got ? *got : got.error().message;
  }

  ManualClock clock_;
  Expiring<std::string> token_{clock_};
  int fetched_ = 0;
  bool fails_ = false;
};

TEST_F(ExpiringTest, IsKeptUntilShortlyBeforeItsEnd) {
  EXPECT_EQ(Get(), "1");
  clock_.now += minutes(54);
  EXPECT_EQ(Get(), "1");
  clock_.now += minutes(1);
  EXPECT_EQ(Get(), "2");
}

TEST_F(ExpiringTest, AFailedRenewalIsNoErrorWhileItHolds) {
  EXPECT_EQ(Get(), "1");
  fails_ = true;
  clock_.now += minutes(59);
  EXPECT_EQ(Get(), "1");
  clock_.now += minutes(1);
  EXPECT_EQ(Get(), "no answer");
}

TEST_F(ExpiringTest, WhatIsRefusedIsFetchedAnewOnce) {
  EXPECT_EQ(Get(), "1");
  token_.Drop("1");
  EXPECT_EQ(Get(), "2");
  token_.Drop("1");
  EXPECT_EQ(Get(), "2") << "another thread's late refusal of the old one";
}

}  // namespace
}  // namespace holdfast::storage
