#include "tests/contract/fake_gcs.h"

#include <fmt/format.h>

#include "tests/contract/backend_contract.h"
#include "tests/fakes/free_port.h"

namespace holdfast::storage {
namespace {

constexpr const char* kBucket = "backups";

}  // namespace

Result<FakeGcs*> FakeGcs::Shared() {
  static FakeGcs server;
  if (server.process_.IsRunning()) return &server;
  TRY_VOID(server.Start());
  return &server;
}

Result<void> FakeGcs::Start() {
  TRY(const std::string binary, BinaryPath("HOLDFAST_FAKE_GCS", "fake-gcs-server"));
  const std::string port = std::to_string(fakes::FreePort());
  endpoint_ = "http://127.0.0.1:" + port;
  return process_.Start({binary, "-scheme", "http", "-host", "127.0.0.1", "-port", port, "-backend",
                         "memory", "-public-host", "127.0.0.1:" + port, "-log-level", "error"},
                        FreshFolder() + "/log", [this] { return MakeBucket(); });
}

Result<void> FakeGcs::MakeBucket() {
  const std::string body = fmt::format("{{\"name\":\"{}\"}}", kBucket);
  HttpRequest request{"POST",
                      endpoint_ + "/storage/v1/b?project=tests",
                      {{"content-type", "application/json"}},
                      AsBytes(body),
                      kErrorBodyLimit};
  TRY(const HttpResponse response, Http({}).Send(request, {}));
  if (response.IsSuccess() || response.status == 409) return {};
  return Fail(Code::kUnavailable,
              fmt::format("making the bucket: {} {}", response.status, AsText(response.body)));
}

GcsOptions FakeGcs::FreshOptions() {
  GcsOptions options;
  options.address = {endpoint_, kBucket, fmt::format("prefix with+odd/characters/{}", ++prefixes_)};
  options.tokens = FixedToken("");
  return options;
}

}  // namespace holdfast::storage
