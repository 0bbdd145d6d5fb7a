// A scripted server and an S3 backend that talks to it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "jobs/storage/s3.h"
#include "tests/contract/backend_contract.h"
#include "tests/contract/scripted_server.h"

namespace holdfast::storage {

class FixedClock final : public Clock {
 public:
  TimePoint Now() const override { return ParseTime("2026-08-01T12:00:00Z").value(); }
};

inline const FixedClock kClock;
inline const Handle kConfig{FileType::kConfig, ""};
inline const Handle kPack{FileType::kPack, ObjectName(1)};

inline S3Options OptionsFor(const std::string& endpoint) {
  S3Options options;
  options.address = {endpoint, "bucket", ""};
  options.credentials = FixedCredentials({"key", "secret", ""});
  options.http.stall_timeout = std::chrono::seconds(1);
  return options;
}

struct Scene {
  explicit Scene(std::vector<Answer> script)
      : server(std::move(script)), s3(OptionsFor(server.endpoint()), kClock) {}

  Code CodeOfLoad(std::uint64_t offset = 0, std::uint64_t length = 0) {
    const Result<Bytes> loaded = s3.Load(kPack, offset, length, {});
    return loaded ? Code::kGone : loaded.error().code;
  }

  ScriptedServer server;
  S3 s3;
};

}  // namespace holdfast::storage
