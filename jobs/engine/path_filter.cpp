#include "jobs/engine/path_filter.h"

#include <algorithm>

#include "jobs/engine/directory.h"

namespace holdfast::engine {
namespace {

bool IsBelow(std::string_view path, std::string_view ancestor) {
  if (ancestor.empty() || path == ancestor) return true;
  return path.size() > ancestor.size() && path.starts_with(ancestor) &&
         path[ancestor.size()] == '/';
}

std::string Normal(std::string_view path, std::string_view root) {
  std::vector<std::string> parts = SplitComponents(path);
  const std::vector<std::string> above = SplitComponents(root);
  if (std::ranges::mismatch(above, parts).in1 == above.end())
    parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(above.size()));
  std::string normal;
  for (const std::string& part : parts) normal += (normal.empty() ? "" : "/") + part;
  return normal;
}

}  // namespace

PathFilter::PathFilter(const std::vector<std::string>& paths, std::string_view root) {
  for (const std::string& path : paths) wanted_.push_back({Normal(path, root), path, false});
}

bool PathFilter::Selects(std::string_view path) {
  if (everything()) return true;
  for (Wanted& wanted : wanted_) {
    if (!IsBelow(path, wanted.path)) continue;
    wanted.met = true;
    return true;
  }
  return false;
}

bool PathFilter::Enters(std::string_view path) {
  return Selects(path) || std::ranges::any_of(wanted_, [&](const Wanted& wanted) {
           return IsBelow(wanted.path, path);
         });
}

const std::string* PathFilter::FirstUnmet() const {
  const auto unmet = std::ranges::find(wanted_, false, &Wanted::met);
  return unmet == wanted_.end() ? nullptr : &unmet->text;
}

}  // namespace holdfast::engine
