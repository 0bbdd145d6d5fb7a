#include "jobs/protocol/exit_code.h"

namespace holdfast::protocol {

std::string_view ExitReason(ExitCode code) {
  switch (code) {
    case ExitCode::kOk:
      return "Succeeded";
    case ExitCode::kFailed:
      return "Failed";
    case ExitCode::kUsage:
      return "Usage";
    case ExitCode::kUnreadableFiles:
      return "UnreadableFiles";
    case ExitCode::kNoRepository:
      return "NoRepository";
    case ExitCode::kLocked:
      return "Locked";
    case ExitCode::kWrongPassword:
      return "WrongPassword";
    case ExitCode::kUnreachable:
      return "Unreachable";
    case ExitCode::kDenied:
      return "AccessDenied";
    case ExitCode::kNoBucket:
      return "NoBucket";
    case ExitCode::kCorrupt:
      return "Corrupt";
    case ExitCode::kNoSpace:
      return "NoSpace";
    case ExitCode::kNothingFound:
      return "NothingFound";
    case ExitCode::kVerifyFailed:
      return "VerifyFailed";
    case ExitCode::kNotSupported:
      return "NotSupported";
    case ExitCode::kDumpFailed:
      return "DumpFailed";
    case ExitCode::kInterrupted:
      return "Interrupted";
  }
  return "Failed";
}

ExitCode ExitCodeFromNumber(int number) {
  const auto code = static_cast<ExitCode>(number);
  return ExitReason(code) == "Failed" ? ExitCode::kFailed : code;
}

bool WorthRetrying(ExitCode code) {
  switch (code) {
    case ExitCode::kFailed:
    case ExitCode::kLocked:
    case ExitCode::kUnreachable:
    case ExitCode::kVerifyFailed:
    case ExitCode::kDumpFailed:
    case ExitCode::kInterrupted:
      return true;
    default:
      return false;
  }
}

ExitCode ExitCodeFor(const Error& error) {
  switch (error.code) {
    case Code::kNotFound:
      return ExitCode::kNothingFound;
    case Code::kGone:
      return ExitCode::kNoBucket;
    case Code::kInvalid:
      return ExitCode::kUsage;
    case Code::kDenied:
      return ExitCode::kDenied;
    case Code::kUnavailable:
    case Code::kTimeout:
      return ExitCode::kUnreachable;
    case Code::kCancelled:
      return ExitCode::kInterrupted;
    case Code::kCorrupt:
      return ExitCode::kCorrupt;
    case Code::kNoSpace:
      return ExitCode::kNoSpace;
    case Code::kNotSupported:
      return ExitCode::kNotSupported;
    default:
      return ExitCode::kFailed;
  }
}

}  // namespace holdfast::protocol
