#include "jobs/repo/hash_many.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <numeric>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace holdfast::repo {
namespace {

#if defined(__x86_64__)

constexpr std::size_t kBlock = 64;
constexpr std::size_t kLengthSize = 8;

// FIPS 180-4, sections 4.2.2 and 5.3.3.
alignas(64) constexpr std::array<std::uint32_t, 64> kRound = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
constexpr std::array<std::uint32_t, 8> kStart = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

bool HasShaExtensions() {
  // Every processor with them has SSSE3 and SSE4.1; leaf 7, EBX bit 29.
  static const bool has = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0), "c"(0));
    if (a < 7) return false;
    __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
    return (b >> 29 & 1) != 0 && __builtin_cpu_supports("sse4.1");
  }();
  return has;
}

// The eight words of a state as the instructions want them: A B E F and C D G H.
struct State {
  __m128i abef, cdgh;
};

// Takes `blocks` blocks of every stream; the states stay in registers throughout.
template <std::size_t kStreams>
__attribute__((target("sha,sse4.1,ssse3"))) void TakeBlocks(State* states,
                                                            const std::uint8_t** streams,
                                                            std::size_t blocks) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  __m128i abef[kStreams], cdgh[kStreams];
  const std::uint8_t* at[kStreams];
  for (std::size_t s = 0; s < kStreams; ++s) {
    abef[s] = states[s].abef;
    cdgh[s] = states[s].cdgh;
    at[s] = streams[s];
  }
  for (; blocks > 0; --blocks) {
    __m128i words[kStreams][4], abef_before[kStreams], cdgh_before[kStreams];
#pragma GCC unroll 2
    for (std::size_t s = 0; s < kStreams; ++s) {
      abef_before[s] = abef[s];
      cdgh_before[s] = cdgh[s];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i)
        words[s][i] = _mm_shuffle_epi8(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(at[s] + 16 * i)), big_endian);
      at[s] += kBlock;
    }
#pragma GCC unroll 16
    for (int four = 0; four < 16; ++four) {
      const __m128i constants = _mm_load_si128(
          reinterpret_cast<const __m128i*>(&kRound[4 * static_cast<std::size_t>(four)]));
#pragma GCC unroll 2
      for (std::size_t s = 0; s < kStreams; ++s) {
        __m128i& word = words[s][four % 4];
        if (four >= 4) {
          const __m128i last = words[s][(four + 3) % 4];
          const __m128i older = _mm_alignr_epi8(last, words[s][(four + 2) % 4], 4);
          word = _mm_add_epi32(_mm_sha256msg1_epu32(word, words[s][(four + 1) % 4]), older);
          word = _mm_sha256msg2_epu32(word, last);
        }
        const __m128i input = _mm_add_epi32(word, constants);
        cdgh[s] = _mm_sha256rnds2_epu32(cdgh[s], abef[s], input);
        abef[s] = _mm_sha256rnds2_epu32(abef[s], cdgh[s], _mm_shuffle_epi32(input, 0x0e));
      }
    }
#pragma GCC unroll 2
    for (std::size_t s = 0; s < kStreams; ++s) {
      abef[s] = _mm_add_epi32(abef[s], abef_before[s]);
      cdgh[s] = _mm_add_epi32(cdgh[s], cdgh_before[s]);
    }
  }
  for (std::size_t s = 0; s < kStreams; ++s) {
    states[s] = {abef[s], cdgh[s]};
    streams[s] = at[s];
  }
}

// One content on its way through a lane: its whole blocks where they lie, then the padded end.
struct Message {
  const std::uint8_t* at = nullptr;
  std::size_t blocks = 0;  // left at `at`
  bool in_tail = false;
  std::array<std::uint8_t, 2 * kBlock> tail;
  std::size_t tail_blocks = 0;

  // `before` bytes of the content precede `content`.
  void Start(ByteView content, std::size_t before) {
    const std::size_t whole = content.size() / kBlock * kBlock;
    const std::size_t rest = content.size() - whole;
    at = content.data();
    blocks = whole / kBlock;
    tail_blocks = rest + 1 + kLengthSize <= kBlock ? 1 : 2;
    tail.fill(0);
    if (rest != 0) std::memcpy(tail.data(), content.data() + whole, rest);
    tail[rest] = 0x80;
    const std::uint64_t bits = std::uint64_t{before + content.size()} * 8;
    for (std::size_t i = 0; i < kLengthSize; ++i)
      tail[tail_blocks * kBlock - 1 - i] = static_cast<std::uint8_t>(bits >> (8 * i));
    in_tail = false;
    if (blocks == 0) EnterTail();
  }
  void EnterTail() {
    in_tail = true;
    at = tail.data();
    blocks = tail_blocks;
  }
};

__attribute__((target("sse4.1"))) State StartState() {
  const auto word = [](std::size_t i) { return static_cast<int>(kStart[i]); };
  return {_mm_set_epi32(word(0), word(1), word(4), word(5)),
          _mm_set_epi32(word(2), word(3), word(6), word(7))};
}

__attribute__((target("sse4.1"))) Id IdOf(const State& state) {
  std::array<std::uint32_t, 4> abef, cdgh;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(abef.data()), state.abef);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(cdgh.data()), state.cdgh);
  const std::array<std::uint32_t, 8> words = {abef[3], abef[2], cdgh[3], cdgh[2],
                                              abef[1], abef[0], cdgh[1], cdgh[0]};
  Id id;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::uint32_t swapped = __builtin_bswap32(words[i]);
    std::memcpy(&id.bytes[4 * i], &swapped, sizeof(swapped));
  }
  return id;
}

using StateWords = std::array<std::uint32_t, 8>;

State Load(const StateWords& words) {
  const auto* const at = reinterpret_cast<const __m128i*>(words.data());
  return {_mm_loadu_si128(at), _mm_loadu_si128(at + 1)};
}

void Save(const State& state, StateWords& words) {
  auto* const at = reinterpret_cast<__m128i*>(words.data());
  _mm_storeu_si128(at, state.abef);
  _mm_storeu_si128(at + 1, state.cdgh);
}

StateWords StartWords() {
  StateWords words;
  Save(StartState(), words);
  return words;
}

void TakeBoth(StateWords& a, StateWords& b, const std::uint8_t* from_a, const std::uint8_t* from_b,
              std::size_t blocks) {
  State states[2] = {Load(a), Load(b)};
  const std::uint8_t* at[2] = {from_a, from_b};
  TakeBlocks<2>(states, at, blocks);
  Save(states[0], a);
  Save(states[1], b);
}

Id FinishAlone(const StateWords& words, ByteView rest, std::size_t size) {
  Message message;
  message.Start(rest, size - rest.size());
  State state = Load(words);
  if (!message.in_tail) {
    TakeBlocks<1>(&state, &message.at, message.blocks);
    message.EnterTail();
  }
  TakeBlocks<1>(&state, &message.at, message.blocks);
  return IdOf(state);
}

#else

constexpr std::size_t kBlock = 64;

bool HasShaExtensions() { return false; }

using StateWords = std::array<std::uint32_t, 8>;

// Never reached: no content is begun without the extensions.
StateWords StartWords() { return {}; }
void TakeBoth(StateWords&, StateWords&, const std::uint8_t*, const std::uint8_t*, std::size_t) {}
Id FinishAlone(const StateWords&, ByteView, std::size_t) { return {}; }

#endif

}  // namespace

// Afterwards less than a block is left of one of both, unless nothing is hashed side by side: then
// the lanes take turns, so that no content waits for ever.
std::optional<HashLanes::Done> HashLanes::Next() {
  std::size_t lane = lanes_[0] ? 0 : 1;
  if (lanes_[0] && lanes_[1]) {
    Hashing::Together(*lanes_[0], *lanes_[1], kernel_);
    lane = kernel_ == HashKernel::kOneByOne ? turn_++ % kLanes
                                            : (lanes_[0]->left() <= lanes_[1]->left() ? 0 : 1);
  }
  if (!lanes_[lane]) return std::nullopt;
  const Done done{lane, lanes_[lane]->Finish()};
  lanes_[lane].reset();
  return done;
}

std::vector<HashKernel> HashKernels() {
  if (HasShaExtensions()) return {HashKernel::kOneByOne, HashKernel::kSideBySide};
  return {HashKernel::kOneByOne};
}

void HashMany(std::span<const ByteView> contents, std::span<Id> ids, HashKernel kernel) {
  // The largest first: what is left of the last, alone in its lane, is small then.
  std::vector<std::size_t> order(contents.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, std::greater(), [&](std::size_t i) { return contents[i].size(); });
  HashLanes lanes(kernel);
  std::array<std::size_t, HashLanes::kLanes> in_lane{};
  auto next = order.begin();
  const auto fill = [&](std::size_t lane) {
    if (next == order.end()) return;
    in_lane[lane] = *next++;
    lanes.Start(lane, contents[in_lane[lane]]);
  };
  for (std::size_t lane = 0; lane < in_lane.size(); ++lane) fill(lane);
  while (const auto done = lanes.Next()) {
    ids[in_lane[done->lane]] = done->id;
    fill(done->lane);
  }
}

void Hashing::Together(Hashing& a, Hashing& b, HashKernel kernel) {
  const std::size_t blocks = std::min(a.left(), b.left()) / kBlock;
  if (kernel != HashKernel::kSideBySide || blocks == 0) return;
  for (Hashing* one : {&a, &b}) {
    if (one->left() == one->size_) one->state_ = StartWords();
  }
  TakeBoth(a.state_, b.state_, a.rest_.data(), b.rest_.data(), blocks);
  a.rest_ = a.rest_.subspan(blocks * kBlock);
  b.rest_ = b.rest_.subspan(blocks * kBlock);
}

Id Hashing::Finish() { return left() == size_ ? Id::Of(rest_) : FinishAlone(state_, rest_, size_); }

}  // namespace holdfast::repo
