#include "jobs/storage/memory.h"
#include "tests/contract/backend_contract.h"

namespace holdfast::storage {

INSTANTIATE_TEST_SUITE_P(Memory, BackendContract,
                         testing::Values(Place{"Memory",
                                               [] { return std::make_unique<Memory>(); }}));

}  // namespace holdfast::storage
