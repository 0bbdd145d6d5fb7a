// The mover's command line: what the operator emits (protocol/args.h) and what people type.
#pragma once

#include <string>

#include "base/error.h"
#include "jobs/engine/verbs.h"
#include "jobs/protocol/exit_code.h"

namespace holdfast {

struct Options {
  engine::Request request;
  engine::SessionOptions session;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
};

// What was asked for ends here: help, the version, or a mistake.
struct Ending {
  protocol::ExitCode exit = protocol::ExitCode::kOk;
  std::string text;  // for standard output when `exit` is kOk, else one sentence for standard error
};

// `environment` gives a variable's value, "" when unset; it is asked for RESTIC_REPOSITORY,
// HOLDFAST_PASSWORD, RESTIC_PASSWORD, RESTIC_PASSWORD_FILE and those of storage::ReadEnvironment.
tl::expected<Options, Ending> ParseOptions(
    const std::vector<std::string>& arguments,
    const std::function<std::string(const char*)>& environment);

}  // namespace holdfast
