#include "jobs/gateway/prune.h"

#include <iostream>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/quantity.h"
#include "jobs/gateway/gateway.h"

namespace holdfast::gateway {
namespace {

using protocol::ExitCode;

protocol::MoverResult PruneOne(const PruneShared& work, const Definition& definition,
                               const std::string& ns, const std::stop_token& stop) {
  engine::SessionOptions session = work.session(definition);
  session.location = LocationFor(definition, ns);
  session.password = DerivePassword(work.master_secret, work.definition, ns);
  engine::Meter meter;
  const SystemClock clock;
  const engine::Surroundings around{.session = std::move(session),
                                    .meter = meter,
                                    .clock = clock,
                                    .out = std::cout,
                                    .warnings = std::cerr};
  return engine::Run(engine::PruneRequest{work.prune}, around, stop);
}

}  // namespace

Result<void> Run(const PruneShared& work, Cluster& cluster, std::stop_token stop) {
  TRY(const Definition definition, cluster.ReadDefinition(stop));
  if (definition.location.empty())
    return Fail(Code::kUnavailable, "the operator has not looked at the definition yet");
  Result<void> all;
  for (const std::string& ns : definition.namespaces) {
    const protocol::MoverResult result = PruneOne(work, definition, ns, stop);
    if (result.exit == ExitCode::kNoRepository) continue;
    if (result.exit == ExitCode::kInterrupted) return Fail(Code::kCancelled, result.message);
    if (result.exit == ExitCode::kOk) {
      Log(spdlog::level::info, "gateway", "pruned",
          {{"namespace", ns}, {"freed", HumanBytes(result.bytes_freed)}});
      continue;
    }
    Log(spdlog::level::err, "gateway", "prune failed",
        {{"namespace", ns}, {"error", result.message}});
    if (all) all = Fail(Code::kInternal, "prune of namespace " + ns + ": " + result.message);
  }
  return all;
}

}  // namespace holdfast::gateway
