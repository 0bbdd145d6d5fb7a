#include "operator/options.h"

#include <algorithm>
#include <cctype>
#include <map>

#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "base/command_line.h"

namespace holdfast::op {
namespace {

constexpr std::chrono::minutes kShortestProbePeriod{1};

std::string EnvironmentName(const std::string& option) {
  std::string name = "HOLDFAST_" + option.substr(2);
  std::replace(name.begin(), name.end(), '-', '_');
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

template <typename T>
CLI::Option* Add(CLI::App& app, const std::string& name, T& value, const std::string& meaning) {
  return app.add_option(name, value, meaning)
      ->envname(EnvironmentName(name))
      ->capture_default_str();
}

void Declare(CLI::App& app, Options& options) {
  static const std::map<std::string, LogFormat> kFormats = {{"text", LogFormat::kText},
                                                            {"json", LogFormat::kJson}};
  Add(app, "--kubeconfig", options.kubeconfig,
      "kubeconfig file; without it the pod's service account, then kubectl's default");
  Add(app, "--context", options.context, "context in the kubeconfig");
  app.add_option("--namespace", options.namespaces,
                 "watch only this namespace; several with commas, or the option again")
      ->envname(EnvironmentName("--namespace"))
      ->delimiter(',');
  Add(app, "--cluster-name", options.cluster_name,
      "this cluster's name, the hostname of every snapshot")
      ->required();
  Add(app, "--mover-image", options.mover_image, "image of the mover's Jobs")->required();
  Add(app, "--mover-image-pull-policy", options.mover_image_pull_policy, "of the mover's Jobs")
      ->check(CLI::IsMember({"Always", "IfNotPresent", "Never"}));
  Add(app, "--metrics-address", options.metrics_address,
      "where /metrics is served; \"\" for nowhere");
  Add(app, "--metrics-tls-cert", options.metrics_tls_cert,
      "PEM file with the certificate and its chain for /metrics; read again when it changes");
  Add(app, "--metrics-tls-key", options.metrics_tls_key, "PEM file with the certificate's key");
  app.add_flag("--metrics-auth", options.metrics_auth,
               "let only those read /metrics whose token the API server lets get it")
      ->envname(EnvironmentName("--metrics-auth"));
  Add(app, "--health-address", options.health_address, "where /healthz and /readyz are served");
  app.add_flag("--believe-requested-by", options.believe_requested_by,
               "an admission policy holds the annotation holdfast.dev/requested-by true: audit it")
      ->envname(EnvironmentName("--believe-requested-by"));
  app.add_flag("--hooks", options.hooks,
               "run the commands of policies' hooks in pods; needs the right to create pods/exec")
      ->envname(EnvironmentName("--hooks"));
  app.add_flag("--dumps", options.dumps,
               "run the commands of policies' dumps, in images that the policies name")
      ->envname(EnvironmentName("--dumps"));
  app.add_flag("--manifests-secrets", options.manifests_secrets,
               "let policies keep Secrets beside the workload's manifests")
      ->envname(EnvironmentName("--manifests-secrets"));
  app.add_flag(
         "--populator", options.populator,
         "fill claims whose dataSourceRef names a Backup or Restore; needs the right to watch "
         "claims and to patch PersistentVolumes")
      ->envname(EnvironmentName("--populator"));
  Add(app, "--gateway-url", options.gateway_url,
      "where the gateway serves repositories that are shared; empty for none");
  Add(app, "--gateway-definition", options.gateway_definition,
      "namespace/name of the BackupRepository that it serves");
  Add(app, "--gateway-ca-file", options.gateway_ca_file,
      "PEM file with the authority of its certificate, which movers get too");
  Add(app, "--gateway-token-file", options.gateway_token_file,
      "file with a token of ours for the gateway, to remove snapshots with");
  app.add_flag("--leader-elect", options.leader_elect, "work only while holding the lease")
      ->envname(EnvironmentName("--leader-elect"));
  Add(app, "--lease-name", options.lease_name, "name of the lease");
  app.add_option("--lease-namespace", options.lease_namespace, "namespace of the lease")
      ->envname("POD_NAMESPACE");
  app.add_option("--identity", options.identity, "this process's name in the lease")
      ->envname("POD_NAME");
  Add(app, "--workers", options.workers, "objects of one kind reconciled at once")
      ->check(CLI::Range(1, 64));
  app.add_option_function<std::string>(
         "--probe-period",
         [&options](const std::string& text) {
           const auto period = ParseDuration(text);
           if (!period || *period < kShortestProbePeriod)
             throw CLI::ValidationError("--probe-period",
                                        "write a duration of a minute or more, like 10m");
           options.probe_period = *period;
         },
         "between two looks into a healthy repository, each of which is a Job [10m]")
      ->envname(EnvironmentName("--probe-period"));
  Add(app, "--api-qps", options.api_qps, "requests to the API server in a second, at most")
      ->check(CLI::Range(1, 10000));
  Add(app, "--api-burst", options.api_burst, "so many of them at once after a quiet time")
      ->check(CLI::Range(1, 10000));
  Add(app, "--log-level", options.log_level,
      "debug, info, warning or error; components may differ: info,backup=debug");
  Add(app, "--log-levels-file", options.log_levels_file,
      "file with what --log-level takes, which it replaces; read again when it changes");
  app.add_option("--log-format", options.log_format, "text or json")
      ->envname(EnvironmentName("--log-format"))
      ->transform(CLI::CheckedTransformer(kFormats));
}

Result<void> Check(const Options& options) {
  if (options.metrics_tls_cert.empty() != options.metrics_tls_key.empty())
    return Fail(Code::kInvalid, "--metrics-tls-cert and --metrics-tls-key need each other");
  if (options.metrics_auth && options.metrics_tls_cert.empty())
    return Fail(Code::kInvalid,
                "--metrics-auth needs --metrics-tls-cert: tokens are not sent in the clear");
  const bool gateway = !options.gateway_url.empty();
  for (const std::string* option :
       {&options.gateway_definition, &options.gateway_ca_file, &options.gateway_token_file})
    if (option->empty() == gateway)
      return Fail(Code::kInvalid,
                  "--gateway-url, --gateway-definition, --gateway-ca-file and "
                  "--gateway-token-file need each other");
  if (gateway && options.gateway_definition.find('/') == std::string::npos)
    return Fail(Code::kInvalid, "--gateway-definition is written namespace/name");
  return {};
}

}  // namespace

Result<Options> ParseOptions(int argc, const char* const* argv) {
  TRY_VOID(CheckOptionValues({argv + std::min(argc, 1), argv + argc}));
  Options options;
  CLI::App app("Backs up the volumes of StatefulSets to object storage.", "holdfast-operator");
  app.set_version_flag("--version", std::string("holdfast-operator ") + HOLDFAST_VERSION);
  Declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    options.print_only = app.help();
  } catch (const CLI::CallForVersion& e) {
    options.print_only = std::string(e.what()) + "\n";
  } catch (const CLI::ParseError& e) {
    return Fail(Code::kInvalid, e.what());
  }
  if (options.print_only.empty()) TRY_VOID(Check(options));
  return options;
}

}  // namespace holdfast::op
