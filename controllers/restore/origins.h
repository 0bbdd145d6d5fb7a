// What a source holds, once it is found and before it has a place in the target.
#pragma once

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

inline void AddNote(std::string& note, const std::string& sentence) {
  note += (note.empty() ? "" : " ") + sentence;
}

}  // namespace holdfast::controllers::restore
