#include "jobs/storage/local.h"
#include "tests/contract/backend_contract.h"

namespace holdfast::storage {

INSTANTIATE_TEST_SUITE_P(Local, BackendContract,
                         testing::Values(Place{"Local", [] {
                                                 return std::make_unique<Local>(FreshFolder() +
                                                                                "/repository");
                                               }}));

}  // namespace holdfast::storage
