#include "tests/contract/azurite.h"

#include <fmt/format.h>

#include "jobs/storage/azure_signing.h"
#include "jobs/storage/encoding.h"
#include "tests/contract/backend_contract.h"
#include "tests/fakes/free_port.h"

namespace holdfast::storage {
namespace {

constexpr const char* kContainer = "backups";
// The account that every azurite has (its README).
constexpr const char* kAccount = "devstoreaccount1";
constexpr const char* kKey =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

}  // namespace

Result<Azurite*> Azurite::Shared() {
  static Azurite azurite;
  if (azurite.process_.IsRunning()) return &azurite;
  TRY_VOID(azurite.Start());
  return &azurite;
}

Result<void> Azurite::Start() {
  TRY(const std::string binary, BinaryPath("HOLDFAST_AZURITE", "azurite-blob"));
  const std::string port = std::to_string(fakes::FreePort());
  endpoint_ = "http://127.0.0.1:" + port;
  return process_.Start({binary, "--blobHost", "127.0.0.1", "--blobPort", port,
                         "--inMemoryPersistence", "--disableTelemetry", "--silent"},
                        FreshFolder() + "/log", [this] { return MakeContainer(); });
}

// The mover makes no containers, so that its signing is used by hand.
Result<void> Azurite::MakeContainer() {
  AzureRequest request{.method = "PUT",
                       .path = fmt::format("/{}/{}", kAccount, kContainer),
                       .query = {{"restype", "container"}},
                       .headers = {{"x-ms-version", "2020-10-02"}, {"content-type", "text/plain"}}};
  TRY(const Bytes key, FromBase64(kKey));
  SignAzure(request, kAccount, key, SystemClock().Now());
  HttpRequest http{
      "PUT", endpoint_ + request.path + "?restype=container", request.headers, {}, kErrorBodyLimit};
  TRY(const HttpResponse response, Http({}).Send(http, {}));
  if (response.status == 201 || response.status == 409) return {};
  return Fail(Code::kUnavailable,
              fmt::format("making the container: {} {}", response.status, AsText(response.body)));
}

AzureOptions Azurite::FreshOptions() {
  AzureOptions options;
  options.account = kAccount;
  options.account_path = fmt::format("/{}", kAccount);
  options.address = {endpoint_, kContainer,
                     fmt::format("prefix with+odd/characters/{}", ++prefixes_)};
  options.location = fmt::format("azure:{}{}/{}/{}", endpoint_, options.account_path, kContainer,
                                 options.address.prefix);
  options.credentials.key = FromBase64(kKey).value();
  return options;
}

}  // namespace holdfast::storage
