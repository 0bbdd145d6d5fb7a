#include "jobs/storage/retry.h"

#include <algorithm>
#include <deque>

#include <gtest/gtest.h>

#include "jobs/storage/memory.h"
#include "tests/unit/jobs/storage/manual_sleeper.h"

namespace holdfast::storage {
namespace {

using std::chrono::milliseconds;

const Handle kHandle{FileType::kPack, std::string(64, 'a')};

// A backend in memory that fails as told before it works.
class Flaky final : public Backend {
 public:
  enum class When { kBefore, kAfter };

  Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override {
    if (when == When::kAfter && !failures.empty()) {
      const Result<void> ignored = memory.Save(handle, data, stop);
      static_cast<void>(ignored);
    }
    TRY_VOID(MaybeFail());
    return memory.Save(handle, data, stop);
  }
  Result<Bytes> Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                     std::stop_token stop) override {
    TRY_VOID(MaybeFail());
    return memory.Load(handle, offset, length, stop);
  }
  Result<FileInfo> Stat(const Handle& handle, std::stop_token stop) override {
    TRY_VOID(MaybeFail());
    return memory.Stat(handle, stop);
  }
  Result<void> List(FileType type, const std::function<Result<void>(const FileInfo&)>& visit,
                    std::stop_token stop) override {
    TRY_VOID(memory.List(type, visit, stop));
    return MaybeFail();
  }
  Result<void> Remove(const Handle& handle, std::stop_token stop) override {
    TRY_VOID(MaybeFail());
    return memory.Remove(handle, stop);
  }
  std::string Location() const override { return "flaky:"; }

  Memory memory;
  std::deque<Code> failures;
  When when = When::kBefore;
  int calls = 0;

 private:
  Result<void> MaybeFail() {
    ++calls;
    if (failures.empty()) return {};
    const Code code = failures.front();
    failures.pop_front();
    return Fail(code, "as told");
  }
};

class RetryTest : public testing::Test {
 protected:
  void Use(RetryOptions options) {
    auto inner = std::make_unique<Flaky>();
    flaky_ = inner.get();
    retry_ = std::make_unique<Retry>(std::move(inner), options, sleeper_);
  }
  void SetUp() override { Use({}); }

  ManualSleeper sleeper_;
  Flaky* flaky_ = nullptr;
  std::unique_ptr<Retry> retry_;
};

TEST_F(RetryTest, TriesAgainUntilItWorks) {
  flaky_->failures = {Code::kUnavailable, Code::kTimeout, Code::kConflict};
  EXPECT_TRUE(retry_->Save(kHandle, AsBytes("x"), {}));
  EXPECT_EQ(flaky_->calls, 4);
  EXPECT_EQ(AsText(flaky_->memory.Load(kHandle, 0, 0, {}).value()), "x");
}

TEST_F(RetryTest, ErrorsThatStayAreReturnedAtOnce) {
  for (const Code code : {Code::kNotFound, Code::kDenied, Code::kInvalid, Code::kCorrupt,
                          Code::kNoSpace, Code::kCancelled, kNoPlace}) {
    flaky_->failures = {code, code};
    flaky_->calls = 0;
    EXPECT_EQ(retry_->Load(kHandle, 0, 0, {}).error(), (Error{code, "as told"}));
    EXPECT_EQ(flaky_->calls, 1) << CodeName(code);
  }
}

TEST_F(RetryTest, GivesUpAfterTheLastAttempt) {
  Use({.attempts = 3});
  flaky_->failures.assign(10, Code::kUnavailable);
  EXPECT_EQ(retry_->Stat(kHandle, {}).error(),
            (Error{Code::kUnavailable, "tried 3 times: as told"}));
  EXPECT_EQ(flaky_->calls, 3);
}

TEST_F(RetryTest, GivesUpWhenTimeIsUp) {
  Use({.attempts = 1'000'000, .total = milliseconds(600'000)});
  flaky_->failures.assign(100'000, Code::kUnavailable);
  const auto start = sleeper_.Now();
  EXPECT_FALSE(retry_->Remove(kHandle, {}));
  EXPECT_LE(sleeper_.Now() - start, milliseconds(600'000));
  EXPECT_GT(sleeper_.Now() - start, milliseconds(400'000));
}

TEST_F(RetryTest, DelaysDoubleUpToTheLongestAndAreSpread) {
  Use({.attempts = 200,
       .first_delay = milliseconds(100),
       .max_delay = milliseconds(800),
       .total = milliseconds(10'000'000)});
  flaky_->failures.assign(199, Code::kUnavailable);
  flaky_->failures.push_back(Code::kNotFound);
  EXPECT_FALSE(retry_->Load(kHandle, 0, 0, {}));
  const auto slept = sleeper_.slept();
  ASSERT_EQ(slept.size(), 199u);
  EXPECT_LE(slept[0], milliseconds(100));
  EXPECT_LE(slept[1], milliseconds(200));
  EXPECT_LE(slept[2], milliseconds(400));
  EXPECT_LE(*std::ranges::max_element(slept), milliseconds(800));
  EXPECT_GT(*std::ranges::max_element(slept), milliseconds(600)) << "of 196, each up to 800";
  EXPECT_LT(*std::ranges::min_element(slept), milliseconds(200));
}

TEST_F(RetryTest, StopEndsTheWaitAtOnce) {
  std::stop_source source;
  source.request_stop();
  flaky_->failures.assign(10, Code::kUnavailable);
  EXPECT_EQ(retry_->Load(kHandle, 0, 0, source.get_token()).error().code, Code::kCancelled);
  EXPECT_EQ(flaky_->calls, 1);
}

TEST_F(RetryTest, SaveWhoseAnswerWasLostIsSuccess) {
  flaky_->when = Flaky::When::kAfter;
  flaky_->failures = {Code::kUnavailable};
  EXPECT_TRUE(retry_->Save(kHandle, AsBytes("x"), {}));
}

TEST_F(RetryTest, OtherBytesUnderTheNameAreNotOurs) {
  ASSERT_TRUE(flaky_->memory.Save(kHandle, AsBytes("y"), {}));
  EXPECT_EQ(retry_->Save(kHandle, AsBytes("x"), {}).error().code, Code::kAlreadyExists);
  flaky_->failures = {Code::kUnavailable};
  EXPECT_EQ(retry_->Save(kHandle, AsBytes("x"), {}).error().code, Code::kAlreadyExists);
}

TEST_F(RetryTest, ListingThatFailsHalfWayVisitsEachObjectOnce) {
  ASSERT_TRUE(flaky_->memory.Save(kHandle, AsBytes("x"), {}));
  flaky_->failures = {Code::kUnavailable, Code::kUnavailable};
  int visits = 0;
  ASSERT_TRUE(retry_->List(FileType::kPack,
                           [&](const FileInfo&) -> Result<void> {
                             ++visits;
                             return {};
                           },
                           {}));
  EXPECT_EQ(visits, 1);
}

TEST_F(RetryTest, ErrorOfTheVisitorIsNotRetried) {
  ASSERT_TRUE(flaky_->memory.Save(kHandle, AsBytes("x"), {}));
  const auto refuse = [](const FileInfo&) -> Result<void> {
    return Fail(Code::kUnavailable, "the visitor's own");
  };
  EXPECT_EQ(retry_->List(FileType::kPack, refuse, {}).error().message, "the visitor's own");
  EXPECT_EQ(flaky_->calls, 1);
}

}  // namespace
}  // namespace holdfast::storage
