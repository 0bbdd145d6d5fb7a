// The repository's one config file (FORMAT.md, "Config").
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "jobs/repo/polynomial.h"

namespace holdfast::repo {

inline constexpr int kNewestVersion = 2;

struct Config {
  int version = kNewestVersion;  // 1: nothing is compressed
  std::string id;                // 64 hex digits, random; no file's name
  Polynomial chunker_polynomial = 0;

  // With a random id and a random irreducible polynomial.
  static Config Random(int version = kNewestVersion);
};

std::string EncodeConfig(const Config& config);
// Corrupt when malformed or when the polynomial is not irreducible of degree 53: chunks cut with
// such a one could leak or degenerate. NotSupported for a version newer than kNewestVersion.
Result<Config> DecodeConfig(ByteView text);

}  // namespace holdfast::repo
