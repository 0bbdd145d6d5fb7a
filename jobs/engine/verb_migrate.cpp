#include <spdlog/fmt/fmt.h>

#include "jobs/engine/checker.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

using protocol::ExitCode;
using protocol::MoverResult;

constexpr storage::FileType kConfig = storage::FileType::kConfig;

// Only the config says that blobs may be compressed; nothing else changes. It is replaced at once:
// before and after there is a config, and both open the same data.
Result<void> UpgradeToVersion2(repo::Repository& repository, std::stop_token stop) {
  repo::Config config = repository.config();
  config.version = 2;
  const std::string text = repo::EncodeConfig(config);
  TRY_VOID(repository.storage().Replace({kConfig, ""}, repository.key().Seal(AsBytes(text)), stop));
  TRY(const Bytes sealed, repository.storage().Load({kConfig, ""}, 0, 0, stop));
  TRY(const Bytes stored, repository.key().Open(sealed));
  if (AsText(stored) != text)
    return Fail(Code::kCorrupt, "the store does not give back the config that it was given");
  return {};
}

}  // namespace

Try<MoverResult> Execute(const MigrateRequest&, const Surroundings& around, std::stop_token stop) {
  MoverResult result;
  TRY(OpenedSnapshots opened, OpenAll(around, LockKind::kExclusive, stop));
  repo::Repository& repository = opened.session.repository();
  if (repository.config().version >= 2) {
    result.message = "the repository has version 2 already";
    return result;
  }
  TRY(const CheckReport report, UnderLock(opened.session, stop, [&](std::stop_token inner) {
        return Check(repository, opened.snapshots, DataSubset::None(), around.meter, inner);
      }));
  CopyProblems(report.damage, result, around.warnings);
  if (report.damage.count() != 0) {
    result.exit = ExitCode::kCorrupt;
    result.message =
        "the repository is damaged and was left as it is; run check, and mend it first";
    return result;
  }
  TRY_VOID(UnderLock(opened.session, stop,
                     [&](std::stop_token inner) { return UpgradeToVersion2(repository, inner); }));
  result.message =
      "the repository has version 2 now; prune --repack-uncompressed compresses what it holds";
  return result;
}

}  // namespace holdfast::engine
