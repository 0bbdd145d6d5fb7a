// Which paths of a snapshot are wanted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::engine {

// Paths are spelled as TreeVisitor gives them: below the walk's root, "a/b". Remembers which of the
// wanted ones were met. Not safe from many threads.
class PathFilter {
 public:
  // `paths` may begin with the root or below it; none of them are all.
  PathFilter(const std::vector<std::string>& paths, std::string_view root);

  bool everything() const { return wanted_.empty(); }
  // The entry itself or something above it was asked for.
  bool Selects(std::string_view path);
  // Something in the directory may be selected.
  bool Enters(std::string_view path);
  // As the user wrote it; nullptr when all were met.
  const std::string* FirstUnmet() const;

 private:
  struct Wanted {
    std::string path;
    std::string text;  // as the user wrote it
    bool met = false;
  };

  std::vector<Wanted> wanted_;
};

}  // namespace holdfast::engine
