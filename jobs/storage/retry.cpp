#include "jobs/storage/retry.h"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"

namespace holdfast::storage {
namespace {

using std::chrono::milliseconds;

milliseconds FullJitter(const RetryOptions& options, int attempt) {
  milliseconds longest = options.first_delay;
  for (int i = 2; i < attempt && longest < options.max_delay; ++i) longest *= 2;
  longest = std::min(longest, options.max_delay);
  thread_local std::mt19937_64 random{std::random_device{}()};
  return milliseconds(std::uniform_int_distribution<milliseconds::rep>(0, longest.count())(random));
}

bool IsWorthRepeating(const Error& error) { return IsRetryable(error) && error.code != kNoPlace; }

}  // namespace

Retry::Retry(std::unique_ptr<Backend> inner, RetryOptions options, Sleeper& sleeper)
    : Decorator(std::move(inner)), options_(options), sleeper_(sleeper) {}

// The error itself when no further attempt is allowed, Cancelled when stopped meanwhile.
Result<void> Retry::WaitBefore(int attempt, Sleeper::Time start, const Error& error,
                               const std::stop_token& stop) {
  if (!IsWorthRepeating(error)) return tl::make_unexpected(error);
  const milliseconds delay = FullJitter(options_, attempt);
  const bool out_of_time = sleeper_.Now() + delay - start > options_.total;
  if (attempt > options_.attempts || out_of_time)
    return tl::make_unexpected(WithContext(fmt::format("tried {} times", attempt - 1), error));
  Log(spdlog::level::warn, "storage", "trying again",
      {{"error", error.message},
       {"attempt", std::to_string(attempt)},
       {"delay_ms", std::to_string(delay.count())}});
  return sleeper_.Sleep(delay, stop);
}

template <typename Attempt>
auto Retry::Repeat(const Attempt& attempt, const std::stop_token& stop) -> decltype(attempt()) {
  const Sleeper::Time start = sleeper_.Now();
  for (int number = 2;; ++number) {
    auto result = attempt();
    if (result) return result;
    TRY_VOID(WaitBefore(number, start, result.error(), stop));
  }
}

Result<void> Retry::Save(const Handle& handle, ByteView data, std::stop_token stop) {
  bool failed_before = false;
  return Repeat(
      [&]() -> Result<void> {
        Result<void> saved = inner_->Save(handle, data, stop);
        const bool maybe_ours =
            !saved && saved.error().code == Code::kAlreadyExists && failed_before;
        failed_before = true;
        if (!maybe_ours) return saved;
        TRY(const Bytes stored, inner_->Load(handle, 0, 0, stop));
        return std::ranges::equal(stored, data) ? Result<void>() : saved;
      },
      stop);
}

Result<void> Retry::Replace(const Handle& handle, ByteView data, std::stop_token stop) {
  return Repeat([&] { return inner_->Replace(handle, data, stop); }, stop);
}

Result<Bytes> Retry::Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                          std::stop_token stop) {
  return Repeat([&] { return inner_->Load(handle, offset, length, stop); }, stop);
}

Result<void> Retry::LoadInto(const Handle& handle, std::uint64_t offset,
                             std::span<std::uint8_t> into, std::stop_token stop) {
  return Repeat([&] { return inner_->LoadInto(handle, offset, into, stop); }, stop);
}

Result<FileInfo> Retry::Stat(const Handle& handle, std::stop_token stop) {
  return Repeat([&] { return inner_->Stat(handle, stop); }, stop);
}

Result<void> Retry::List(FileType type, const std::function<Result<void>(const FileInfo&)>& visit,
                         std::stop_token stop) {
  std::vector<FileInfo> infos;
  const auto collect = [&](const FileInfo& info) -> Result<void> {
    infos.push_back(info);
    return {};
  };
  TRY_VOID(Repeat(
      [&] {
        infos.clear();
        return inner_->List(type, collect, stop);
      },
      stop));
  for (const FileInfo& info : infos) TRY_VOID(visit(info));
  return {};
}

Result<void> Retry::Remove(const Handle& handle, std::stop_token stop) {
  return Repeat([&] { return inner_->Remove(handle, stop); }, stop);
}

Result<std::uint64_t> Retry::RemoveLeftovers(std::stop_token stop) {
  return Repeat([&] { return inner_->RemoveLeftovers(stop); }, stop);
}

Result<std::optional<TimePoint>> Retry::RetainedUntil(const Handle& handle, std::stop_token stop) {
  return Repeat([&] { return inner_->RetainedUntil(handle, stop); }, stop);
}

Result<void> Retry::Retain(const Handle& handle, TimePoint until, std::stop_token stop) {
  return Repeat([&] { return inner_->Retain(handle, until, stop); }, stop);
}

Result<void> Retry::ListVersions(const std::function<Result<void>(const ObjectVersion&)>& visit,
                                 std::stop_token stop) {
  std::vector<ObjectVersion> versions;
  const auto collect = [&](const ObjectVersion& version) -> Result<void> {
    versions.push_back(version);
    return {};
  };
  TRY_VOID(Repeat(
      [&] {
        versions.clear();
        return inner_->ListVersions(collect, stop);
      },
      stop));
  for (const ObjectVersion& version : versions) TRY_VOID(visit(version));
  return {};
}

Result<void> Retry::RemoveVersion(const ObjectVersion& version, std::stop_token stop) {
  return Repeat([&] { return inner_->RemoveVersion(version, stop); }, stop);
}

Result<void> Retry::RestoreVersion(const ObjectVersion& version, std::stop_token stop) {
  return Repeat([&] { return inner_->RestoreVersion(version, stop); }, stop);
}

}  // namespace holdfast::storage
