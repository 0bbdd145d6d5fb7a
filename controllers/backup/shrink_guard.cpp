#include "controllers/backup/shrink_guard.h"

#include <charconv>

#include <spdlog/fmt/fmt.h>

#include "base/quantity.h"

namespace holdfast::controllers::backup {
namespace {

std::string Size(std::int64_t bytes) { return HumanBytes(static_cast<std::uint64_t>(bytes)); }

}  // namespace

std::optional<std::string> BeyondShrinkGuard(std::string_view guard,
                                             const std::optional<GoodSize>& last,
                                             std::int64_t bytes) {
  double allowed = 0;  // percent
  const auto parsed = std::from_chars(guard.data(), guard.data() + guard.size(), allowed);
  if (parsed.ec != std::errc{} || !last || last->bytes <= 0) return std::nullopt;
  const double lost =
      100.0 * static_cast<double>(last->bytes - bytes) / static_cast<double>(last->bytes);
  if (lost <= allowed) return std::nullopt;
  return fmt::format(
      "it holds {}, {:.0f}% less than the {} of Backup {}, beyond spec.failurePolicy.shrinkGuard "
      "({}); its snapshot is kept apart and replaces nothing. If that is right, raise or remove "
      "shrinkGuard and run a backup again",
      Size(bytes), lost, Size(last->bytes), last->backup, guard);
}

}  // namespace holdfast::controllers::backup
