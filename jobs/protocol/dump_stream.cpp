#include "jobs/protocol/dump_stream.h"

#include <algorithm>
#include <cstring>

namespace holdfast::protocol {
namespace {

constexpr std::uint8_t kPiece = 'D';
constexpr std::uint8_t kEnd = 'E';
constexpr std::size_t kPieceHead = 5;
constexpr std::size_t kEndMark = 11;

template <typename Number>
void Put(Number value, std::uint8_t* to) {
  for (std::size_t i = 0; i < sizeof(value); ++i)
    to[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

template <typename Number>
Number Get(const std::uint8_t* from) {
  Number value = 0;
  for (std::size_t i = 0; i < sizeof(value); ++i) value |= Number{from[i]} << (8 * i);
  return value;
}

bool IsEnding(std::uint8_t byte) {
  for (const auto known : {DumpEnding::kExited, DumpEnding::kKilled, DumpEnding::kNotStarted})
    if (byte == static_cast<std::uint8_t>(known)) return true;
  return false;
}

auto Broken(std::string what) { return Fail(Code::kCorrupt, "the dump's stream " + what); }

}  // namespace

std::string Describe(const DumpEnd& end) {
  const std::string number = std::to_string(end.number);
  switch (end.ending) {
    case DumpEnding::kExited:
      return "ended with exit code " + number;
    case DumpEnding::kKilled:
      return "was killed by signal " + number + " (" + ::strsignal(end.number) + ")";
    case DumpEnding::kNotStarted:
      return std::string("could not be started: ") + std::strerror(end.number);
  }
  return "ended";
}

std::array<std::uint8_t, kPieceHead> DumpPieceHead(std::uint32_t length) {
  std::array<std::uint8_t, kPieceHead> head{kPiece};
  Put(length, head.data() + 1);
  return head;
}

std::array<std::uint8_t, kEndMark> EncodeDumpEnd(const DumpEnd& end) {
  std::array<std::uint8_t, kEndMark> mark{kEnd};
  Put(end.length, mark.data() + 1);
  mark[9] = static_cast<std::uint8_t>(end.ending);
  mark[10] = end.number;
  return mark;
}

Result<ByteView> DumpParser::Next(ByteView& input) {
  if (end_) return Broken("goes on after its end mark");
  const auto take = [&](std::size_t most) {
    const ByteView taken = input.first(std::min(most, input.size()));
    input = input.subspan(taken.size());
    return taken;
  };
  if (left_ > 0) {
    const ByteView content = take(left_);
    left_ -= content.size();
    length_ += content.size();
    return content;
  }
  head_[have_++] = take(1).front();
  TRY_VOID(TakeHead());
  return ByteView{};
}

// After each byte of it, so that what is no head is refused at its first wrong byte.
Result<void> DumpParser::TakeHead() {
  if (!greeted_) {
    if (head_[have_ - 1] != static_cast<std::uint8_t>(kDumpHello[have_ - 1]))
      return Broken("does not begin as one");
    greeted_ = have_ == kDumpHello.size();
    if (greeted_) have_ = 0;
    return {};
  }
  if (head_[0] != kPiece && head_[0] != kEnd) return Broken("has neither a piece nor its end mark");
  if (head_[0] == kPiece && have_ == kPieceHead) {
    have_ = 0;
    left_ = Get<std::uint32_t>(head_.data() + 1);
    if (left_ == 0 || left_ > kMaxDumpPiece) return Broken("has a piece of an impossible length");
  } else if (head_[0] == kEnd && have_ == kEndMark) {
    if (!IsEnding(head_[9])) return Broken("has an end mark that says nothing known");
    const DumpEnd end{Get<std::uint64_t>(head_.data() + 1), static_cast<DumpEnding>(head_[9]),
                      head_[10]};
    if (end.length != length_)
      return Broken("has " + std::to_string(length_) + " bytes, but " + std::to_string(end.length) +
                    " by its end mark");
    end_ = end;
  }
  return {};
}

}  // namespace holdfast::protocol
