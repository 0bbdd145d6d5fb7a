#include "tests/fakes/fault_backend.h"

namespace holdfast::fakes {

using storage::FileInfo;
using storage::FileType;
using storage::Handle;

const Fault* FaultBackend::Next() {
  const std::uint64_t number = ++operations_;
  if (fault_.at == 0 || number < fault_.at) return nullptr;
  if (number == fault_.at) return &fault_;
  return fault_.dead_after ? &dead_ : nullptr;
}

Error FaultBackend::Broken() const { return {fault_.code, "an injected fault"}; }

Result<void> FaultBackend::Save(const Handle& handle, ByteView data, std::stop_token stop) {
  const Fault* fault = Next();
  if (fault == nullptr) return inner_.Save(handle, data, stop);
  if (fault->kind == FaultKind::kLose) return {};
  if (fault->kind == FaultKind::kTruncate)
    TRY_VOID(inner_.Save(handle, data.first(data.size() / 2), stop));
  if (fault->kind == FaultKind::kLoseAnswer) TRY_VOID(inner_.Save(handle, data, stop));
  return tl::make_unexpected(Broken());
}

Result<void> FaultBackend::Replace(const Handle& handle, ByteView data, std::stop_token stop) {
  const Fault* fault = Next();
  if (fault == nullptr) return inner_.Replace(handle, data, stop);
  if (fault->kind == FaultKind::kLose) return {};
  if (fault->kind == FaultKind::kLoseAnswer) TRY_VOID(inner_.Replace(handle, data, stop));
  return tl::make_unexpected(Broken());
}

Result<Bytes> FaultBackend::Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                                 std::stop_token stop) {
  const Fault* fault = Next();
  if (fault != nullptr && fault->kind != FaultKind::kTruncate) return tl::make_unexpected(Broken());
  Result<Bytes> data = inner_.Load(handle, offset, length, stop);
  if (data && fault != nullptr) data->resize(data->size() / 2);
  return data;
}

Result<FileInfo> FaultBackend::Stat(const Handle& handle, std::stop_token stop) {
  if (Next() != nullptr) return tl::make_unexpected(Broken());
  return inner_.Stat(handle, stop);
}

Result<void> FaultBackend::List(FileType type,
                                const std::function<Result<void>(const FileInfo&)>& visit,
                                std::stop_token stop) {
  const Fault* fault = Next();
  if (fault == nullptr) return inner_.List(type, visit, stop);
  if (fault->kind == FaultKind::kLoseAnswer) TRY_VOID(inner_.List(type, visit, stop));
  return tl::make_unexpected(Broken());
}

Result<void> FaultBackend::Remove(const Handle& handle, std::stop_token stop) {
  const Fault* fault = Next();
  if (fault == nullptr) return inner_.Remove(handle, stop);
  if (fault->kind == FaultKind::kLose) return {};
  if (fault->kind == FaultKind::kLoseAnswer) TRY_VOID(inner_.Remove(handle, stop));
  return tl::make_unexpected(Broken());
}

Result<std::uint64_t> FaultBackend::RemoveLeftovers(std::stop_token stop) {
  if (Next() != nullptr) return tl::make_unexpected(Broken());
  return inner_.RemoveLeftovers(stop);
}

Result<std::optional<TimePoint>> FaultBackend::RetainedUntil(const Handle& handle,
                                                             std::stop_token stop) {
  if (Next() != nullptr) return tl::make_unexpected(Broken());
  return inner_.RetainedUntil(handle, stop);
}

Result<void> FaultBackend::Retain(const Handle& handle, TimePoint until, std::stop_token stop) {
  if (Next() != nullptr) return tl::make_unexpected(Broken());
  return inner_.Retain(handle, until, stop);
}

}  // namespace holdfast::fakes
