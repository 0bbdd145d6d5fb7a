// What a source holds, once it is found and before it has a place in the target.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace holdfast::controllers::restore {

// One volume of the source.
struct Origin {
  std::string claim;  // empty when the source does not say
  std::string pod;
  std::string snapshot;
};

struct Found {
  std::string backup;  // empty for sources without one
  std::string repository;
  std::vector<Origin> origins;
  std::string note;  // as in Resolution
};

// A message names so many; a list of a thousand claims would be longer than a condition may be.
inline constexpr std::size_t kMostNamed = 10;

// "a, b"; or "a, b ... and 7 more" of `count` words, of which only the first need be there.
inline std::string Join(const std::vector<std::string>& words, std::size_t count) {
  std::string text;
  const std::size_t named = std::min(words.size(), kMostNamed);
  for (std::size_t i = 0; i < named; ++i) text += (i == 0 ? "" : ", ") + words[i];
  if (count > named) text += " and " + std::to_string(count - named) + " more";
  return text;
}
inline std::string Join(const std::vector<std::string>& words) { return Join(words, words.size()); }

inline void AddNote(std::string& note, const std::string& sentence) {
  note += (note.empty() ? "" : " ") + sentence;
}

}  // namespace holdfast::controllers::restore
