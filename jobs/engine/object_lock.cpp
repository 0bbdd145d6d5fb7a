#include "jobs/engine/object_lock.h"

#include <algorithm>
#include <vector>

#include "jobs/repo/parallel.h"

namespace holdfast::engine {
namespace {

using storage::FileType;
using storage::Handle;

// Requests under way at a time: each only waits for the store.
constexpr std::size_t kAtOnce = 16;
// Stores keep times in whole seconds or finer.
constexpr std::chrono::seconds kRounding{1};

const Handle kConfig{FileType::kConfig, ""};

Result<std::vector<Handle>> AllButTheConfig(repo::Repository& repository, std::stop_token stop) {
  std::vector<Handle> handles;
  for (const FileType type :
       {FileType::kPack, FileType::kIndex, FileType::kSnapshot, FileType::kKey}) {
    TRY(const auto files, repository.ListFiles(type, stop));
    for (const repo::FileEntry& file : files) handles.push_back({type, file.id.Hex()});
  }
  return handles;
}

}  // namespace

TimePoint Retained::Until(TimePoint stored) const {
  const TimePoint since_stored = stored + period;
  return config_until ? std::max(*config_until, since_stored) : since_stored;
}

bool Retained::ExtensionIsDue() const { return !config_until || *config_until < now + period / 2; }

bool Retained::IsHeldBack(TimePoint stored) const { return Until(stored) > now + period / 2; }

Result<std::optional<Retained>> LookAtRetention(repo::Repository& repository, TimePoint now,
                                                std::stop_token stop) {
  storage::Backend& storage = repository.storage();
  const auto period = storage.RetentionPeriod();
  if (!period) return std::nullopt;
  TRY(const auto until, storage.RetainedUntil(kConfig, stop));
  return Retained{*period, now, until};
}

Result<ExtensionReport> ExtendRetention(repo::Repository& repository, const Retained& retained,
                                        Meter& meter, std::stop_token stop) {
  if (!retained.ExtensionIsDue()) return ExtensionReport{0, retained.config_until};
  storage::Backend& storage = repository.storage();
  const TimePoint until = retained.now + retained.period;
  TRY(const std::vector<Handle> handles, AllButTheConfig(repository, stop));
  meter.SetPhase("finish");
  meter.SetTotals(handles.size() + 1, 0);
  const auto retain = [&](const Handle& handle, std::stop_token each) -> Result<void> {
    TRY_VOID(storage.Retain(handle, until, each));
    meter.AddFiles(1);
    return {};
  };
  const auto work = [&](std::size_t i, std::stop_token each) { return retain(handles[i], each); };
  TRY_VOID(repo::InParallel(kAtOnce, handles.size(), work, stop));
  TRY_VOID(retain(kConfig, stop));
  TRY(const auto found, storage.RetainedUntil(kConfig, stop));
  if (!found || *found + kRounding < until)
    return Fail(Code::kNotSupported,
                storage.Location() +
                    " was told to retain the objects and does not say that it does: use a bucket "
                    "with S3 Object Lock, and keys that may s3:GetObjectRetention");
  return ExtensionReport{handles.size() + 1, *found};
}

}  // namespace holdfast::engine
