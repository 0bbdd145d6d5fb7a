#include "crds/types/packing.h"

#include <algorithm>
#include <array>
#include <utility>

namespace holdfast::crds::packing {
namespace {

// The lowest two bits of a string's length.
enum StringKind : std::uint64_t { kPlain, kHex, kUuid };

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::size_t kShortestHex = 8;  // below, nothing is won
constexpr std::array<std::size_t, 4> kDashes = {8, 13, 18, 23};
constexpr std::size_t kUuidLength = 36;

bool IsHex(std::string_view text) {
  return text.size() % 2 == 0 && text.size() >= kShortestHex &&
         text.find_first_not_of(kDigits) == text.npos;
}

std::string WithoutDashes(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '-');
  return digits;
}

bool IsUuid(std::string_view text) {
  return text.size() == kUuidLength &&
         std::ranges::all_of(kDashes, [&](std::size_t at) { return text[at] == '-'; }) &&
         std::ranges::count(text, '-') == static_cast<std::ptrdiff_t>(kDashes.size()) &&
         IsHex(WithoutDashes(text));
}

char FromHex(std::string_view two) {
  return static_cast<char>(kDigits.find(two[0]) * 16 + kDigits.find(two[1]));
}

std::string ToHex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace

void Writer::Number(std::uint64_t value) {
  for (; value >= 128; value >>= 7) Byte(static_cast<std::uint8_t>(value | 128));
  Byte(static_cast<std::uint8_t>(value));
}

void Writer::Write(std::int64_t value) {
  Number(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}

void Writer::Write(TimePoint value) {
  const std::int64_t nanos = value.time_since_epoch().count();
  const bool whole = nanos % 1'000'000'000 == 0;
  Byte(whole ? 1 : 0);
  Write(whole ? nanos / 1'000'000'000 : nanos);
}

void Writer::Write(const std::string& value) {
  const StringKind kind = IsUuid(value) ? kUuid : IsHex(value) ? kHex : kPlain;
  Number(value.size() << 2 | kind);
  if (kind == kPlain) {
    bytes_ += value;
    return;
  }
  const std::string digits = WithoutDashes(value);
  for (std::size_t i = 0; i < digits.size(); i += 2)
    bytes_.push_back(FromHex(std::string_view(digits).substr(i, 2)));
}

std::uint8_t Reader::Byte() {
  const std::string_view one = Bytes(1);
  return one.empty() ? 0 : static_cast<std::uint8_t>(one.front());
}

std::uint64_t Reader::Number() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = Byte();
    value |= std::uint64_t{byte & 127u} << shift;
    if (byte < 128) break;
  }
  return value;
}

std::string_view Reader::Bytes(std::uint64_t count) {
  const std::string_view taken = bytes_.substr(0, count);
  bytes_.remove_prefix(taken.size());
  return taken;
}

void Reader::Read(std::int64_t& value) {
  const std::uint64_t number = Number();
  value = static_cast<std::int64_t>(number >> 1 ^ (~(number & 1) + 1));
}

void Reader::Read(TimePoint& value) {
  const bool whole = Byte() != 0;
  std::int64_t count = 0;
  Read(count);
  value = TimePoint(std::chrono::nanoseconds(whole ? count * 1'000'000'000 : count));
}

void Reader::Read(std::string& value) {
  const std::uint64_t head = Number();
  const std::uint64_t size = head >> 2;
  switch (head & 3) {
    case kHex:
      value = ToHex(Bytes(size / 2));
      return;
    case kUuid:
      value = ToHex(Bytes((size - kDashes.size()) / 2));
      for (const std::size_t at : kDashes) value.insert(std::min(at, value.size()), 1, '-');
      return;
    default:
      value = Bytes(size);
  }
}

}  // namespace holdfast::crds::packing
