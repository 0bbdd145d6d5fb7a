// The operator's process: the only place that makes real clients, clocks and leases.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <thread>

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/http/server.h"
#include "base/log.h"
#include "controllers/audit.h"
#include "controllers/hooks/runner.h"
#include "controllers/metrics/expose.h"
#include "controllers/setup.h"
#include "operator/access_review.h"
#include "operator/definitions.h"
#include "operator/kube/api.h"
#include "operator/kube/config.h"
#include "operator/kube/events.h"
#include "operator/kube/exec.h"
#include "operator/kube/lease.h"
#include "operator/kube/rate_limit.h"
#include "operator/log_levels.h"
#include "operator/manager.h"
#include "operator/metrics.h"
#include "operator/options.h"
#include "operator/pem_file.h"

namespace holdfast::op {
namespace {

// Many threads that mostly wait: glibc's arena for each of them would cost more than the caches do,
// and what a big list needed for a moment is given back.
void KeepMemorySmall() {
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_MMAP_THRESHOLD, 64 * 1024);
  ::mallopt(M_TRIM_THRESHOLD, 128 * 1024);
}

// Signals are taken by AwaitSignal only. Call before any thread starts.
sigset_t BlockSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

Result<kube::ClientConfig> FindCluster(const Options& options) {
  if (options.kubeconfig.empty() && options.context.empty()) {
    Result<kube::ClientConfig> in_cluster = kube::InClusterConfig();
    if (in_cluster || !IsAbsent(in_cluster.error())) return in_cluster;
  }
  return kube::LoadKubeconfig(options.kubeconfig, options.context);
}

// Two processes never share an identity, not even a pod's container and its successor.
std::string Identity(const Options& options) {
  std::string name = options.identity;
  if (name.empty()) {
    char host[256] = "";
    ::gethostname(host, sizeof(host) - 1);
    name = host;
  }
  return fmt::format("{}_{:08x}", name, std::random_device()());
}

kube::LeaseOptions LeaseFor(const Options& options, const kube::ClientConfig& config) {
  kube::LeaseOptions lease;
  lease.key.name = options.lease_name;
  lease.key.ns =
      options.lease_namespace.empty() ? config.default_namespace : options.lease_namespace;
  if (lease.key.ns.empty()) lease.key.ns = "default";
  lease.identity = Identity(options);
  return lease;
}

http::Answer OkUnless(const std::string& problem) {
  return problem.empty() ? http::Answer{200, "ok\n"} : http::Answer{503, problem};
}

// The objects' metrics come from the process that leads, so that there is one series for each.
http::Answer Exposition(Metrics& metrics, const Manager& manager,
                        const controllers::Context& context) {
  http::Answer answer{200, metrics.Text(), "text/plain; version=0.0.4; charset=utf-8"};
  if (manager.Leads())
    answer.next_piece = controllers::metrics::Expose(context.caches, context.clock.Now());
  return answer;
}

http::Endpoint MetricsEndpoint(const Options& options, Metrics& metrics, const Manager& manager,
                               const controllers::Context& context, AccessReview& review) {
  http::Endpoint endpoint{options.metrics_address, std::nullopt, {}};
  if (!options.metrics_tls_cert.empty())
    endpoint.tls = http::TlsFiles{options.metrics_tls_cert, options.metrics_tls_key};
  endpoint.handlers["/metrics"] = [&, authenticate = options.metrics_auth](
                                      const http::Request& request, std::stop_token stop) {
    if (authenticate)
      if (auto refusal = review.Refusal(request, stop)) return *refusal;
    return Exposition(metrics, manager, context);
  };
  return endpoint;
}

http::Endpoint HealthEndpoint(const Options& options, const Manager& manager,
                              const Definitions& definitions) {
  http::Endpoint endpoint{options.health_address, std::nullopt, {}};
  endpoint.handlers["/healthz"] = [&manager](const http::Request&, std::stop_token) {
    return OkUnless(manager.NotHealthy());
  };
  endpoint.handlers["/readyz"] = [&](const http::Request&, std::stop_token) {
    http::Answer answer = OkUnless(manager.NotReady());
    if (answer.status == 200) answer.body += definitions.Note();
    return answer;
  };
  return endpoint;
}

Result<kube::ClientConfig> GatewayConfig(const Options& options) {
  kube::ClientConfig config;
  config.server = options.gateway_url;
  TRY(config.ca_pem, ReadPem(options.gateway_ca_file));
  config.token_file = options.gateway_token_file;
  config.files = {options.gateway_ca_file};
  return config;
}

// What movers are told of the gateway.
Result<controllers::GatewaySettings> GatewayFrom(const Options& options) {
  controllers::GatewaySettings gateway;
  if (options.gateway_url.empty()) return gateway;
  gateway.url = options.gateway_url;
  while (gateway.url.ends_with('/')) gateway.url.pop_back();
  TRY(std::string pem, ReadPem(options.gateway_ca_file));
  const auto ca = std::make_shared<PemFile>(options.gateway_ca_file, std::move(pem));
  gateway.ca_pem = [ca] { return ca->Read(); };
  const std::size_t slash = options.gateway_definition.find('/');
  gateway.definition_namespace = options.gateway_definition.substr(0, slash);
  gateway.definition = options.gateway_definition.substr(slash + 1);
  return gateway;
}

controllers::Settings SettingsFrom(const Options& options) {
  controllers::Settings settings;
  settings.cluster_name = options.cluster_name;
  settings.mover_image = options.mover_image;
  settings.mover_image_pull_policy = options.mover_image_pull_policy;
  settings.believe_requested_by = options.believe_requested_by;
  settings.hooks_enabled = options.hooks;
  settings.dumps_enabled = options.dumps;
  settings.secrets_enabled = options.manifests_secrets;
  settings.populator_enabled = options.populator;
  settings.probe_period = options.probe_period;
  return settings;
}

// The API does not tell who deleted an object, but that it is gone belongs into the audit trail.
void AuditDeletions(const Manager& manager, kube::InformerBase& informer) {
  if (informer.resource().group != crds::kGroup) return;
  informer.OnGone([&manager, &informer](const kube::ObjectKey& key) {
    if (manager.Leads())
      controllers::Audit("object.gone", "an object was deleted", {informer.resource(), key, ""},
                         {});
  });
}

void Add(Manager& manager, const controllers::Setup& setup, int workers) {
  for (kube::InformerBase* informer : setup.informers()) {
    manager.AddInformer(*informer);
    AuditDeletions(manager, *informer);
  }
  for (const auto& reconciler : setup.reconcilers()) manager.AddController(*reconciler, workers);
  for (const controllers::Trigger& trigger : setup.triggers())
    manager.Watch(*trigger.informer, trigger.reconciler, trigger.concerned);
}

// Works until stopped. Unavailable when the lease was lost: what runs could be done twice, so the
// process is to end and start afresh.
Result<void> Work(const Options& options, const kube::Api& api, const Clock& clock,
                  const kube::LeaseOptions& lease, kube::WriteFence& fence, Manager& manager,
                  std::stop_token stop) {
  if (!options.leader_elect) {
    fence.OpenUntil(kube::WriteFence::Timer::time_point::max());
    manager.RunControllers(stop);
    return {};
  }
  return kube::RunAsLeader(
      api, clock, lease, fence,
      [&manager](std::stop_token leading) { manager.RunControllers(leading); }, stop);
}

// Runs Work and the informers until a signal comes or Work ends by itself.
Result<void> RunUntilSignal(const sigset_t& signals, Manager& manager,
                            const std::function<Result<void>(std::stop_token)>& work) {
  std::stop_source stop;
  Result<void> result;
  {
    std::jthread informers([&] { manager.RunInformers(stop.get_token()); });
    std::jthread worker([&] {
      result = work(stop.get_token());
      ::kill(::getpid(), SIGTERM);  // wakes the wait below
    });
    int signal = 0;
    sigwait(&signals, &signal);
    Log(spdlog::level::info, "operator", "stopping");
    stop.request_stop();
  }
  return result;
}

// cpprestsdk reads and parses the system's CA bundle anew for every connection: 10 ms on its only
// network thread and a megabyte each. Where the cluster names its own CA, nothing looks there.
void SkipSystemCertificates(const kube::ClientConfig& config) {
  if (!config.ca_pem.empty()) ::setenv("SSL_CERT_FILE", "/dev/null", 1);
}

Result<void> Run(const Options& options, const sigset_t& signals) {
  TRY(const kube::ClientConfig config, FindCluster(options));
  SkipSystemCertificates(config);
  TRY(const auto network,
      kube::MakeReloadingTransport([&options] { return FindCluster(options); }));
  Metrics metrics;
  CountingTransport counted(*network, metrics);
  kube::RateLimitedTransport limited(counted, options.api_qps, options.api_burst);
  kube::WriteFence fence(limited);
  const kube::Api api(fence);
  // What a process that does not lead may write; the lease is not to wait behind the work that it
  // is for.
  const kube::Api unfenced(counted);
  const SystemClock clock;
  const kube::LeaseOptions lease = LeaseFor(options, config);
  const auto events = kube::MakeEventRecorder(api, clock, {"holdfast", lease.identity});

  controllers::Settings settings = SettingsFrom(options);
  TRY(settings.gateway, GatewayFrom(options));
  std::unique_ptr<kube::Transport> gateway;
  if (!options.gateway_url.empty()) {
    TRY(gateway, kube::MakeReloadingTransport([&options] { return GatewayConfig(options); }));
  }
  const auto network_executor = kube::MakeExecutor([&options] { return FindCluster(options); });
  kube::FencedExecutor executor(*network_executor, fence);
  controllers::hooks::Runner hooks(api, executor, clock);
  const controllers::Setup setup(api, clock, *events, settings, hooks, options.namespaces,
                                 gateway.get());
  Manager manager(metrics, clock);
  hooks.OnEnded([&manager](const controllers::hooks::Owner& owner) {
    manager.Requeue(owner.controller, owner.key);
  });

  Add(manager, setup, options.workers);
  Definitions definitions(api, setup.informers());
  manager.AddCheck([&definitions] { return definitions.Problem(); });
  AccessReview review(unfenced, clock);
  TRY(const auto server,
      http::Server::Start({MetricsEndpoint(options, metrics, manager, setup.context(), review),
                           HealthEndpoint(options, manager, definitions)}));
  Log(spdlog::level::info, "operator", "started",
      {{"version", HOLDFAST_VERSION}, {"server", config.server}});
  const std::jthread comparing([&](std::stop_token stop) { definitions.Run(stop); });
  const Result<void> done = RunUntilSignal(signals, manager, [&](std::stop_token stop) {
    return Work(options, unfenced, clock, lease, fence, manager, stop);
  });
  hooks.Stop();  // it calls the manager
  return done;
}

int Main(int argc, char** argv) {
  KeepMemorySmall();
  const Result<Options> options = ParseOptions(argc, argv);
  if (!options) {
    std::fprintf(stderr, "holdfast-operator: %s\n", options.error().message.c_str());
    return 2;
  }
  if (!options->print_only.empty()) {
    std::fputs(options->print_only.c_str(), stdout);
    return 0;
  }
  const sigset_t signals = BlockSignals();
  if (const Result<void> done = SetUpLogging(options->log_format, options->log_level); !done) {
    std::fprintf(stderr, "holdfast-operator: %s\n", done.error().message.c_str());
    return 2;
  }
  std::optional<LogLevelsFile> levels;
  if (!options->log_levels_file.empty())
    levels.emplace(options->log_levels_file, std::chrono::seconds(2));
  const Result<void> done = Run(*options, signals);
  if (done) return 0;
  Log(spdlog::level::err, "operator", done.error().message);
  return 1;
}

}  // namespace
}  // namespace holdfast::op

int main(int argc, char** argv) { return holdfast::op::Main(argc, argv); }
