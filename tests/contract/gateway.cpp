#include "tests/contract/gateway.h"

#include <filesystem>

#include <fmt/format.h>

#include "tests/contract/backend_contract.h"
#include "tests/fakes/free_port.h"

namespace holdfast::storage {
namespace {

constexpr const char* kBucket = "backups";
constexpr const char* kLockedBucket = "locked";
constexpr const char* kAccessKey = "holdfasttest";
constexpr const char* kSecretKey = "a secret of tests";

}  // namespace

Result<Gateway*> Gateway::Shared(Transport transport) {
  static Gateway plain(Transport::kPlain);
  static Gateway tls(Transport::kTls);
  Gateway& gateway = transport == Transport::kTls ? tls : plain;
  if (gateway.process_.IsRunning()) return &gateway;
  TRY(const std::string binary, BinaryPath("HOLDFAST_VERSITYGW", "versitygw"));
  TRY_VOID(gateway.Start(binary));
  return &gateway;
}

Result<void> Gateway::MakeCertificate() {
  return RunProgram({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                     "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                     "-keyout", folder_ + "/key.pem", "-out", folder_ + "/cert.pem"});
}

Result<void> Gateway::Start(const std::string& binary) {
  folder_ = FreshFolder();
  std::filesystem::create_directories(folder_ + "/store/" + kBucket);
  std::filesystem::create_directories(folder_ + "/meta");
  std::filesystem::create_directories(folder_ + "/versions");
  port_ = fakes::FreePort();
  std::vector<std::string> command = {binary,
                                      "--access",
                                      kAccessKey,
                                      "--secret",
                                      kSecretKey,
                                      "--port",
                                      fmt::format("127.0.0.1:{}", port_),
                                      "--keep-alive"};
  if (transport_ == Transport::kTls) {
    TRY_VOID(MakeCertificate());
    command.insert(command.end(), {"--cert", folder_ + "/cert.pem", "--key", folder_ + "/key.pem"});
  } else {
    command.insert(command.end(), {"--virtual-domain", fmt::format("localhost:{}", port_)});
  }
  command.insert(command.end(), {"posix", "--sidecar", folder_ + "/meta", "--versioning-dir",
                                 folder_ + "/versions", folder_ + "/store"});
  return process_.Start(command, folder_ + "/log", [this] { return Answers(); });
}

Result<void> Gateway::Answers() {
  const SystemClock clock;
  const Result<FileInfo> info = S3(FreshOptions(), clock).Stat({FileType::kConfig, ""}, {});
  if (info || IsAbsent(info.error())) return {};
  return tl::make_unexpected(info.error());
}

S3Options Gateway::FreshOptions() {
  S3Options options;
  const bool tls = transport_ == Transport::kTls;
  options.address.endpoint = fmt::format("{}://127.0.0.1:{}", tls ? "https" : "http", port_);
  options.address.place = kBucket;
  options.address.prefix = fmt::format("prefix with+odd/characters/{}", ++prefixes_);
  options.credentials = FixedCredentials({kAccessKey, kSecretKey, ""});
  if (tls) options.http.ca_file = folder_ + "/cert.pem";
  return options;
}

Result<void> Gateway::MakeLockedBucket() {
  const S3Options options = FreshOptions();
  SignedRequest request{"PUT",
                        HostOf(options.address.endpoint),
                        std::string("/") + kLockedBucket,
                        {},
                        {{"x-amz-bucket-object-lock-enabled", "true"}}};
  TRY(const Credentials keys, options.credentials->Get({}));
  Sign(request, keys, "us-east-1", Sha256({}), SystemClock().Now());
  TRY(const HttpResponse response, Http(options.http)
                                       .Send({"PUT",
                                              options.address.endpoint + request.path,
                                              request.headers,
                                              {},
                                              kErrorBodyLimit,
                                              {}},
                                             {}));
  if (response.IsSuccess()) return {};
  return Fail(Code::kInternal, "the bucket was not made: " + std::string(AsText(response.body)));
}

Result<S3Options> Gateway::FreshLockedOptions(std::chrono::seconds period) {
  if (!locked_bucket_) TRY_VOID(MakeLockedBucket());
  locked_bucket_ = true;
  S3Options options = FreshOptions();
  options.address.place = kLockedBucket;
  options.object_lock = {ObjectLockMode::kGovernance, period};
  return options;
}

S3Options Gateway::FreshVirtualHostOptions() {
  S3Options options = FreshOptions();
  options.address.endpoint = fmt::format("http://localhost:{}", port_);
  options.virtual_host_style = true;
  return options;
}

}  // namespace holdfast::storage
