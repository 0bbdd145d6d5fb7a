// The API server's refusals (metav1.Status objects) as Errors.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "operator/kube/transport.h"

namespace holdfast::kube {

// For a response that is not 2xx. The codes are api.h's.
Error ErrorFromResponse(const Response& response);

// For a Status object that came as a watch's ERROR event.
Error ErrorFromStatus(const Json& status);

}  // namespace holdfast::kube
