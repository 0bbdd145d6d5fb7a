#include "jobs/gateway/serve.h"

#include <algorithm>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/command_line.h"
#include "base/http/server.h"
#include "base/log.h"
#include "base/quantity.h"
#include "jobs/gateway/cluster.h"
#include "jobs/gateway/doorman.h"
#include "jobs/gateway/gateway.h"
#include "jobs/gateway/prune.h"
#include "jobs/storage/open.h"
#include "jobs/storage/retry.h"
#include "jobs/storage/text_file.h"

namespace holdfast::gateway {
namespace {

using Environment = std::function<std::string(const char*)>;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
// Each waits for the store for most of its time.
constexpr int kThreads = 16;
constexpr int kMostConnections = 1024;
// A mover gives a silent connection up after a minute, and tries again by itself.
constexpr std::chrono::seconds kRetryFor{20};
// For movers under way; the next run is tomorrow.
constexpr std::chrono::minutes kLockWait{30};
// HKDF makes no more of it than there is.
constexpr std::size_t kShortestSecret = 32;

struct Options {
  std::string definition;  // "namespace/name"
  std::string master_secret_file;
  std::string ns;  // of password

  std::string listen = ":8443";
  std::string health = ":8081";
  std::string tls_cert, tls_key;
  std::string remover;
  std::string memory = "256Mi";
  std::string ca_file;  // the store's
  std::string service_account = "/var/run/secrets/kubernetes.io/serviceaccount";
  std::string log_format = "json";

  std::string max_unused = "5%", max_repack, holder;  // of prune-shared
};

void AddShared(CLI::App& verb, Options& options) {
  verb.add_option("--definition", options.definition,
                  "The BackupRepository that is shared: namespace/name")
      ->required();
  verb.add_option("--master-secret-file", options.master_secret_file,
                  "File with the secret that all passwords are derived from")
      ->required();
}

// What works in the cluster, with the store's keys.
void AddStore(CLI::App& verb, Options& options) {
  verb.add_option("--ca-file", options.ca_file,
                  "PEM bundle of authorities to trust for the store instead of the system's");
  verb.add_option("--service-account", options.service_account,
                  "Folder with token and ca.crt for the API server");
  verb.add_option("--log-format", options.log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
}

void AddPrune(CLI::App& app, Options& options) {
  CLI::App& verb = *app.add_subcommand(
      "prune-shared", "Prune the repository of each namespace that the definition is shared with");
  AddShared(verb, options);
  AddStore(verb, options);
  verb.add_option("--max-unused", options.max_unused,
                  "How much may stay unused: 5% of the repository, a size, or unlimited");
  verb.add_option("--max-repack", options.max_repack,
                  "Move at most this much into new packs in each; the next run goes on");
  verb.add_option("--holder", options.holder, "Name in our locks instead of this machine's");
}

void AddServe(CLI::App& app, Options& options) {
  CLI::App& verb = *app.add_subcommand(
      "serve", "Serve a repository for each namespace that the definition is shared with");
  AddShared(verb, options);
  AddStore(verb, options);
  verb.add_option("--listen", options.listen, "Where to serve: host:port or :port");
  verb.add_option("--health-address", options.health, "Where /healthz is served; \"\" for nowhere");
  verb.add_option("--tls-cert", options.tls_cert, "PEM file with the certificate and its chain")
      ->required();
  verb.add_option("--tls-key", options.tls_key, "PEM file with its key")->required();
  verb.add_option("--remover", options.remover,
                  "The user that alone may remove what is no lock: "
                  "system:serviceaccount:NAMESPACE:NAME");
  verb.add_option("--memory", options.memory, "What requests under way may take, like 256Mi");
}

void AddPassword(CLI::App& app, Options& options) {
  CLI::App& verb =
      *app.add_subcommand("password", "Print the password of a namespace's repository");
  AddShared(verb, options);
  verb.add_option("--namespace", options.ns, "The namespace")->required();
}

Result<std::string> MasterSecret(const std::string& file) {
  TRY(std::string secret, storage::ReadTextFile(file));
  while (secret.ends_with('\n')) secret.pop_back();
  if (secret.size() < kShortestSecret)
    return Fail(Code::kInvalid, fmt::format("{}: a secret that opens all repositories must have {} "
                                            "characters or more",
                                            file, kShortestSecret));
  return secret;
}

Result<ApiServer> FindApiServer(const Options& options, const Environment& environment) {
  std::string host = environment("KUBERNETES_SERVICE_HOST");
  if (host.empty()) return Fail(Code::kInvalid, "serve runs in a cluster: there is no API server");
  if (host.find(':') != host.npos) host = fmt::format("[{}]", host);
  return ApiServer{fmt::format("https://{}:{}", host, environment("KUBERNETES_SERVICE_PORT")),
                   options.service_account + "/ca.crt", options.service_account + "/token"};
}

// The store's keys and what the definition says of it.
std::function<storage::OpenOptions(const Definition&)> StoreBy(const Options& options,
                                                               const Environment& environment) {
  storage::OpenOptions store;
  storage::ReadEnvironment(environment, store);
  store.ca_file = options.ca_file;
  return [store](const Definition& definition) {
    storage::OpenOptions one = store;
    if (!definition.region.empty()) one.s3_region = definition.region;
    one.s3_virtual_host_style = definition.virtual_host_style;
    return one;
  };
}

Gateway::Open OpenBy(const Options& options, const Environment& environment) {
  return [store = StoreBy(options, environment)](
             const Definition& definition,
             const std::string& ns) -> Result<std::shared_ptr<storage::Backend>> {
    TRY(auto place, storage::Open(LocationFor(definition, ns), store(definition)));
    return std::make_shared<storage::Retry>(std::move(place),
                                            storage::RetryOptions{.total = kRetryFor});
  };
}

http::Service ServiceOf(Gateway& gateway, std::uint64_t memory) {
  http::Service service;
  service.handle = [&](const http::Request& request, std::stop_token stop) {
    return gateway.Handle(request, std::move(stop));
  };
  service.refusal = [&](const http::Request& request, std::stop_token stop) {
    return gateway.Refusal(request, std::move(stop));
  };
  service.max_body = kMaxObject;
  service.memory = memory;
  service.piece = kPiece;
  service.max_connections = kMostConnections;
  return service;
}

void AwaitStop(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stop, [] { return false; });
}

Result<std::unique_ptr<Cluster>> ClusterOf(const Options& options, const Environment& environment) {
  const std::size_t slash = options.definition.find('/');
  if (slash == options.definition.npos)
    return Fail(Code::kInvalid, "--definition is NAMESPACE/NAME");
  TRY(ApiServer server, FindApiServer(options, environment));
  return MakeCluster(std::move(server), options.definition.substr(0, slash),
                     options.definition.substr(slash + 1));
}

Result<void> Prune(const Options& options, const Environment& environment,
                   const std::stop_token& stop) {
  TRY(const auto cluster, ClusterOf(options, environment));
  PruneShared work;
  work.definition = options.definition;
  TRY(work.master_secret, MasterSecret(options.master_secret_file));
  TRY(work.prune.max_unused, engine::ParseUnusedLimit(options.max_unused));
  if (!options.max_repack.empty()) {
    TRY(work.prune.max_repack, ParseQuantity(options.max_repack));
  }
  work.session = [&, store = StoreBy(options, environment)](const Definition& definition) {
    engine::SessionOptions session;
    session.storage = store(definition);
    session.lock_wait = kLockWait;
    session.holder = options.holder;
    return session;
  };
  return Run(work, *cluster, stop);
}

Result<void> Serve(const Options& options, const Environment& environment,
                   const std::stop_token& stop) {
  TRY(const std::string secret, MasterSecret(options.master_secret_file));
  TRY(const std::uint64_t memory, ParseQuantity(options.memory));
  TRY(const auto cluster, ClusterOf(options, environment));
  const SystemClock clock;
  Doorman doorman(*cluster, clock, {options.definition, options.remover});
  Gateway gateway(doorman, {options.definition, secret}, OpenBy(options, environment));
  http::Endpoint objects{options.listen, http::TlsFiles{options.tls_cert, options.tls_key}, {}};
  objects.service = ServiceOf(gateway, memory);
  TRY(const auto serving, http::Server::Start({std::move(objects)}, kThreads));
  http::Endpoint health{options.health, std::nullopt, {}};
  health.handlers["/healthz"] = [](const http::Request&, std::stop_token) {
    return http::Answer{200, "ok\n"};
  };
  TRY(const auto healthy, http::Server::Start({std::move(health)}));
  Log(spdlog::level::info, "gateway", "serving",
      {{"address", options.listen}, {"definition", options.definition}});
  AwaitStop(stop);
  return {};
}

Result<void> PrintPassword(const Options& options) {
  TRY(const std::string secret, MasterSecret(options.master_secret_file));
  std::cout << DerivePassword(secret, options.definition, options.ns) << std::endl;
  return {};
}

// CLI11 parses in reverse order and throws; both stay in here.
std::optional<int> Parse(CLI::App& app, std::vector<std::string> arguments) {
  if (const auto checked = CheckOptionValues(arguments); !checked) {
    std::cerr << "holdfast-mover: " << checked.error().message << std::endl;
    return kUsage;
  }
  std::ranges::reverse(arguments);
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    std::cout << app.get_subcommands().front()->help();
    return 0;
  } catch (const CLI::ParseError& e) {
    std::cerr << "holdfast-mover: " << e.what() << "; see --help" << std::endl;
    return kUsage;
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> RunVerb(const std::vector<std::string>& arguments,
                           const Environment& environment, std::stop_token stop) {
  const std::string verb = arguments.empty() ? "" : arguments.front();
  if (verb != "serve" && verb != "prune-shared" && verb != "password") return std::nullopt;
  Options options;
  CLI::App app("The gateway's verbs.", "holdfast-mover");
  app.require_subcommand(1);
  for (const auto add : {AddServe, AddPrune, AddPassword}) add(app, options);
  if (const auto ended = Parse(app, arguments)) return ended;
  const LogFormat format = options.log_format == "json" ? LogFormat::kJson : LogFormat::kText;
  Result<void> done = SetUpLogging(format, "info");
  if (done && verb == "serve") done = Serve(options, environment, stop);
  if (done && verb == "prune-shared") done = Prune(options, environment, stop);
  if (done && verb == "password") done = PrintPassword(options);
  if (done) return 0;
  std::cerr << "holdfast-mover: " << done.error().message << std::endl;
  return done.error().code == Code::kInvalid ? kUsage : kFailed;
}

}  // namespace holdfast::gateway
