// restic's exclude patterns ("Excluding Files" in its manual): Go's filepath.Match for each path
// component, "**" for any number of components, a leading "/" to anchor, a leading "!" to take
// back what an earlier pattern excluded.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::engine {

// Go's filepath.Match for one path component: '*', '?', '[a-z]', '[^a]' and '\' escapes. '?' and
// classes take one UTF-8 character, or one byte where the name is not UTF-8. Invalid for a
// malformed pattern.
Result<bool> MatchComponent(std::string_view pattern, std::string_view name);

// Immutable after Parse; safe from many threads.
class ExcludeList {
 public:
  ExcludeList() = default;

  // Empty patterns are ignored. Invalid, naming the pattern, when one is malformed.
  // `insensitive` patterns come after the others and take ASCII letters of either case as equal.
  static Result<ExcludeList> Parse(std::span<const std::string> patterns,
                                   std::span<const std::string> insensitive = {});

  // Whether the file or directory at an absolute path ("/a/b") is left out. A directory that is
  // left out is not entered, so "!" cannot bring back what lies below it.
  bool Excludes(std::string_view path) const;

  // Whether a pattern names the path itself, not only a directory above it; "!" is no different.
  bool Names(std::string_view path) const;

  bool empty() const { return patterns_.empty(); }

 private:
  Result<void> Add(const std::string& text, bool insensitive);

  struct Part {
    std::string text;  // "/" first in an anchored pattern
    bool literal = true;
    bool any_depth = false;  // "**"
  };
  struct Pattern {
    std::vector<Part> parts;
    bool negated = false;
    bool insensitive = false;
  };

  // `whole`: nothing may follow the part of the path that matches.
  static bool Matches(std::span<const Part> parts, std::span<const std::string_view> path,
                      bool whole);
  static bool MatchesPart(const Part& part, std::string_view name);

  std::vector<Pattern> patterns_;
};

// The patterns in a file, one a line; blank lines and those that begin with # are none. Invalid
// when it cannot be read.
Result<std::vector<std::string>> ReadPatterns(const std::string& path);

}  // namespace holdfast::engine
