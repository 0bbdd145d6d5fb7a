// The XML of Azure Blob Storage that the mover reads and writes.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "jobs/storage/object_store.h"

namespace holdfast::storage {

struct AzureErrorBody {
  std::string code;
  std::string message;
};
// Empty when the body is something else.
AzureErrorBody ParseAzureError(ByteView body);

// One page of List Blobs. Unavailable for anything else.
Result<ListingPage> ParseAzureListing(ByteView body);

// The body of Put Block List.
std::string BlockListXml(const std::vector<std::string>& block_ids);

}  // namespace holdfast::storage
