#include "controllers/dump_container.h"

#include <algorithm>

#include "controllers/container_resources.h"
#include "controllers/mover_job.h"
#include "jobs/protocol/args.h"

namespace holdfast::controllers {
namespace {

constexpr const char* kVolume = "dump";
constexpr const char* kTmpVolume = "dump-tmp";
constexpr const char* kInstallContainer = "install-dump";
// The program and a pipe.
constexpr const char* kVolumeLimit = "16Mi";

std::string InFolder(const char* name) { return std::string(protocol::kDumpPath) + "/" + name; }

Json Mount(const char* volume, const char* path) { return {{"name", volume}, {"mountPath", path}}; }

Json NoPrivilege() {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", {"ALL"}}}}};
}

Json KeyOf(const crds::KeyRef& reference) {
  return {{"name", reference.name}, {"key", reference.key}};
}

Json VariableJson(const crds::Variable& variable) {
  Json object = {{"name", variable.name}};
  if (!variable.value_from) {
    object["value"] = variable.value;
    return object;
  }
  const crds::VariableSource& source = *variable.value_from;
  if (source.secret) object["valueFrom"]["secretKeyRef"] = KeyOf(*source.secret);
  if (source.config_map) object["valueFrom"]["configMapKeyRef"] = KeyOf(*source.config_map);
  return object;
}

// The mover's user has no home in the image; programs that look for one find the writable folder.
Json Environment(const crds::Dump& dump) {
  Json env = Json::array();
  if (std::ranges::find(dump.env, "HOME", &crds::Variable::name) == dump.env.end())
    env.push_back({{"name", "HOME"}, {"value", "/tmp"}});
  for (const crds::Variable& variable : dump.env) env.push_back(VariableJson(variable));
  return env;
}

Json EnvironmentFrom(const crds::Dump& dump) {
  Json from = Json::array();
  for (const crds::VariablesSource& source : dump.env_from) {
    Json object = Json::object();
    if (!source.prefix.empty()) object["prefix"] = source.prefix;
    if (source.secret) object["secretRef"] = {{"name", source.secret->name}};
    if (source.config_map) object["configMapRef"] = {{"name", source.config_map->name}};
    from.push_back(std::move(object));
  }
  return from;
}

Json SecurityContext(const crds::DumpSecurityContext& wish) {
  Json context = NoPrivilege();
  if (wish.run_as_user) {
    context["runAsUser"] = *wish.run_as_user;
    context["runAsNonRoot"] = *wish.run_as_user != 0;
  }
  if (wish.run_as_group) context["runAsGroup"] = *wish.run_as_group;
  return context;
}

Json Installer(const Settings& settings) {
  Json mount = Mount(kVolume, protocol::kDumpPath);
  return {{"name", kInstallContainer},
          {"image", settings.mover_image},
          {"imagePullPolicy", settings.mover_image_pull_policy},
          {"command", {std::string("/bin/") + protocol::kDumpProgramName}},
          {"args", {"--install", protocol::kDumpPath}},
          {"volumeMounts", {std::move(mount)}},
          {"resources", ContainerResources({})},
          {"securityContext", NoPrivilege()}};
}

Json Container(const crds::Dump& dump) {
  Json container = {
      {"name", kDumpContainer},
      {"image", dump.image},
      {"command", {InFolder(protocol::kDumpProgramName), InFolder(protocol::kDumpPipeName)}},
      {"args", dump.command},
      {"env", Environment(dump)},
      {"volumeMounts", {DumpMount(), Mount(kTmpVolume, "/tmp")}},
      {"resources", ContainerResources(dump.resources)},
      {"securityContext", SecurityContext(dump.security_context)},
      {"terminationMessagePath", "/dev/termination-log"},
      {"terminationMessagePolicy", "File"}};
  if (!dump.env_from.empty()) container["envFrom"] = EnvironmentFrom(dump);
  if (!dump.image_pull_policy.empty()) container["imagePullPolicy"] = dump.image_pull_policy;
  return container;
}

}  // namespace

// A pipe can be written to on a volume that is mounted read-only; the program can not.
Json DumpMount() {
  Json mount = Mount(kVolume, protocol::kDumpPath);
  mount["readOnly"] = true;
  return mount;
}

void AddDump(const crds::Dump& dump, const Settings& settings, Json& pod) {
  pod["initContainers"] = Json::array({Installer(settings)});
  pod["containers"].push_back(Container(dump));
  pod["volumes"].push_back({{"name", kVolume}, {"emptyDir", {{"sizeLimit", kVolumeLimit}}}});
  pod["volumes"].push_back({{"name", kTmpVolume}, {"emptyDir", Json::object()}});
  for (const crds::SecretRef& secret : dump.image_pull_secrets)
    pod["imagePullSecrets"].push_back({{"name", secret.name}});
}

}  // namespace holdfast::controllers
