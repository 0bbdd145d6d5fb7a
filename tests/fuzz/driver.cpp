// Runs a fuzz target where there is no libFuzzer, with the same words:
//
//   fuzz_tree [-seed=1] [-runs=1000] [-max_len=65536] FILE_OR_FOLDER...
//
// First every input as it is, then `runs` mutations of them. The same seed gives the same mutations
// of the same inputs. The input that ends the program is left in crash-<number>.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "tests/fuzz/target.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace holdfast::fuzz {
namespace {

namespace fs = std::filesystem;

// What parsers of JSON, XML, paths and numbers stumble over.
constexpr const char* kTokens[] = {"{",
                                   "}",
                                   "[",
                                   "]",
                                   "\"",
                                   "\\",
                                   "\\u0000",
                                   "\\ud800",
                                   ",",
                                   ":",
                                   "null",
                                   "true",
                                   "-1",
                                   "0",
                                   "1e309",
                                   "..",
                                   "/",
                                   "*",
                                   "**",
                                   "[^",
                                   "!",
                                   "<",
                                   "</",
                                   "&#x0;",
                                   "&lt;",
                                   "<!--",
                                   "<![CDATA[",
                                   "\xff",
                                   "\xc0\x80",
                                   "\n",
                                   "4294967295",
                                   "4294967296",
                                   "18446744073709551615",
                                   "18446744073709551616",
                                   "0001-01-01T00:00:00Z",
                                   "9999-12-31T23:59:59.999999999+14:00"};
constexpr unsigned kSecondsAnInput = 20;  // under sanitizers, on a busy machine

struct Options {
  std::uint64_t seed = 1, runs = 1000;
  std::size_t max_len = 65536;
  std::vector<fs::path> inputs;
};

struct Running {
  ByteView input;
  std::uint64_t number = 0;
};
Running running;

// Leaves the input; with what a signal handler may use only, but for the name.
void Leave() {
  static bool left = false;
  if (std::exchange(left, true)) return;
  const std::string name = "crash-" + std::to_string(running.number);
  std::FILE* const file = std::fopen(name.c_str(), "wb");
  if (file == nullptr) return;
  std::fwrite(running.input.data(), 1, running.input.size(), file);
  std::fclose(file);
  std::fprintf(stderr, "the input is in %s\n", name.c_str());
}

void OnSignal(int signal) {
  std::fprintf(stderr, signal == SIGALRM ? "this input takes too long\n" : "aborted\n");
  Leave();
  std::_Exit(1);
}

void LeaveInputOnDeath() {
  std::signal(SIGABRT, OnSignal);
  std::signal(SIGALRM, OnSignal);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  __sanitizer_set_death_callback(Leave);
#endif
}

void Run(const Bytes& input) {
  ++running.number;
  // In a block of its own size, so that reading beyond it is seen.
  const auto exact = std::make_unique_for_overwrite<std::uint8_t[]>(input.size());
  std::ranges::copy(input, exact.get());
  running.input = {exact.get(), input.size()};
  ::alarm(kSecondsAnInput);
  LLVMFuzzerTestOneInput(exact.get(), input.size());
  ::alarm(0);
}

// Changes inputs a little, several times over.
class Mutator {
 public:
  Mutator(const std::vector<Bytes>& corpus, const Options& options)
      : corpus_(corpus), max_len_(options.max_len), random_(options.seed) {}

  Bytes Next() {
    Bytes input = corpus_[Below(corpus_.size())];
    for (std::size_t i = Below(5) + 1; i > 0; --i) Change(input);
    input.resize(std::min(input.size(), max_len_));
    return input;
  }

 private:
  std::size_t Below(std::size_t bound) { return random_() % bound; }

  void Change(Bytes& input) {
    const std::size_t at = Below(input.size() + 1);
    const std::size_t length = std::min(Below(33), input.size() - at);
    switch (Below(7)) {
      case 0:
        return Flip(input);
      case 1:
        return Overwrite(input, at, length);
      case 2:
        return Remove(input, at, length);
      case 3:
        return Repeat(input, at, length);
      case 4:
        return InsertToken(input, at);
      case 5:
        return Splice(input, at);
      default:
        return ChangeDigit(input);
    }
  }
  void Flip(Bytes& input) {
    if (!input.empty()) input[Below(input.size())] ^= static_cast<std::uint8_t>(1 << Below(8));
  }
  void Overwrite(Bytes& input, std::size_t at, std::size_t length) {
    for (std::size_t i = 0; i < length; ++i) input[at + i] = static_cast<std::uint8_t>(random_());
  }
  void Remove(Bytes& input, std::size_t at, std::size_t length) {
    const auto from = input.begin() + static_cast<std::ptrdiff_t>(at);
    input.erase(from, from + static_cast<std::ptrdiff_t>(length));
  }
  // Now and then very often: depth and size.
  void Repeat(Bytes& input, std::size_t at, std::size_t length) {
    const Bytes part(input.begin() + static_cast<std::ptrdiff_t>(at),
                     input.begin() + static_cast<std::ptrdiff_t>(at + length));
    for (std::size_t times = Below(16) == 0 ? Below(1000) : 1; times > 0; --times)
      Insert(input, at, part);
  }
  void InsertToken(Bytes& input, std::size_t at) {
    Insert(input, at, AsBytes(kTokens[Below(std::size(kTokens))]));
  }
  void Splice(Bytes& input, std::size_t at) {
    const Bytes& other = corpus_[Below(corpus_.size())];
    input.resize(at);
    Insert(input, at, ByteView(other).subspan(Below(other.size() + 1)));
  }
  void ChangeDigit(Bytes& input) {
    std::vector<std::size_t> digits;
    for (std::size_t i = 0; i < input.size(); ++i)
      if (input[i] >= '0' && input[i] <= '9') digits.push_back(i);
    if (!digits.empty())
      input[digits[Below(digits.size())]] = static_cast<std::uint8_t>('0' + Below(10));
  }
  void Insert(Bytes& input, std::size_t at, ByteView part) {
    if (input.size() + part.size() > max_len_) return;
    input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), part.begin(), part.end());
  }

  const std::vector<Bytes>& corpus_;
  std::size_t max_len_;
  std::mt19937_64 random_;
};

Bytes ReadInput(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

// Sorted, so that a seed means the same everywhere.
std::vector<Bytes> ReadInputs(const std::vector<fs::path>& paths) {
  std::vector<fs::path> files;
  for (const fs::path& path : paths) {
    if (!fs::is_directory(path))
      files.push_back(path);
    else
      for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<Bytes> inputs;
  for (const fs::path& file : files) inputs.push_back(ReadInput(file));
  return inputs;
}

template <typename Number>
bool TakeNumber(std::string_view word, std::string_view name, Number& number) {
  if (!word.starts_with(name)) return false;
  word.remove_prefix(name.size());
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size();
}

bool Parse(int count, char** words, Options& options) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (TakeNumber(word, "-seed=", options.seed) || TakeNumber(word, "-runs=", options.runs) ||
        TakeNumber(word, "-max_len=", options.max_len))
      continue;
    if (word.starts_with("-")) return false;
    options.inputs.emplace_back(word);
  }
  return !options.inputs.empty();
}

int Main(int count, char** words) {
  Options options;
  if (!Parse(count, words, options)) {
    std::fprintf(stderr, "usage: %s [-seed=N] [-runs=N] [-max_len=N] FILE_OR_FOLDER...\n",
                 words[0]);
    return 2;
  }
  const std::vector<Bytes> corpus = ReadInputs(options.inputs);
  if (corpus.empty()) {
    std::fprintf(stderr, "there is no input in the folder\n");
    return 2;
  }
  LeaveInputOnDeath();
  for (const Bytes& input : corpus) Run(input);
  Mutator mutator(corpus, options);
  for (std::uint64_t run = 0; run < options.runs; ++run) Run(mutator.Next());
  std::printf("%zu inputs and %llu mutations of them\n", corpus.size(),
              static_cast<unsigned long long>(options.runs));
  return 0;
}

}  // namespace
}  // namespace holdfast::fuzz

int main(int count, char** words) { return holdfast::fuzz::Main(count, words); }
