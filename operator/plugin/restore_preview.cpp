#include "operator/plugin/restore_preview.h"

#include <algorithm>

#include <spdlog/fmt/fmt.h>

#include "base/quantity.h"
#include "base/wording.h"
#include "operator/plugin/choose.h"
#include "operator/plugin/time_words.h"

namespace holdfast::plugin {
namespace {

using controllers::restore::Resolution;
using controllers::restore::World;

constexpr std::size_t kShortId = 8;
constexpr int kMostPods = 5;

const crds::Backup* BackupNamed(const World& world, const std::string& name) {
  if (world.backup && world.backup->metadata.name == name) return &*world.backup;
  for (const crds::Backup& backup : world.backups)
    if (backup.metadata.name == name) return &backup;
  return nullptr;
}

bool HasSnapshot(const crds::Backup& backup, const std::string& snapshot) {
  return std::ranges::any_of(backup.status.volumes, [&](const crds::VolumeBackup& volume) {
    return volume.snapshot == snapshot;
  });
}

std::int64_t SizeOf(const World& world, const std::string& snapshot) {
  const auto size_in = [&](const crds::Backup& backup) -> std::int64_t {
    for (const crds::VolumeBackup& volume : backup.status.volumes)
      if (volume.snapshot == snapshot) return volume.bytes;
    return 0;
  };
  if (world.backup)
    if (const std::int64_t bytes = size_in(*world.backup); bytes > 0) return bytes;
  for (const crds::Backup& backup : world.backups)
    if (const std::int64_t bytes = size_in(backup); bytes > 0) return bytes;
  return 0;
}

std::string Pods(const controllers::StatefulSetView& set) {
  std::vector<std::string> names;
  for (int i = 0; i < std::min(set.replicas, kMostPods); ++i)
    names.push_back(fmt::format("{}-{}", set.key.name, set.first_ordinal + i));
  return NameFirst(names, static_cast<std::size_t>(set.replicas), kMostPods);
}

std::string Heading(const World& world, const crds::Backup* backup, const date::time_zone& zone) {
  const bool in_place = controllers::restore::InPlace(world.restore);
  std::string text = fmt::format("Restore {} in namespace {}",
                                 controllers::restore::DescribeTarget(world.restore.spec.target),
                                 world.restore.metadata.namespace_);
  if (in_place) text += " in place";
  if (backup != nullptr)
    text += fmt::format(", to how it was at {} ({})", LocalTime(StartOf(*backup), zone),
                        Age(StartOf(*backup), world.now));
  return text + ":";
}

std::string Line(const char* what, const std::string& text) {
  return fmt::format("  {:<9} {}", what, text);
}

}  // namespace

Result<RestoreTargets> TargetsOf(const RestoreCommand& command, const std::string& stateful_set) {
  RestoreTargets targets;
  if (command.into.empty()) {
    if (stateful_set.empty())
      return Fail(Code::kInvalid,
                  command.what +
                      " is no workload: write sts/NAME, or say with --into FROM=TO which "
                      "claims to restore");
    targets.stateful_set = stateful_set;
    return targets;
  }
  for (const std::string& pair : command.into) {
    const std::size_t equal = pair.find('=');
    if (equal == std::string::npos || equal == 0 || equal + 1 == pair.size())
      return Fail(Code::kInvalid, "--into " + pair +
                                      ": write FROM=TO, like data-mysql-0=inspect (claims; FROM is "
                                      "the one that was backed up)");
    crds::RestoreClaim claim;
    claim.from = pair.substr(0, equal);
    claim.to = pair.substr(equal + 1);
    targets.claims.push_back(std::move(claim));
  }
  return targets;
}

crds::RestoreSource Pinned(const World& world, const Resolution& resolution) {
  crds::RestoreSource source = world.restore.spec.source;
  const crds::Backup* backup = BackupNamed(world, resolution.backup);
  if (backup == nullptr || source.policy.empty()) return source;
  const bool whole = std::ranges::all_of(
      resolution.volumes,
      [&](const crds::VolumeRestore& volume) { return HasSnapshot(*backup, volume.snapshot); });
  if (whole) {
    source = {};
    source.backup = resolution.backup;
  } else {
    source.previous.reset();
    source.as_of = StartOf(*backup);
  }
  return source;
}

std::string ExpectedTime(const World& world, std::int64_t bytes) {
  if (world.policy && !world.policy->status.recovery_time.empty())
    return "about " + world.policy->status.recovery_time + ", as the policy's status expects";
  const auto rate = world.repository ? world.repository->status.restore_bytes_per_second
                                     : std::optional<std::int64_t>();
  if (!rate || *rate <= 0 || bytes <= 0) return "";
  return fmt::format("about {}, at {}/s as earlier Restores were",
                     HumanDuration(std::chrono::seconds(bytes / *rate + 1)),
                     HumanBytes(static_cast<std::uint64_t>(*rate)));
}

std::vector<std::string> Preview(const World& world, const Resolution& resolution,
                                 const date::time_zone& zone) {
  const crds::Backup* backup = BackupNamed(world, resolution.backup);
  std::vector<std::string> lines = {Heading(world, backup, zone)};
  if (backup != nullptr)
    lines.push_back(Line("from", fmt::format("Backup {} in BackupRepository {}", resolution.backup,
                                             resolution.repository)));
  std::int64_t total = 0;
  for (const crds::VolumeRestore& volume : resolution.volumes) {
    const std::int64_t bytes = SizeOf(world, volume.snapshot);
    total += bytes;
    std::string text = volume.claim;
    if (volume.from != volume.claim && !volume.from.empty()) text = volume.from + " into " + text;
    if (bytes > 0) text += "  " + HumanBytes(static_cast<std::uint64_t>(bytes));
    lines.push_back(Line("volume", text + "  snapshot " + volume.snapshot.substr(0, kShortId)));
  }
  const crds::RestoreSpec& spec = world.restore.spec;
  for (const std::string& path : spec.paths) lines.push_back(Line("only", path));
  if (total > 0 && spec.paths.empty())
    lines.push_back(Line("reads", HumanBytes(static_cast<std::uint64_t>(total)) + " at most"));
  if (const std::string time = ExpectedTime(world, total); !time.empty() && spec.paths.empty())
    lines.push_back(Line("takes", time));
  if (controllers::restore::InPlace(world.restore) && world.set && world.set->replicas > 0)
    lines.push_back(Line("stops", "pods " + Pods(*world.set) + ", until it is over"));
  lines.push_back(Line("extra", spec.delete_extra ? "files that are not in the backup are removed"
                                                  : "files that are not in the backup stay"));
  if (!resolution.note.empty()) lines.push_back(Line("note", resolution.note));
  lines.push_back(controllers::restore::InPlace(world.restore)
                      ? "What was written since then is lost in these volumes."
                      : "What is in these claims is overwritten.");
  return lines;
}

}  // namespace holdfast::plugin
