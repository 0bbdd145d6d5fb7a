#include "jobs/storage/parts.h"

#include <map>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

const PartOptions kByThree{.threshold = 3, .part_size = 3, .at_once = 2};

TEST(PartsTest, EachPartOnceAndInItsPlace) {
  std::mutex mutex;
  std::map<std::size_t, std::string> sent;
  const auto send = [&](std::size_t index, ByteView part, const std::stop_token&) -> Result<void> {
    const std::scoped_lock lock(mutex);
    EXPECT_TRUE(sent.emplace(index, AsText(part)).second);
    return {};
  };
  ASSERT_TRUE(SendInParts(AsBytes("0123456789"), kByThree, send, {}));
  EXPECT_EQ(sent,
            (std::map<std::size_t, std::string>{{0, "012"}, {1, "345"}, {2, "678"}, {3, "9"}}));
  EXPECT_EQ(PartCount(9, kByThree), 3u);
  EXPECT_EQ(PartCount(10, kByThree), 4u);
}

TEST(PartsTest, PartsGoSideBySide) {
  std::binary_semaphore second_began(0);
  const auto send = [&](std::size_t index, ByteView, const std::stop_token&) -> Result<void> {
    if (index == 0) second_began.acquire();  // would hang if the parts went one by one
    if (index == 1) second_began.release();
    return {};
  };
  EXPECT_TRUE(SendInParts(AsBytes("012345"), kByThree, send, {}));
}

TEST(PartsTest, FirstErrorStopsTheOthers) {
  const auto send = [&](std::size_t index, ByteView, const std::stop_token& stop) -> Result<void> {
    if (index == 1) return Fail(Code::kUnavailable, "the first");
    while (!stop.stop_requested()) std::this_thread::yield();
    return Fail(Code::kCancelled, "stopped");
  };
  const std::string data(300, 'x');
  EXPECT_EQ(SendInParts(AsBytes(data), kByThree, send, {}).error(),
            (Error{Code::kUnavailable, "the first"}));
}

TEST(PartsTest, StopReachesThePartsUnderWay) {
  std::stop_source source;
  const auto send = [&](std::size_t, ByteView, const std::stop_token& stop) -> Result<void> {
    source.request_stop();
    EXPECT_TRUE(stop.stop_requested());
    return Fail(Code::kCancelled, "stopped");
  };
  EXPECT_EQ(SendInParts(AsBytes("012345"), kByThree, send, source.get_token()).error().code,
            Code::kCancelled);
}

}  // namespace
}  // namespace holdfast::storage
