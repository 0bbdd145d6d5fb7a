#include "operator/kube/body_pipe.h"

#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::kube {
namespace {

using Timer = BodyPipe::Timer;

Timer::time_point Soon() { return Timer::now() + std::chrono::milliseconds(20); }
Timer::time_point Later() { return Timer::now() + std::chrono::seconds(30); }

TEST(BodyPipeTest, ReadsWhatWasWrittenThenTheEnd) {
  BodyPipe pipe;
  pipe.SetHead({200, std::nullopt});
  EXPECT_TRUE(pipe.Write("ab", nullptr));
  EXPECT_TRUE(pipe.Write("c", nullptr));
  pipe.Finish({});
  EXPECT_EQ(pipe.AwaitHead(Later(), {})->status, 200);
  EXPECT_EQ(pipe.Read(Later(), {}), "abc");
  EXPECT_EQ(pipe.Read(Later(), {}), "");
}

TEST(BodyPipeTest, BytesBeforeAFailureAreStillRead) {
  BodyPipe pipe;
  pipe.Write("ab", nullptr);
  pipe.Finish(Fail(Code::kUnavailable, "cut"));
  pipe.Finish({});
  EXPECT_EQ(pipe.Read(Later(), {}), "ab");
  EXPECT_EQ(pipe.Read(Later(), {}).error().code, Code::kUnavailable);
}

TEST(BodyPipeTest, AFailureBeforeTheHeadIsTheHeads) {
  BodyPipe pipe;
  pipe.Finish(Fail(Code::kUnavailable, "refused"));
  EXPECT_EQ(pipe.AwaitHead(Later(), {}).error().message, "refused");
}

TEST(BodyPipeTest, SilenceIsATimeoutAndAStopIsCancelled) {
  BodyPipe pipe;
  EXPECT_EQ(pipe.AwaitHead(Soon(), {}).error().code, Code::kTimeout);
  EXPECT_EQ(pipe.Read(Soon(), {}).error().code, Code::kTimeout);
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(pipe.Read(Later(), stop.get_token()).error().code, Code::kCancelled);
}

TEST(BodyPipeTest, AFullPipeHoldsTheWriterUntilItIsRead) {
  BodyPipe pipe;
  int told = 0;
  EXPECT_FALSE(pipe.Write(std::string(BodyPipe::kMostPending, 'x'), [&] { ++told; }));
  EXPECT_EQ(told, 0);
  EXPECT_EQ(pipe.Read(Later(), {})->size(), BodyPipe::kMostPending);
  EXPECT_EQ(told, 1);
}

TEST(BodyPipeTest, AbandonedNeverHoldsTheWriter) {
  BodyPipe pipe;
  int told = 0;
  EXPECT_FALSE(pipe.Write(std::string(BodyPipe::kMostPending, 'x'), [&] { ++told; }));
  pipe.Abandon();
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(pipe.Write(std::string(BodyPipe::kMostPending, 'x'), [&] { ++told; }));
}

std::vector<std::string> Lines(const std::vector<std::string>& pieces) {
  LineSplitter splitter;
  std::vector<std::string> lines;
  for (const std::string& piece : pieces)
    EXPECT_TRUE(splitter.Feed(piece, [&](std::string_view line) -> Result<void> {
      lines.emplace_back(line);
      return {};
    }));
  return lines;
}

TEST(LineSplitterTest, LinesAreWholeHoweverTheyCome) {
  EXPECT_THAT(Lines({"a\nb\n"}), ::testing::ElementsAre("a", "b"));
  EXPECT_THAT(Lines({"a", "b", "\nc", "d\n\n"}), ::testing::ElementsAre("ab", "cd"));
  EXPECT_THAT(Lines({"cut off"}), ::testing::IsEmpty());
}

TEST(LineSplitterTest, ALineIsBounded) {
  LineSplitter splitter;
  const auto ignore = [](std::string_view) -> Result<void> { return {}; };
  const std::string piece(LineSplitter::kMostLine / 2, 'x');
  EXPECT_TRUE(splitter.Feed(piece, ignore));
  EXPECT_TRUE(splitter.Feed(piece, ignore));
  EXPECT_EQ(splitter.Feed("x", ignore).error().code, Code::kInvalid);
}

TEST(LineSplitterTest, TheReadersErrorEndsIt) {
  LineSplitter splitter;
  int lines = 0;
  const auto fail = [&](std::string_view) -> Result<void> {
    ++lines;
    return Fail(Code::kGone, "");
  };
  EXPECT_EQ(splitter.Feed("a\nb\n", fail).error().code, Code::kGone);
  EXPECT_EQ(lines, 1);
}

}  // namespace
}  // namespace holdfast::kube
