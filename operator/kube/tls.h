// TLS towards the API server, for every client library that speaks to it through a context of
// Boost.Asio's.
#pragma once

#include "base/error.h"
#include "operator/kube/config.h"

namespace boost::asio::ssl {
class context;
}

namespace holdfast::kube {

// Gives `context` what the config has: only its CA is trusted when there is one, its client
// certificate is shown. Whether the peer's name is right is for the caller to verify. Invalid for
// certificates or keys that cannot be read.
Result<void> SetUpTls(const ClientConfig& config, boost::asio::ssl::context& context);

// What SetUpTls would say.
Result<void> CheckTls(const ClientConfig& config);

}  // namespace holdfast::kube
