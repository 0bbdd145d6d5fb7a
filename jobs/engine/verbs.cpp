#include "jobs/engine/verbs.h"

#include <chrono>
#include <utility>

#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

struct Named {
  std::string operator()(const InitRequest&) const { return "init"; }
  std::string operator()(const BackupRequest&) const { return "backup"; }
  std::string operator()(const RestoreRequest&) const { return "restore"; }
  std::string operator()(const ForgetRequest&) const { return "forget"; }
  std::string operator()(const PruneRequest&) const { return "prune"; }
  std::string operator()(const CopyRequest&) const { return "copy"; }
  std::string operator()(const KeyRequest&) const { return "key"; }
  std::string operator()(const MigrateRequest&) const { return "migrate"; }
  std::string operator()(const CheckRequest&) const { return "check"; }
  std::string operator()(const UnlockRequest&) const { return "unlock"; }
  std::string operator()(const SnapshotsRequest&) const { return "snapshots"; }
  std::string operator()(const BackupsRequest&) const { return "backups"; }
  std::string operator()(const FindRequest&) const { return "find"; }
  std::string operator()(const DumpRequest&) const { return "dump"; }
  std::string operator()(const DiffRequest&) const { return "diff"; }
  std::string operator()(const StatsRequest&) const { return "stats"; }
  std::string operator()(const LsRequest&) const { return "ls"; }
  std::string operator()(const WatchRequest&) const { return "watch"; }
  std::string operator()(const UndeleteRequest&) const { return "undelete"; }
  std::string operator()(const StayRequest&) const { return "stay"; }
};

}  // namespace

std::string VerbName(const Request& request) { return std::visit(Named(), request); }

protocol::MoverResult Run(const Request& request, const Surroundings& around,
                          std::stop_token stop) {
  const auto start = std::chrono::steady_clock::now();
  auto outcome = std::visit([&](const auto& verb) { return Execute(verb, around, stop); }, request);
  protocol::MoverResult result;
  if (outcome) {
    result = *std::move(outcome);
  } else {
    result.exit = outcome.error().exit;
    result.message = outcome.error().error.message;
  }
  result.verb = VerbName(request);
  const auto spent = std::chrono::steady_clock::now() - start;
  result.duration_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(spent).count());
  return result;
}

}  // namespace holdfast::engine
