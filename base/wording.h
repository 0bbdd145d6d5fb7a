// Counts, lists and sentences as people read them, in conditions, events and reports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

// "1 file", "3 files".
std::string Counted(std::uint64_t count, std::string_view noun);
// Where the plural is not the singular with an s.
std::string Counted(std::uint64_t count, std::string_view one, std::string_view many);

// A message names so many; a list of a thousand claims would be longer than a condition may be.
inline constexpr std::size_t kMostNamed = 10;

// "a, b, c", or "a, b and 7 more" when there are more than `most`.
std::string NameSome(const std::vector<std::string>& names, std::size_t most = kMostNamed);
// The same of `count` names, of which only the first `most` need be there.
std::string NameFirst(const std::vector<std::string>& names, std::size_t count,
                      std::size_t most = kMostNamed);

// With a full stop, so that another sentence can follow. Nothing stays nothing.
std::string Stopped(std::string text);
// With a capital, too.
std::string Sentence(std::string text);

}  // namespace holdfast
