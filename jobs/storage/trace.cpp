#include "jobs/storage/trace.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "jobs/storage/layout.h"

namespace holdfast::storage {
namespace {

class Call {
 public:
  Call(std::string_view verb, std::string object) : verb_(verb), object_(std::move(object)) {}

  // `amount` is bytes for an object and a number of objects for a listing.
  template <typename T>
  T Done(T result, std::uint64_t amount) const {
    using std::chrono::microseconds;
    const auto duration = std::chrono::duration_cast<microseconds>(Steady::now() - start_);
    const std::string outcome = result ? "ok" : result.error().message;
    Log(spdlog::level::debug, "storage", verb_,
        {{"object", object_},
         {"amount", std::to_string(amount)},
         {"us", std::to_string(duration.count())},
         {"outcome", outcome}});
    return result;
  }

 private:
  using Steady = std::chrono::steady_clock;

  const std::string_view verb_;
  const std::string object_;
  const Steady::time_point start_ = Steady::now();
};

std::string Describe(const Handle& handle) { return PathOf(handle).value_or(handle.name); }

}  // namespace

Trace::Trace(std::unique_ptr<Backend> inner) : Decorator(std::move(inner)) {}

Result<void> Trace::Save(const Handle& handle, ByteView data, std::stop_token stop) {
  const Call call("save", Describe(handle));
  return call.Done(inner_->Save(handle, data, stop), data.size());
}

Result<void> Trace::Replace(const Handle& handle, ByteView data, std::stop_token stop) {
  const Call call("replace", Describe(handle));
  return call.Done(inner_->Replace(handle, data, stop), data.size());
}

Result<Bytes> Trace::Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                          std::stop_token stop) {
  const Call call("load", Describe(handle));
  Result<Bytes> data = inner_->Load(handle, offset, length, stop);
  const std::uint64_t bytes = data ? data->size() : 0;
  return call.Done(std::move(data), bytes);
}

Result<void> Trace::LoadInto(const Handle& handle, std::uint64_t offset,
                             std::span<std::uint8_t> into, std::stop_token stop) {
  const Call call("load", Describe(handle));
  Result<void> done = inner_->LoadInto(handle, offset, into, stop);
  const std::uint64_t bytes = done ? into.size() : 0;
  return call.Done(std::move(done), bytes);
}

Result<FileInfo> Trace::Stat(const Handle& handle, std::stop_token stop) {
  const Call call("stat", Describe(handle));
  Result<FileInfo> info = inner_->Stat(handle, stop);
  const std::uint64_t bytes = info ? info->size : 0;
  return call.Done(std::move(info), bytes);
}

Result<void> Trace::List(FileType type, const std::function<Result<void>(const FileInfo&)>& visit,
                         std::stop_token stop) {
  const Call call("list", std::string(FolderOf(type)));
  std::uint64_t objects = 0;
  Result<void> listed = inner_->List(
      type,
      [&](const FileInfo& info) {
        ++objects;
        return visit(info);
      },
      stop);
  return call.Done(std::move(listed), objects);
}

Result<void> Trace::Remove(const Handle& handle, std::stop_token stop) {
  const Call call("remove", Describe(handle));
  return call.Done(inner_->Remove(handle, stop), 0);
}

Result<std::uint64_t> Trace::RemoveLeftovers(std::stop_token stop) {
  const Call call("clean", Location());
  Result<std::uint64_t> removed = inner_->RemoveLeftovers(stop);
  const std::uint64_t count = removed.value_or(0);
  return call.Done(std::move(removed), count);
}

Result<std::optional<TimePoint>> Trace::RetainedUntil(const Handle& handle, std::stop_token stop) {
  const Call call("retained until", Describe(handle));
  return call.Done(inner_->RetainedUntil(handle, stop), 0);
}

Result<void> Trace::Retain(const Handle& handle, TimePoint until, std::stop_token stop) {
  const Call call("retain", Describe(handle));
  return call.Done(inner_->Retain(handle, until, stop), 0);
}

Result<void> Trace::ListVersions(const std::function<Result<void>(const ObjectVersion&)>& visit,
                                 std::stop_token stop) {
  const Call call("list versions", Location());
  std::uint64_t versions = 0;
  Result<void> listed = inner_->ListVersions(
      [&](const ObjectVersion& version) {
        ++versions;
        return visit(version);
      },
      stop);
  return call.Done(std::move(listed), versions);
}

Result<void> Trace::RemoveVersion(const ObjectVersion& version, std::stop_token stop) {
  const Call call("remove version", Describe(version.handle));
  return call.Done(inner_->RemoveVersion(version, stop), 0);
}

Result<void> Trace::RestoreVersion(const ObjectVersion& version, std::stop_token stop) {
  const Call call("restore version", Describe(version.handle));
  return call.Done(inner_->RestoreVersion(version, stop), 0);
}

}  // namespace holdfast::storage
