#include "jobs/storage/limit.h"
#include "jobs/storage/memory.h"
#include "jobs/storage/retry.h"
#include "jobs/storage/trace.h"
#include "tests/contract/backend_contract.h"
#include "tests/fakes/fault_backend.h"
#include "tests/fakes/versioned_store.h"

namespace holdfast::storage {
namespace {

constexpr Limits kFast{std::uint64_t{1} << 40, std::uint64_t{1} << 40};

std::unique_ptr<Backend> MakeLimit() {
  return std::make_unique<Limit>(std::make_unique<Memory>(), kFast);
}
std::unique_ptr<Backend> MakeRetry() { return std::make_unique<Retry>(std::make_unique<Memory>()); }
std::unique_ptr<Backend> MakeTrace() { return std::make_unique<Trace>(std::make_unique<Memory>()); }

// As the mover stacks them.
std::unique_ptr<Backend> MakeStack() {
  return std::make_unique<Retry>(std::make_unique<Trace>(MakeLimit()));
}

std::unique_ptr<Backend> MakeFaultless() {
  class Owning final : public Backend {
   public:
    Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override {
      return faults_.Save(handle, data, stop);
    }
    Result<Bytes> Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                       std::stop_token stop) override {
      return faults_.Load(handle, offset, length, stop);
    }
    Result<FileInfo> Stat(const Handle& handle, std::stop_token stop) override {
      return faults_.Stat(handle, stop);
    }
    Result<void> List(FileType type, const std::function<Result<void>(const FileInfo&)>& visit,
                      std::stop_token stop) override {
      return faults_.List(type, visit, stop);
    }
    Result<void> Remove(const Handle& handle, std::stop_token stop) override {
      return faults_.Remove(handle, stop);
    }
    std::string Location() const override { return faults_.Location(); }

   private:
    Memory memory_;
    fakes::FaultBackend faults_{memory_, {}};
  };
  return std::make_unique<Owning>();
}

std::unique_ptr<Backend> MakeVersionedStore() {
  return std::make_unique<fakes::VersionedStore>(std::chrono::hours(1));
}

INSTANTIATE_TEST_SUITE_P(Decorators, BackendContract,
                         testing::Values(Place{"Limit", MakeLimit}, Place{"Retry", MakeRetry},
                                         Place{"Trace", MakeTrace}, Place{"Stack", MakeStack},
                                         Place{"Faultless", MakeFaultless},
                                         Place{"VersionedStore", MakeVersionedStore}),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace holdfast::storage
