#include "jobs/repo/config.h"

#include <charconv>

#include <spdlog/fmt/fmt.h>

#include "base/json.h"
#include "jobs/repo/id.h"
#include "jobs/repo/json_text.h"

namespace holdfast::repo {

Config Config::Random(int version) { return {version, Id::Random().Hex(), RandomPolynomial()}; }

std::string EncodeConfig(const Config& config) {
  std::string text;
  JsonObjectWriter object(text);
  object.Number("version", static_cast<std::uint64_t>(config.version));
  object.String("id", config.id);
  object.String("chunker_polynomial", fmt::format("{:x}", config.chunker_polynomial));
  object.Close();
  return text;
}

Result<Config> DecodeConfig(ByteView text) {
  const Result<Json> json = ParseJson(AsText(text));
  if (!json) return Fail(Code::kCorrupt, "config: " + json.error().message);
  const std::int64_t version = FindInt(*json, {"version"}).value_or(0);
  if (version > kNewestVersion)
    return Fail(Code::kNotSupported,
                fmt::format("config: repository version {} is newer than this program", version));

  Config config{static_cast<int>(version), FindString(*json, {"id"}), 0};
  const std::string hex = FindString(*json, {"chunker_polynomial"});
  const char* const end = hex.data() + hex.size();
  const auto parsed = std::from_chars(hex.data(), end, config.chunker_polynomial, 16);
  if (version < 1 || hex.empty() || parsed.ptr != end)
    return Fail(Code::kCorrupt, "config: version or chunker polynomial is malformed");
  if (Degree(config.chunker_polynomial) != kPolynomialDegree ||
      !IsIrreducible(config.chunker_polynomial))
    return Fail(Code::kCorrupt, "config: the chunker polynomial is not irreducible of degree 53");
  return config;
}

}  // namespace holdfast::repo
