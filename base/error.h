// Errors are values: every function that can fail returns Result<T>.
//
// A Code answers the three questions callers ask: is it absent (IsAbsent), is it worth retrying
// (IsRetryable), must the user act (NeedsUser). The message is a sentence for people and is never
// compared. Context is added once, on the way up, with WithContext.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace holdfast {

enum class Code {
  kNotFound,       // the thing does not exist
  kAlreadyExists,  // it exists although it should not
  kConflict,       // somebody else changed it first; read again
  kGone,           // what the request builds upon is not there any more: a point in a watch's
                   // history (list again), a whole bucket or folder
  kInvalid,        // the input is wrong; retrying cannot help
  kDenied,         // credentials or rights are missing or wrong
  kUnavailable,    // the other side cannot be reached or is overloaded
  kTimeout,        // it took longer than allowed
  kCancelled,      // the caller asked to stop
  kCorrupt,        // stored data is not what was written
  kNoSpace,        // a disk or quota is full
  kNotSupported,   // a valid request that this version does not serve
  kInternal,       // a bug or an operating system error without a better word
};

// The code's name in CamelCase, as it appears in logs and condition reasons ("NotFound").
std::string_view CodeName(Code code);

struct [[nodiscard]] Error {
  Code code = Code::kInternal;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

template <typename T>
using Result = tl::expected<T, Error>;

// For `return Fail(Code::kInvalid, "...")` in any function that returns a Result.
inline tl::unexpected<Error> Fail(Code code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

// "CONTEXT: message", same code.
Error WithContext(std::string_view context, Error error);

// The Code for an errno value and the message "CONTEXT: strerror".
Error FromErrno(std::string_view context, int error_number);

bool IsAbsent(const Error& error);
bool IsRetryable(const Error& error);
bool NeedsUser(const Error& error);

}  // namespace holdfast

#define HOLDFAST_CONCAT_(a, b) a##b
#define HOLDFAST_CONCAT(a, b) HOLDFAST_CONCAT_(a, b)

// TRY(const Pod pod, ReadPod(key)): declares the variable, or returns the error to the caller.
#define TRY(declaration, ...)                                                              \
  auto HOLDFAST_CONCAT(try_result_, __LINE__) = (__VA_ARGS__);                             \
  if (!HOLDFAST_CONCAT(try_result_, __LINE__))                                             \
    return tl::make_unexpected(std::move(HOLDFAST_CONCAT(try_result_, __LINE__)).error()); \
  declaration = *std::move(HOLDFAST_CONCAT(try_result_, __LINE__))

// TRY_VOID(Write(...)): the same for a Result whose value is not needed.
#define TRY_VOID(...)                                                 \
  do {                                                                \
    if (auto try_result_void = (__VA_ARGS__); !try_result_void)       \
      return tl::make_unexpected(std::move(try_result_void).error()); \
  } while (false)
