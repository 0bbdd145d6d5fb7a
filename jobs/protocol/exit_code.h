// The mover's exit codes. The numbers that restic documents ("Scripting", exit codes) mean the same
// here, so that scripts written for it keep working.
#pragma once

#include <string_view>

#include "base/error.h"

namespace holdfast::protocol {

enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,           // anything without a code of its own
  kUsage = 2,            // the command line is wrong
  kUnreadableFiles = 3,  // the snapshot was made, but some files could not be read
  kNoRepository = 10,    // there is no repository at that place
  kLocked = 11,          // another holder has an exclusive lock
  kWrongPassword = 12,   // no key opens with this password
  kUnreachable = 20,     // endpoint does not answer, name does not resolve, TLS fails
  kDenied = 21,          // the store refused the credentials
  kNoBucket = 22,        // the bucket or folder does not exist
  kCorrupt = 23,         // stored data is damaged
  kNoSpace = 24,         // store or target volume is full
  kNothingFound = 25,    // no snapshot matches
  kVerifyFailed = 26,    // what was restored differs from the snapshot
  kNotSupported = 27,
  kDumpFailed = 28,  // the dump's command failed, was killed or took too long; there is no snapshot
  kInterrupted = 130,  // SIGINT or SIGTERM; the repository is left clean
};

// One word for conditions and results ("WrongPassword").
std::string_view ExitReason(ExitCode code);
// kFailed for a number that is none of ours (a process killed by a signal, for instance).
ExitCode ExitCodeFromNumber(int number);
// Whether the same run can succeed later without anyone changing anything.
bool WorthRetrying(ExitCode code);

// The table from error codes; callers that know better (a wrong password is Denied too) say so.
ExitCode ExitCodeFor(const Error& error);

}  // namespace holdfast::protocol
