#include <spdlog/fmt/fmt.h>

#include "base/quantity.h"
#include "base/wording.h"
#include "jobs/protocol/progress.h"
#include "jobs/protocol/result.h"
#include "operator/plugin/browser.h"
#include "operator/plugin/commands.h"
#include "operator/plugin/protection.h"

namespace holdfast::plugin {
namespace {

// The mover's JSON lines: progress, and the result at the end.
class CheckOutput {
 public:
  explicit CheckOutput(const Session& session) : session_(session) {}

  Result<void> Take(std::string_view bytes) {
    pending_ += bytes;
    for (std::size_t end; (end = pending_.find('\n')) != pending_.npos; pending_.erase(0, end + 1))
      Line(pending_.substr(0, end));
    return {};
  }
  const std::optional<protocol::MoverResult>& result() const { return result_; }

 private:
  void Line(const std::string& line) {
    if (const auto progress = protocol::DecodeLine(line)) {
      if (progress->bytes_total != 0)
        session_.screen.Live({fmt::format(
            "Reading back  {}  {}/s",
            ProgressBar(static_cast<int>(progress->bytes_done * 100 / progress->bytes_total)),
            HumanBytes(progress->bytes_per_second))});
    } else if (auto result = protocol::Decode(line)) {
      result_ = *std::move(result);
    }
  }

  const Session& session_;
  std::string pending_;
  std::optional<protocol::MoverResult> result_;
};

struct Verdict {
  std::uint64_t snapshots = 0;
  std::uint64_t bytes = 0;  // that were read, as they are stored
};

Result<Verdict> Check(const Session& session, const Browser& browser,
                      std::vector<std::string> words) {
  CheckOutput output(session);
  words.insert(words.begin(), {"check", "--json"});
  const auto checked =
      browser.Run(std::move(words), [&](std::string_view bytes) { return output.Take(bytes); });
  session.screen.ClearLive();
  TRY_VOID(checked);
  if (!output.result()) return Fail(Code::kInternal, "the mover ended without a result");
  return Verdict{output.result()->snapshots, output.result()->stored_bytes};
}

bool IsRepository(const std::string& what) {
  const auto name = ParseObjectName(what, ObjectKind::kBackup);
  return name && name->kind == ObjectKind::kRepository;
}

Result<void> Report(const Session& session, const std::string& what, const Verdict& verdict) {
  const std::string sentence =
      fmt::format("{} is whole: {}, {} read back and compared.", what,
                  Counted(verdict.snapshots, "snapshot"), HumanBytes(verdict.bytes));
  if (session.output == OutputFormat::kJson || session.output == OutputFormat::kYaml)
    return Print(
        session, {},
        {{"verified", what}, {"snapshots", verdict.snapshots}, {"bytesRead", verdict.bytes}});
  return session.screen.Write(sentence + "\n");
}

}  // namespace

// What a volume holds now is another thing than what was backed up, so the two are not compared: a
// Backup is verified against itself, as the mover that wrote it named every piece by its hash.
Result<void> Run(const Session& session, const VerifyCommand& command) {
  const FileSource& source = command.source;
  if (IsRepository(source.what)) {
    TRY(const std::string repository, RepositoryOf(session, source.what));
    TRY(const Browser browser, Browser::Open(session, {repository, source.keep}));
    TRY(const Verdict verdict, Check(session, browser, {"--read-data"}));
    return Report(session, "BackupRepository " + repository, verdict);
  }
  TRY(const ReadableSnapshots found, FindSnapshots(session, source));
  std::vector<std::string> words;
  for (const crds::VolumeBackup& volume : found.volumes) words.push_back(volume.snapshot);
  TRY(const Browser browser, Browser::Open(session, {found.repository, source.keep}));
  TRY(const Verdict verdict, Check(session, browser, std::move(words)));
  return Report(session, found.description, verdict);
}

}  // namespace holdfast::plugin
