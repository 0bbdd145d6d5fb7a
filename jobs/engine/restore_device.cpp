#include "jobs/engine/restore_device.h"

#include <cerrno>
#include <mutex>
#include <vector>

#include <unistd.h>

#include "base/quantity.h"
#include "jobs/engine/file_content.h"
#include "jobs/engine/resources.h"
#include "jobs/repo/parallel.h"

namespace holdfast::engine {
namespace {

struct Part {
  repo::Id id;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

Result<std::vector<Part>> PartsOf(const repo::Index& index, const repo::Node& file) {
  std::vector<Part> parts;
  std::uint64_t offset = 0;
  for (const repo::Id& id : file.content.value_or(std::vector<repo::Id>())) {
    const auto place = index.Lookup({repo::BlobType::kData, id});
    if (!place)
      return Fail(Code::kCorrupt,
                  "the repository lacks its content (data " + id.Short() + "); run check");
    parts.push_back({id, offset, place->blob.PlainLength()});
    offset += parts.back().length;
  }
  return parts;
}

}  // namespace

Result<RestoreReport> RestoreOnto(repo::Repository& repository, const repo::Node& file,
                                  const Fd& device, const RestoreOptions& options, Meter& meter,
                                  std::stop_token stop) {
  TRY(const std::vector<Part> parts, PartsOf(repository.index(), file));
  const std::uint64_t size = parts.empty() ? 0 : parts.back().offset + parts.back().length;
  const off_t room = ::lseek(device.get(), 0, SEEK_END);
  if (room < 0) return tl::make_unexpected(FromErrno("size of " + options.target, errno));
  if (static_cast<std::uint64_t>(room) < size)
    return Fail(Code::kInvalid, options.target + " has " +
                                    HumanBytes(static_cast<std::uint64_t>(room)) + ", less than " +
                                    HumanBytes(size) +
                                    " of the snapshot; restore onto a larger one");
  meter.SetTotals(1, size);

  RestoreReport report;
  report.files = 1;
  report.bytes = size;
  std::mutex mutex;  // guards the report
  const auto restore = [&](std::size_t i, std::stop_token each) -> Result<void> {
    const Part& part = parts[i];
    const bool present = HasContent(device.get(), part.offset, part.length, part.id);
    if (!present) {
      TRY(const Bytes content, repository.LoadBlob({repo::BlobType::kData, part.id}, each));
      if (const int error = WriteAll(device.get(), content, part.offset))
        return tl::make_unexpected(FromErrno("write " + options.target, error));
    }
    const bool differs =
        !present && options.verify && !HasContent(device.get(), part.offset, part.length, part.id);
    meter.AddBytes(part.length);
    const std::lock_guard lock(mutex);
    if (!present) report.bytes_written += part.length;
    if (differs)
      report.mismatched.Add(options.target, "differs from the snapshot when read back at byte " +
                                                std::to_string(part.offset));
    return {};
  };
  TRY_VOID(repo::InParallel(ThreadCount(options.threads), parts.size(), restore, stop));
  if (::fsync(device.get()) != 0)
    return tl::make_unexpected(FromErrno("flush " + options.target, errno));
  meter.AddFiles(1);
  report.bytes_fetched = report.bytes_written;
  report.files_written = report.bytes_written != 0 ? 1 : 0;
  return report;
}

}  // namespace holdfast::engine
