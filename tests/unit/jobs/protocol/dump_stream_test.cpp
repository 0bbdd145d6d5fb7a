#include "jobs/protocol/dump_stream.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/protocol/dump_name.h"

namespace holdfast::protocol {
namespace {

using ::testing::HasSubstr;

std::string Piece(const std::string& content) {
  const auto head = DumpPieceHead(static_cast<std::uint32_t>(content.size()));
  return std::string(head.begin(), head.end()) + content;
}

std::string Mark(const DumpEnd& end) {
  const auto mark = EncodeDumpEnd(end);
  return std::string(mark.begin(), mark.end());
}

std::string Stream(const std::string& content) {
  return std::string(kDumpHello) + Piece(content) + Mark({content.size()});
}

struct Parsed {
  std::string content;
  std::optional<DumpEnd> end;
  std::string problem;
};

// In reads of at most `most` bytes.
Parsed Parse(const std::string& stream, std::size_t most = std::string::npos) {
  Parsed parsed;
  DumpParser parser;
  for (std::size_t at = 0; at < stream.size(); at += std::min(most, stream.size() - at)) {
    ByteView input = AsBytes(std::string_view(stream).substr(at, most));
    while (!input.empty()) {
      const auto content = parser.Next(input);
      if (!content) {
        parsed.problem = content.error().message;
        return parsed;
      }
      parsed.content += AsText(*content);
    }
  }
  EXPECT_EQ(parser.length(), parsed.content.size());
  parsed.end = parser.end();
  return parsed;
}

TEST(DumpStreamTest, AnyContentInAnyPiecesReadInAnyCutsIsTheSame) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string content, stream(kDumpHello);
    for (std::size_t pieces = random() % 6; pieces > 0; --pieces) {
      std::string piece(1 + random() % 3000, '\0');
      for (char& byte : piece) byte = static_cast<char>(random());
      stream += Piece(piece);
      content += piece;
    }
    const DumpEnd end{content.size(), DumpEnding::kExited, static_cast<std::uint8_t>(random())};
    const Parsed parsed = Parse(stream + Mark(end), 1 + random() % 500);
    ASSERT_EQ(parsed.problem, "");
    ASSERT_EQ(parsed.content, content);
    ASSERT_EQ(parsed.end, end);
  }
}

TEST(DumpStreamTest, CutAnywhereItHasNoEnd) {
  const std::string stream = Stream("SELECT 1;\n");
  for (std::size_t size = 0; size < stream.size(); ++size) {
    const Parsed parsed = Parse(stream.substr(0, size));
    EXPECT_EQ(parsed.problem, "") << size;
    EXPECT_FALSE(parsed.end) << size;
  }
  EXPECT_TRUE(Parse(stream).end->ok());
}

// A byte of content may be any; every other one is looked at, but for the exit code.
TEST(DumpStreamTest, NoOtherByteOfItMayBeWrong) {
  const std::string content = "SELECT 1;\n";
  const std::string stream = Stream(content);
  const std::size_t begin = kDumpHello.size() + 5, end = begin + content.size();
  for (std::size_t at = 0; at < stream.size(); ++at) {
    std::string wrong = stream;
    wrong[at] = static_cast<char>(wrong[at] ^ 0x55);
    const Parsed parsed = Parse(wrong);
    if (at >= begin && at < end) continue;
    EXPECT_FALSE(parsed.end && parsed.end->ok()) << "byte " << at;
  }
}

TEST(DumpStreamTest, TheEndMarkSaysHowLongItWas) {
  const std::string pieces = std::string(kDumpHello) + Piece("abc") + Piece("de");
  EXPECT_TRUE(Parse(pieces + Mark({5})).end);
  EXPECT_THAT(Parse(pieces + Mark({4})).problem, HasSubstr("has 5 bytes, but 4 by its end mark"));
  EXPECT_THAT(Parse(pieces + Mark({5}) + "D").problem, HasSubstr("after its end mark"));
}

TEST(DumpStreamTest, PiecesHaveABound) {
  const auto with_head = [](std::uint32_t length) {
    const auto head = DumpPieceHead(length);
    return Parse(std::string(kDumpHello).append(head.begin(), head.end())).problem;
  };
  EXPECT_EQ(with_head(kMaxDumpPiece), "");
  EXPECT_THAT(with_head(kMaxDumpPiece + 1), HasSubstr("impossible length"));
  EXPECT_THAT(with_head(0), HasSubstr("impossible length"));
}

TEST(DumpStreamTest, AnEndingIsTold) {
  EXPECT_EQ(Describe({0, DumpEnding::kExited, 3}), "ended with exit code 3");
  EXPECT_EQ(Describe({0, DumpEnding::kKilled, 9}), "was killed by signal 9 (Killed)");
  EXPECT_EQ(Describe({0, DumpEnding::kNotStarted, 2}),
            "could not be started: No such file or directory");
  EXPECT_FALSE((DumpEnd{0, DumpEnding::kKilled, 0}).ok());
}

TEST(DumpNameTest, ClaimsAreNoDumps) {
  EXPECT_TRUE(IsDump(ClaimOfDump("shop")));
  EXPECT_FALSE(IsDump("dump"));
  EXPECT_FALSE(IsDump("dump.shop"));
}

}  // namespace
}  // namespace holdfast::protocol
