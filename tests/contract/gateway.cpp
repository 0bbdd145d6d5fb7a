#include "tests/contract/gateway.h"

#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/contract/backend_contract.h"

namespace holdfast::storage {
namespace {

constexpr const char* kBucket = "backups";
constexpr const char* kAccessKey = "holdfasttest";
constexpr const char* kSecretKey = "a secret of tests";

// The child dies with this program, however that ends.
pid_t Spawn(const std::vector<std::string>& command, const std::string& log_file) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

int FreePort() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ::bind(listener, reinterpret_cast<sockaddr*>(&address), length);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  ::close(listener);
  return ntohs(address.sin_port);
}

Result<std::string> BinaryPath() {
  if (const char* path = std::getenv("HOLDFAST_VERSITYGW"); path != nullptr) return path;
  return Fail(
      Code::kInvalid,
      "HOLDFAST_VERSITYGW must name a versitygw binary for the S3 tests; make test sets it");
}

}  // namespace

Result<void> RunProgram(const std::vector<std::string>& command) {
  const pid_t pid = Spawn(command, "/dev/null");
  int status = 0;
  if (pid > 0 && ::waitpid(pid, &status, 0) == pid && status == 0) return {};
  return Fail(Code::kInternal, command.front() + " failed");
}

Result<Gateway*> Gateway::Shared(Transport transport) {
  static Gateway plain(Transport::kPlain);
  static Gateway tls(Transport::kTls);
  Gateway& gateway = transport == Transport::kTls ? tls : plain;
  if (gateway.pid_ > 0) return &gateway;
  TRY(const std::string binary, BinaryPath());
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
  port_ = FreePort();
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
  command.insert(command.end(), {"posix", "--sidecar", folder_ + "/meta", folder_ + "/store"});
  pid_ = Spawn(command, folder_ + "/log");
  return AwaitAnswer();
}

Result<void> Gateway::AwaitAnswer() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  const SystemClock clock;
  S3 s3(FreshOptions(), clock);
  while (true) {
    const Result<FileInfo> info = s3.Stat({FileType::kConfig, ""}, {});
    if (info || info.error().code == Code::kNotFound) return {};
    const bool dead = ::waitpid(pid_, nullptr, WNOHANG) == pid_;
    if (dead) pid_ = -1;
    if (dead || std::chrono::steady_clock::now() > deadline)
      return Fail(Code::kUnavailable, "versitygw does not serve: " + info.error().message);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

Gateway::~Gateway() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

S3Options Gateway::FreshOptions() {
  S3Options options;
  const bool tls = transport_ == Transport::kTls;
  options.endpoint = fmt::format("{}://127.0.0.1:{}", tls ? "https" : "http", port_);
  options.bucket = kBucket;
  options.prefix = fmt::format("prefix with+odd/characters/{}", ++prefixes_);
  options.credentials = {kAccessKey, kSecretKey, ""};
  if (tls) options.http.ca_file = folder_ + "/cert.pem";
  return options;
}

S3Options Gateway::FreshVirtualHostOptions() {
  S3Options options = FreshOptions();
  options.endpoint = fmt::format("http://localhost:{}", port_);
  options.virtual_host_style = true;
  return options;
}

}  // namespace holdfast::storage
