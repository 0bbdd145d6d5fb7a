#include "jobs/engine/exclude.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <optional>
#include <tuple>
#include <utility>

namespace holdfast::engine {
namespace {

constexpr std::string_view kSpecial = "\\[]*?";

// Takes one character off the front: a whole UTF-8 sequence, or one byte where there is none.
std::string_view TakeCharacter(std::string_view& text) {
  const auto lead = static_cast<std::uint8_t>(text.front());
  std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
  if (lead > 0xf4 || length > text.size()) length = 1;
  const bool whole = std::ranges::all_of(text.substr(1, length - 1), [](char c) {
    return (static_cast<std::uint8_t>(c) & 0xc0) == 0x80;
  });
  if (!whole) length = 1;
  const std::string_view character = text.substr(0, length);
  text.remove_prefix(length);
  return character;
}

Error Malformed() { return {Code::kInvalid, "malformed pattern"}; }

// One bound of a class; '-' and ']' must be escaped there, as in Go.
Result<std::string_view> TakeClassCharacter(std::string_view& pattern) {
  if (pattern.empty() || pattern.front() == '-' || pattern.front() == ']')
    return tl::make_unexpected(Malformed());
  if (pattern.front() == '\\') pattern.remove_prefix(1);
  if (pattern.empty()) return tl::make_unexpected(Malformed());
  return TakeCharacter(pattern);
}

// UTF-8 keeps the order of code points, but only among sequences compared whole.
bool InRange(std::string_view low, std::string_view character, std::string_view high) {
  return low <= character && character <= high;
}

// `pattern` stands behind the '['; it is left behind the ']'.
Result<bool> TakeClass(std::string_view& pattern, std::string_view character) {
  const bool negated = pattern.starts_with('^');
  if (negated) pattern.remove_prefix(1);
  bool found = false;
  for (bool first = true; first || !pattern.starts_with(']'); first = false) {
    TRY(const std::string_view low, TakeClassCharacter(pattern));
    std::string_view high = low;
    if (pattern.starts_with('-')) {
      pattern.remove_prefix(1);
      TRY(high, TakeClassCharacter(pattern));
    }
    if (pattern.empty()) return tl::make_unexpected(Malformed());
    found = found || InRange(low, character, high);
  }
  pattern.remove_prefix(1);
  return found != negated;
}

// Matches and takes one element other than '*' from the fronts of both.
Result<bool> TakeElement(std::string_view& pattern, std::string_view& name) {
  const char first = pattern.front();
  pattern.remove_prefix(1);
  if (first == '?') {
    TakeCharacter(name);
    return true;
  }
  if (first == '[') return TakeClass(pattern, TakeCharacter(name));
  char wanted = first;
  if (first == '\\') {
    if (pattern.empty()) return tl::make_unexpected(Malformed());
    wanted = pattern.front();
    pattern.remove_prefix(1);
  }
  const bool same = name.front() == wanted;
  name.remove_prefix(1);
  return same;
}

// Go finds a malformed pattern only when matching reaches it; here every pattern is walked once
// when it is parsed, so that matching itself cannot fail.
Result<void> Validate(std::string_view pattern) {
  while (!pattern.empty()) {
    if (pattern.front() == '*') {
      pattern.remove_prefix(1);
      continue;
    }
    std::string_view name = "x";
    TRY_VOID(TakeElement(pattern, name));
  }
  return {};
}

bool MatchValid(std::string_view pattern, std::string_view name) {
  // Where to go on when a match fails: behind the last '*', one character further.
  std::optional<std::pair<std::string_view, std::string_view>> retry;
  while (true) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      retry = {pattern, name};
      continue;
    }
    if (pattern.empty() && name.empty()) return true;
    if (!pattern.empty() && !name.empty() && TakeElement(pattern, name).value()) continue;
    if (!retry || retry->second.empty()) return false;
    TakeCharacter(retry->second);
    std::tie(pattern, name) = *retry;
  }
}

// Go's filepath.Clean on a pattern, split at slashes; "/" is the first part of an absolute one.
std::vector<std::string> CleanParts(std::string_view pattern) {
  const bool absolute = pattern.starts_with('/');
  std::vector<std::string> parts;
  while (!pattern.empty()) {
    const std::size_t slash = std::min(pattern.find('/'), pattern.size());
    const std::string_view part = pattern.substr(0, slash);
    pattern.remove_prefix(std::min(slash + 1, pattern.size()));
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (part != ".." || !absolute) {
      parts.emplace_back(part);
    }
  }
  if (absolute) parts.insert(parts.begin(), "/");
  return parts;
}

std::string Lowered(std::string_view text) {
  std::string lowered(text);
  for (char& letter : lowered)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return lowered;
}

std::vector<std::string_view> SplitPath(std::string_view path) {
  std::vector<std::string_view> parts;
  if (path.starts_with('/')) parts.emplace_back("/");
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash != 0) parts.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

}  // namespace

Result<bool> MatchComponent(std::string_view pattern, std::string_view name) {
  TRY_VOID(Validate(pattern));
  return MatchValid(pattern, name);
}

Result<ExcludeList> ExcludeList::Parse(std::span<const std::string> patterns,
                                       std::span<const std::string> insensitive) {
  ExcludeList list;
  for (const std::string& text : patterns) TRY_VOID(list.Add(text, false));
  for (const std::string& text : insensitive) TRY_VOID(list.Add(text, true));
  return list;
}

Result<void> ExcludeList::Add(const std::string& text, bool insensitive) {
  if (text.empty()) return {};
  Pattern pattern;
  pattern.negated = text.front() == '!';
  pattern.insensitive = insensitive;
  const std::string body = text.substr(pattern.negated ? 1 : 0);
  for (std::string& part : CleanParts(insensitive ? Lowered(body) : body)) {
    if (const auto valid = Validate(part); !valid)
      return Fail(Code::kInvalid, "exclude pattern \"" + text +
                                      "\" is malformed: close every [ and end no part with \\");
    const bool literal = part.find_first_of(kSpecial) == std::string::npos;
    const bool any_depth = part == "**";
    pattern.parts.push_back({std::move(part), literal, any_depth});
  }
  patterns_.push_back(std::move(pattern));
  return {};
}

Result<std::vector<std::string>> ReadPatterns(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Fail(Code::kInvalid, "cannot read the exclude file " + path);
  std::vector<std::string> patterns;
  for (std::string line; std::getline(file, line);) {
    const std::size_t start = line.find_first_not_of(" \t\r");
    if (start == std::string::npos || line[start] == '#') continue;
    const std::size_t end = line.find_last_not_of(" \t\r");
    patterns.push_back(line.substr(start, end - start + 1));
  }
  return patterns;
}

bool ExcludeList::Excludes(std::string_view path) const {
  if (patterns_.empty()) return false;
  const bool lower = std::ranges::any_of(patterns_, &Pattern::insensitive);
  const std::string lowered = lower ? Lowered(path) : std::string();
  const std::vector<std::string_view> parts = SplitPath(path);
  const std::vector<std::string_view> lowered_parts = SplitPath(lowered);
  bool excluded = false;
  for (const Pattern& pattern : patterns_) {
    if (excluded == pattern.negated &&
        Matches(pattern.parts, pattern.insensitive ? lowered_parts : parts, false))
      excluded = !pattern.negated;
  }
  return excluded;
}

bool ExcludeList::Names(std::string_view path) const {
  const std::string lowered = Lowered(path);
  return std::ranges::any_of(patterns_, [&](const Pattern& pattern) {
    return Matches(pattern.parts, SplitPath(pattern.insensitive ? lowered : path), true);
  });
}

// An anchored pattern starts at the root, any other at every component; what follows the matched
// part lies below an excluded directory and is excluded with it.
bool ExcludeList::Matches(std::span<const Part> parts, std::span<const std::string_view> path,
                          bool whole) {
  if (parts.empty()) return false;
  // Where to go on after a mismatch: behind the last "**", one component further. No earlier one
  // needs another try, as it let the last one begin as soon as possible.
  std::optional<std::pair<std::span<const Part>, std::span<const std::string_view>>> retry;
  if (parts.front().text != "/") {
    if (!path.empty() && path.front() == "/") path = path.subspan(1);
    if (path.empty()) return false;
    retry = {parts, path};
  }
  while (!parts.empty() || (whole && !path.empty())) {
    if (!parts.empty() && parts.front().any_depth) {
      parts = parts.subspan(1);
      retry = {parts, path};
    } else if (!parts.empty() && !path.empty() && MatchesPart(parts.front(), path.front())) {
      parts = parts.subspan(1);
      path = path.subspan(1);
    } else {
      if (!retry || retry->second.empty()) return false;
      retry->second = retry->second.subspan(1);
      std::tie(parts, path) = *retry;
    }
  }
  return true;
}

bool ExcludeList::MatchesPart(const Part& part, std::string_view name) {
  return part.literal ? part.text == name : MatchValid(part.text, name);
}

}  // namespace holdfast::engine
