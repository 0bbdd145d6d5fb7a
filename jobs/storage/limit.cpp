#include "jobs/storage/limit.h"

#include <algorithm>
#include <utility>

namespace holdfast::storage {

Pace::Pace(std::uint64_t bytes_per_second, Sleeper& sleeper)
    : rate_(bytes_per_second), sleeper_(sleeper), paid_until_(sleeper.Now()) {}

Sleeper::Time Pace::Book(std::uint64_t bytes) {
  const std::chrono::duration<double> cost(static_cast<double>(bytes) / static_cast<double>(rate_));
  const std::scoped_lock lock(mutex_);
  const Sleeper::Time start = std::max(paid_until_, sleeper_.Now());
  paid_until_ = start + std::chrono::duration_cast<Sleeper::Duration>(cost);
  return start;
}

Result<void> Pace::Take(std::uint64_t bytes, const std::stop_token& stop) {
  if (rate_ == 0) return {};
  return sleeper_.Sleep(Book(bytes) - sleeper_.Now(), stop);
}

void Pace::Charge(std::uint64_t bytes) {
  if (rate_ != 0) Book(bytes);
}

Limit::Limit(std::unique_ptr<Backend> inner, Limits limits, Sleeper& sleeper)
    : Decorator(std::move(inner)),
      up_(limits.upload_per_second, sleeper),
      down_(limits.download_per_second, sleeper) {}

Result<void> Limit::Save(const Handle& handle, ByteView data, std::stop_token stop) {
  TRY_VOID(up_.Take(data.size(), stop));
  return inner_->Save(handle, data, stop);
}

Result<void> Limit::Replace(const Handle& handle, ByteView data, std::stop_token stop) {
  TRY_VOID(up_.Take(data.size(), stop));
  return inner_->Replace(handle, data, stop);
}

Result<Bytes> Limit::Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                          std::stop_token stop) {
  TRY_VOID(down_.Take(length, stop));
  Result<Bytes> data = inner_->Load(handle, offset, length, stop);
  if (data && length == 0) down_.Charge(data->size());
  return data;
}

Result<void> Limit::LoadInto(const Handle& handle, std::uint64_t offset,
                             std::span<std::uint8_t> into, std::stop_token stop) {
  TRY_VOID(down_.Take(into.size(), stop));
  return inner_->LoadInto(handle, offset, into, stop);
}

}  // namespace holdfast::storage
