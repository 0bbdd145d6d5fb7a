#include "operator/options.h"

#include <algorithm>
#include <cctype>
#include <map>

#include <CLI/CLI.hpp>

namespace holdfast::op {
namespace {

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
  Add(app, "--namespace", options.ns, "watch only this namespace");
  Add(app, "--cluster-name", options.cluster_name,
      "this cluster's name, the hostname of every snapshot")
      ->required();
  Add(app, "--mover-image", options.mover_image, "image of the mover's Jobs")->required();
  Add(app, "--mover-image-pull-policy", options.mover_image_pull_policy, "of the mover's Jobs")
      ->check(CLI::IsMember({"Always", "IfNotPresent", "Never"}));
  Add(app, "--metrics-address", options.metrics_address, "where /metrics is served; empty for not");
  Add(app, "--health-address", options.health_address, "where /healthz and /readyz are served");
  app.add_flag("--leader-elect", options.leader_elect, "work only while holding the lease")
      ->envname(EnvironmentName("--leader-elect"));
  Add(app, "--lease-name", options.lease_name, "name of the lease");
  app.add_option("--lease-namespace", options.lease_namespace, "namespace of the lease")
      ->envname("POD_NAMESPACE");
  app.add_option("--identity", options.identity, "this process's name in the lease")
      ->envname("POD_NAME");
  Add(app, "--workers", options.workers, "objects of one kind reconciled at once")
      ->check(CLI::Range(1, 64));
  Add(app, "--log-level", options.log_level, "debug, info, warning or error");
  app.add_option("--log-format", options.log_format, "text or json")
      ->envname(EnvironmentName("--log-format"))
      ->transform(CLI::CheckedTransformer(kFormats));
}

}  // namespace

Result<Options> ParseOptions(int argc, const char* const* argv) {
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
  return options;
}

}  // namespace holdfast::op
