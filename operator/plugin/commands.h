// What each command does. Errors are what the user reads: what went wrong, and what to do next.
#pragma once

#include <string>
#include <vector>

#include "operator/plugin/options.h"
#include "operator/plugin/session.h"

namespace holdfast::plugin {

Result<void> Run(const Session& session, const StatusCommand& command);
Result<void> Run(const Session& session, const BackupCommand& command);
Result<void> Run(const Session& session, const RestoreCommand& command);
Result<void> Run(const Session& session, const SnapshotsCommand& command);
Result<void> Run(const Session& session, const LsCommand& command);
Result<void> Run(const Session& session, const CatCommand& command);
Result<void> Run(const Session& session, const DownloadCommand& command);
Result<void> Run(const Session& session, const VerifyCommand& command);
Result<void> Run(const Session& session, const ReportCommand& command);
Result<void> Run(const Session& session, const ImportCommand& command);

}  // namespace holdfast::plugin
