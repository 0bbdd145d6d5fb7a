#include "tests/bench/stages/material.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace holdfast::bench {
namespace {

constexpr std::size_t kPage = 8192;
constexpr std::size_t kRow = 128;
constexpr std::size_t kHead = 3 * kRow;

template <typename Value>
void Put(std::uint8_t* at, Value value) {
  std::memcpy(at, &value, sizeof value);
}

// Log position, checksum and flags, then where each row lies. No 64 bytes in a row are zero: their
// fingerprint is zero, and every page would end a chunk.
void FillHead(std::uint8_t* page, std::mt19937_64& random) {
  for (std::size_t at = 0; at < 24; at += 8) Put(page + at, random());
  for (std::size_t at = 24; at < kHead; at += 4)
    Put(page + at, static_cast<std::uint32_t>((kPage - at * 32) | kRow << 17));
}

// A row of pgbench_accounts: transaction ids, number, branch, balance, 84 blanks.
void FillRow(std::uint8_t* row, std::uint32_t number, std::mt19937_64& random) {
  Put(row, static_cast<std::uint32_t>(700 + random() % 100'000));
  Put(row + 24, number);
  Put(row + 28, number / 100'000);
  Put(row + 32, static_cast<std::uint32_t>(random() % 10'000));
  std::fill_n(row + 37, 84, std::uint8_t{' '});
}

std::uint64_t Mix(std::uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

}  // namespace

Bytes RandomBytes(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t at = 0; at < size; at += 8) {
    const std::uint64_t word = Mix(at);
    std::memcpy(&bytes[at], &word, std::min<std::size_t>(8, size - at));
  }
  return bytes;
}

Bytes TablePages(std::size_t size) {
  std::mt19937_64 random(1);
  Bytes bytes((size / kPage + 1) * kPage);
  std::uint32_t number = 0;
  for (std::size_t page = 0; page < bytes.size(); page += kPage) {
    FillHead(&bytes[page], random);
    for (std::size_t row = kHead; row < kPage; row += kRow)
      FillRow(&bytes[page + row], ++number, random);
  }
  bytes.resize(size);
  return bytes;
}

repo::Id NthId(std::uint64_t n) {
  repo::Id id;
  for (std::uint64_t i = 0; i < 4; ++i) Put(&id.bytes[8 * i], Mix(4 * n + i));
  return id;
}

}  // namespace holdfast::bench
