#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace holdfast {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kNotFound:
      return "NotFound";
    case Code::kAlreadyExists:
      return "AlreadyExists";
    case Code::kConflict:
      return "Conflict";
    case Code::kGone:
      return "Gone";
    case Code::kInvalid:
      return "Invalid";
    case Code::kDenied:
      return "Denied";
    case Code::kUnavailable:
      return "Unavailable";
    case Code::kTimeout:
      return "Timeout";
    case Code::kCancelled:
      return "Cancelled";
    case Code::kCorrupt:
      return "Corrupt";
    case Code::kNoSpace:
      return "NoSpace";
    case Code::kNotSupported:
      return "NotSupported";
    case Code::kInternal:
      return "Internal";
  }
  return "Internal";
}

Error WithContext(std::string_view context, Error error) {
  error.message = std::string(context) + ": " + error.message;
  return error;
}

static Code CodeOfErrno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return Code::kNotFound;
    case EEXIST:
      return Code::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::kDenied;
    case ENOSPC:
    case EDQUOT:
      return Code::kNoSpace;
    case ETIMEDOUT:
      return Code::kTimeout;
    case EAGAIN:
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ESTALE:
      return Code::kUnavailable;
    case EINVAL:
    case ENAMETOOLONG:
      return Code::kInvalid;
    case ECANCELED:
      return Code::kCancelled;
    default:
      return Code::kInternal;
  }
}

Error FromErrno(std::string_view context, int error_number) {
  return {CodeOfErrno(error_number),
          std::string(context) + ": " + std::generic_category().message(error_number)};
}

bool IsAbsent(const Error& error) { return error.code == Code::kNotFound; }

bool IsRetryable(const Error& error) {
  switch (error.code) {
    case Code::kConflict:
    case Code::kGone:
    case Code::kUnavailable:
    case Code::kTimeout:
    case Code::kInternal:
      return true;
    default:
      return false;
  }
}

bool NeedsUser(const Error& error) {
  switch (error.code) {
    case Code::kInvalid:
    case Code::kDenied:
    case Code::kCorrupt:
    case Code::kNoSpace:
    case Code::kNotSupported:
      return true;
    default:
      return false;
  }
}

}  // namespace holdfast
