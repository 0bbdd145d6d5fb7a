// The bytes that holdfast-dump writes into a named pipe and the mover reads: what a command wrote
// to its standard output, in pieces, and at the end a mark that says that this was all, how long it
// was and how the command ended. A stream without the mark, or whose mark disagrees with its
// pieces, is no dump.
//
//   stream = "HFDUMP01"  piece*  end
//   piece  = 'D'  length: u32, 1 to kMaxDumpPiece   bytes
//   end    = 'E'  length: u64, of all pieces        ending: u8   number: u8
//
// Numbers are little endian. Both ends come from one image, so there is one version of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::protocol {

inline constexpr std::size_t kMaxDumpPiece = std::size_t{1} << 20;
inline constexpr std::string_view kDumpHello = "HFDUMP01";

enum class DumpEnding : std::uint8_t {
  kExited = 'x',      // number: its exit code
  kKilled = 'k',      // number: the signal
  kNotStarted = 'n',  // number: the errno of execve
};

struct DumpEnd {
  std::uint64_t length = 0;
  DumpEnding ending = DumpEnding::kExited;
  std::uint8_t number = 0;

  bool ok() const { return ending == DumpEnding::kExited && number == 0; }
  friend bool operator==(const DumpEnd&, const DumpEnd&) = default;
};

// "ended with exit code 1", "was killed by signal 9 (Killed)", ...
std::string Describe(const DumpEnd& end);

// What comes before the bytes of a piece; `length` is not 0.
std::array<std::uint8_t, 5> DumpPieceHead(std::uint32_t length);
std::array<std::uint8_t, 11> EncodeDumpEnd(const DumpEnd& end);

// Takes a stream apart, however its bytes are cut.
class DumpParser {
 public:
  // Takes bytes from the front of `input`, which is not empty, and returns those of them that are
  // the dump's: possibly none. Call it until `input` is empty. Corrupt for what is no such stream.
  Result<ByteView> Next(ByteView& input);

  // Set once the whole mark was read and agreed with the pieces. Nothing may come after it.
  const std::optional<DumpEnd>& end() const { return end_; }
  std::uint64_t length() const { return length_; }  // of the pieces so far

 private:
  Result<void> TakeHead();

  std::array<std::uint8_t, 11> head_{};  // the beginning of a head or mark, or of the hello
  std::size_t have_ = 0;
  bool greeted_ = false;
  std::size_t left_ = 0;  // of the current piece
  std::uint64_t length_ = 0;
  std::optional<DumpEnd> end_;
};

}  // namespace holdfast::protocol
