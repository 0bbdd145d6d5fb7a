#include "controllers/mover_job.h"

#include <algorithm>

#include "base/hash.h"
#include "base/quantity.h"
#include "controllers/container_resources.h"
#include "controllers/dump_container.h"
#include "controllers/labels.h"
#include "controllers/owner.h"
#include "controllers/place.h"
#include "controllers/shared.h"
#include "jobs/protocol/exit_code.h"

namespace holdfast::controllers {
namespace {

constexpr std::size_t kMaxJobName = 63;
constexpr std::size_t kHashDigits = 8;
constexpr std::size_t kMaxSuffix = 24;

// A user that is nobody's, for workloads that do not say theirs (distroless' "nonroot").
constexpr std::int64_t kNobody = 65532;
constexpr int kGracePeriodSeconds = 30;
// A prune, of this cluster or another, is over by then, or the mover is tried again.
constexpr std::chrono::hours kLockWait{1};
// Secrets are mounted for any user: which one the mover is depends on the workload.
constexpr int kSecretMode = 0444;

std::string DirectoryOf(const std::string& path) { return path.substr(0, path.rfind('/')); }
std::string FileOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// --- Who the mover is ---

// Movers of one repository are different users, and share its files by their group. Kubernetes is
// asked to give the volume to the group only where it is mounted alone: fsGroup is for all volumes
// of a pod.
void JoinGroup(const MoverJob& job, std::int64_t group, crds::MoverSecurityContext& security) {
  if (std::ranges::find(security.supplemental_groups, group) == security.supplemental_groups.end())
    security.supplemental_groups.push_back(group);
  const auto* beside = job.from == nullptr ? nullptr : &job.from->spec.filesystem;
  const bool alone =
      job.claim.empty() && (beside == nullptr || !*beside || (*beside)->group == group);
  if (alone && !security.fs_group) security.fs_group = group;
}

// The user's wish over the workload's habit, member by member. A mover that mounts no claim has no
// files of a workload to read, and nothing to inherit.
crds::MoverSecurityContext Security(const MoverJob& job) {
  crds::MoverSecurityContext security =
      job.claim.empty() ? crds::MoverSecurityContext{} : job.inherited;
  const crds::MoverSecurityContext& wish = job.mover.security_context;
  if (wish.run_as_user) security.run_as_user = wish.run_as_user;
  if (wish.run_as_group) security.run_as_group = wish.run_as_group;
  if (wish.fs_group) security.fs_group = wish.fs_group;
  if (!wish.supplemental_groups.empty()) security.supplemental_groups = wish.supplemental_groups;
  if (!security.run_as_user) {
    security.run_as_user = kNobody;
    if (!security.run_as_group) security.run_as_group = kNobody;
  }
  for (const crds::BackupRepository* repository : {job.repository, job.from})
    if (repository != nullptr && repository->spec.filesystem)
      JoinGroup(job, repository->spec.filesystem->group, security);
  return security;
}

bool IsRoot(const crds::MoverSecurityContext& security) { return security.run_as_user == 0; }

// fsGroup is never invented beside a workload's volume: it would change the group of every file.
Json PodSecurityContext(const crds::MoverSecurityContext& security) {
  Json context = {{"runAsUser", *security.run_as_user},
                  {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  if (!IsRoot(security)) context["runAsNonRoot"] = true;
  if (security.run_as_group) context["runAsGroup"] = *security.run_as_group;
  if (security.fs_group) {
    context["fsGroup"] = *security.fs_group;
    context["fsGroupChangePolicy"] = "OnRootMismatch";
  }
  if (!security.supplemental_groups.empty())
    context["supplementalGroups"] = security.supplemental_groups;
  return context;
}

Json Capabilities(const MoverJob& job, const crds::MoverSecurityContext& security) {
  Json capabilities = {{"drop", {"ALL"}}};
  if (!IsRoot(security) || job.claim.empty()) return capabilities;
  if (job.claim_read_only)
    capabilities["add"] = {"DAC_READ_SEARCH"};
  else
    capabilities["add"] = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP"};
  return capabilities;
}

Json ContainerSecurityContext(const MoverJob& job, const crds::MoverSecurityContext& security) {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", Capabilities(job, security)}};
}

// --- What it sees ---

Json FromField(const char* name, const char* path) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}

// The pod's own name, by the kubelet's expansion.
std::string Holder(const Settings& settings) {
  return settings.cluster_name + "/$(POD_NAMESPACE)/$(POD_NAME)";
}

// Nothing but the holder is expanded.
std::vector<std::string> Expanding(const std::vector<std::string>& command_line,
                                   const Settings& settings) {
  const std::string holder = "--holder=" + Holder(settings);
  std::vector<std::string> words;
  for (const std::string& word : command_line)
    words.push_back(word == holder ? word : Literal(word));
  return words;
}

// The pod's name comes first: the arguments refer to it.
Json Environment(const MoverJob& job, const Settings& settings) {
  Json env = Json::array(
      {FromField("POD_NAME", "metadata.name"), FromField("POD_NAMESPACE", "metadata.namespace")});
  if (!job.options_for_others.empty())
    env.push_back({{"name", protocol::kOptionsVariable},
                   {"value", protocol::EncodeWords(Expanding(job.options_for_others, settings))}});
  if (job.repository != nullptr)
    for (Json& variable : PlaceEnvironment(job.repository->spec))
      env.push_back(std::move(variable));
  if (job.from == nullptr) return env;
  for (Json& variable : PlaceEnvironment(job.from->spec)) {
    variable["name"] = protocol::kFromPrefix + variable["name"].get<std::string>();
    // A file is where it is mounted for this one.
    if (FindString(variable, {"value"}).starts_with("/holdfast/"))
      variable["value"] = protocol::FromPath(variable["value"].get<std::string>());
    env.push_back(std::move(variable));
  }
  return env;
}

struct Mounts {
  Json volumes = Json::array();
  Json mounts = Json::array();
  Json devices = Json::array();

  void Add(const std::string& name, Json source, const std::string& path, bool read_only) {
    source["name"] = name;
    volumes.push_back(std::move(source));
    Json mount = {{"name", name}, {"mountPath", path}};
    if (read_only) mount["readOnly"] = true;
    mounts.push_back(std::move(mount));
  }
};

// Optional to the kubelet, which otherwise waits without a word in the pod's status: the mover
// finds the file missing, and says which field to look at.
Json SourceOf(const MountedFile& file) {
  Json source = {{"defaultMode", kSecretMode},
                 {"items", Json::array({{{"key", file.key}, {"path", FileOf(file.path)}}})},
                 {"optional", true}};
  source[file.secret.empty() ? "name" : "secretName"] =
      file.secret.empty() ? file.config_map : file.secret;
  return {{file.secret.empty() ? "configMap" : "secret", std::move(source)}};
}

std::string Same(const std::string& path) { return path; }

// Password, CA bundle, keys and what a repository lies on. `place` says where in the container.
void MountRepository(const crds::BackupRepositorySpec& repository, const std::string& prefix,
                     std::string (*place)(const std::string&), Mounts& mounts) {
  for (const MountedFile& file : PlaceFiles(repository))
    mounts.Add(prefix + file.volume, SourceOf(file), place(DirectoryOf(file.path)), true);
  if (repository.shared)
    mounts.Add(prefix + "gateway", SharedVolume(), place(DirectoryOf(protocol::kCaFile)), true);
  if (Json volume = PlaceVolume(repository); !volume.is_null())
    mounts.Add(prefix + "repository", std::move(volume), place(protocol::kRepositoryPath), false);
}

// A device has no read-only place in a container: the whole volume has to be.
void AddClaim(const MoverJob& job, Mounts& mounts) {
  Json source = {{"claimName", job.claim}};
  if (job.claim_is_staged || (job.claim_is_device && job.claim_read_only))
    source["readOnly"] = true;
  Json volume = {{"persistentVolumeClaim", std::move(source)}};
  if (!job.claim_is_device)
    return mounts.Add("data", std::move(volume), protocol::kDataPath, job.claim_read_only);
  volume["name"] = "data";
  mounts.volumes.push_back(std::move(volume));
  mounts.devices.push_back({{"name", "data"}, {"devicePath", protocol::kDataPath}});
}

// Each a folder with a file for each key, and empty where the object does not exist.
void MountKeys(const char* kind, const std::vector<std::string>& names, const std::string& folder,
               Mounts& mounts) {
  const bool secret = kind == std::string_view("secret");
  for (std::size_t i = 0; i < names.size(); ++i) {
    Json source = {{"defaultMode", kSecretMode}, {"optional", true}};
    source[secret ? "secretName" : "name"] = names[i];
    mounts.Add("manifest-" + std::string(secret ? "secret-" : "config-") + std::to_string(i),
               {{kind, std::move(source)}}, folder + "/" + names[i], true);
  }
}

void MountManifests(const MoverJob& job, Mounts& mounts) {
  if (job.objects.empty()) return;
  const std::string top = protocol::kManifestsPath;
  const std::string list = top + "/" + protocol::kObjectsFile;
  const std::string annotation =
      std::string("metadata.annotations['") + kManifestsAnnotation + "']";
  const Json item = {{"path", FileOf(list)}, {"fieldRef", {{"fieldPath", annotation}}}};
  mounts.Add("manifest-objects", {{"downwardAPI", {{"items", Json::array({item})}}}},
             DirectoryOf(list), true);
  MountKeys("configMap", job.config_maps, top + "/" + protocol::kConfigMapsFolder, mounts);
  MountKeys("secret", job.secrets, top + "/" + protocol::kSecretsFolder, mounts);
}

Mounts MountsOf(const MoverJob& job) {
  Mounts mounts;
  if (job.dump != nullptr) mounts.mounts.push_back(DumpMount());
  if (job.repository != nullptr) MountRepository(job.repository->spec, "", Same, mounts);
  if (job.from != nullptr) MountRepository(job.from->spec, "from-", protocol::FromPath, mounts);
  // Not for those that need no repository, and may stay for weeks: `kubectl drain` and autoscalers
  // leave alone what has one.
  if (job.repository != nullptr) mounts.Add("tmp", {{"emptyDir", Json::object()}}, "/tmp", false);
  if (!job.claim.empty()) AddClaim(job, mounts);
  MountManifests(job, mounts);
  return mounts;
}

// --- Where it runs ---

Json TolerationJson(const crds::Toleration& toleration) {
  Json object = Json::object();
  if (!toleration.key.empty()) object["key"] = toleration.key;
  if (!toleration.op.empty()) object["operator"] = toleration.op;
  if (!toleration.value.empty()) object["value"] = toleration.value;
  if (!toleration.effect.empty()) object["effect"] = toleration.effect;
  if (toleration.toleration_seconds) object["tolerationSeconds"] = *toleration.toleration_seconds;
  return object;
}

// The terms of a node selector are alternatives, so the node goes into each of them.
void RequireNode(Json& affinity, const std::string& node) {
  const Json on_node = {{"key", "kubernetes.io/hostname"}, {"operator", "In"}, {"values", {node}}};
  Json& required = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
  Json& terms = required["nodeSelectorTerms"];
  if (!terms.is_array() || terms.empty()) terms = Json::array({Json::object()});
  for (Json& term : terms) term["matchExpressions"].push_back(on_node);
}

// A claim that one node can mount at a time is at hand where the repository's other movers run. A
// wish only: where the workload's volume is matters more, and then the claim is waited for.
void PreferNodeOfRepository(Json& affinity, const crds::BackupRepository& repository) {
  const Json others = {{"matchLabels",
                        {{kManagedBy, kManagedByHoldfast},
                         {kRepositoryLabel, LabelValue(repository.metadata.name)}}}};
  affinity["podAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"].push_back(
      {{"weight", 100},
       {"podAffinityTerm",
        {{"labelSelector", others}, {"topologyKey", "kubernetes.io/hostname"}}}});
}

Result<Json> Affinity(const MoverJob& job) {
  Json affinity = Json::object();
  if (!job.mover.affinity.empty()) {
    TRY(affinity, ParseJson(job.mover.affinity.text));
    if (!affinity.is_object()) return Fail(Code::kInvalid, "spec.mover.affinity is not an object");
  }
  if (!job.node.empty()) RequireNode(affinity, job.node);
  for (const crds::BackupRepository* repository : {job.repository, job.from})
    if (repository != nullptr && repository->spec.filesystem &&
        !repository->spec.filesystem->claim_name.empty())
      PreferNodeOfRepository(affinity, *repository);
  return affinity;
}

Result<void> AddPlacement(const MoverJob& job, Json& pod) {
  TRY(Json affinity, Affinity(job));
  if (!affinity.empty()) pod["affinity"] = std::move(affinity);
  if (!job.mover.node_selector.empty()) pod["nodeSelector"] = job.mover.node_selector;
  for (const crds::Toleration& toleration : job.mover.tolerations)
    pod["tolerations"].push_back(TolerationJson(toleration));
  if (!job.mover.priority_class_name.empty())
    pod["priorityClassName"] = job.mover.priority_class_name;
  if (!job.mover.service_account_name.empty())
    pod["serviceAccountName"] = job.mover.service_account_name;
  return {};
}

// --- The Job around it ---

Json Container(const MoverJob& job, const Settings& settings, const Mounts& mounts,
               const crds::MoverSecurityContext& security) {
  Json container = {{"name", kMoverContainer},
                    {"image", settings.mover_image},
                    {"imagePullPolicy", settings.mover_image_pull_policy},
                    {"args", Expanding(job.command_line, settings)},
                    {"env", Environment(job, settings)},
                    {"volumeMounts", mounts.mounts},
                    {"resources", ContainerResources(job.mover.resources)},
                    {"securityContext", ContainerSecurityContext(job, security)},
                    {"terminationMessagePath", "/dev/termination-log"},
                    {"terminationMessagePolicy", "File"}};
  if (!mounts.devices.empty()) container["volumeDevices"] = mounts.devices;
  return container;
}

Result<Json> PodSpec(const MoverJob& job, const Settings& settings) {
  const Mounts mounts = MountsOf(job);
  const crds::MoverSecurityContext security = Security(job);
  Json pod = {{"restartPolicy", "Never"},
              {"automountServiceAccountToken", false},
              {"enableServiceLinks", false},
              {"terminationGracePeriodSeconds", kGracePeriodSeconds},
              {"securityContext", PodSecurityContext(security)},
              {"containers", {Container(job, settings, mounts, security)}},
              {"volumes", mounts.volumes}};
  if (job.dump != nullptr) AddDump(*job.dump, settings, pod);
  TRY_VOID(AddPlacement(job, pod));
  return pod;
}

Json Labels(const MoverJob& job) {
  Json labels = {{kManagedBy, kManagedByHoldfast},
                 {"app.kubernetes.io/name", "holdfast"},
                 {"app.kubernetes.io/component", "mover"}};
  for (const auto& [name, value] : job.labels) labels[name] = LabelValue(value);
  return labels;
}

Json FinalExitCodes() {
  Json codes = Json::array();
  for (int number = 1; number < 256; ++number) {
    const protocol::ExitCode code = protocol::ExitCodeFromNumber(number);
    if (static_cast<int>(code) == number && !protocol::WorthRetrying(code)) codes.push_back(number);
  }
  return codes;
}

// A drained or preempted pod is nobody's failure: it does not count against the retries.
Json FailurePolicy() {
  return {{"rules",
           {{{"action", "Ignore"},
             {"onPodConditions", {{{"type", "DisruptionTarget"}, {"status", "True"}}}}},
            {{"action", "FailJob"},
             {"onExitCodes",
              {{"containerName", kMoverContainer},
               {"operator", "In"},
               {"values", FinalExitCodes()}}}}}}};
}

bool UsesGateway(const MoverJob& job) {
  for (const crds::BackupRepository* repository : {job.repository, job.from})
    if (repository != nullptr && repository->spec.shared) return true;
  return false;
}

Result<void> CheckClaim(const MoverJob& job) {
  if (job.repository == nullptr || job.claim.empty()) return {};
  const auto& place = job.repository->spec.filesystem;
  if (!place || place->claim_name != job.claim) return {};
  return Fail(Code::kInvalid, "claim " + job.claim + " holds the repository " +
                                  job.repository->metadata.name +
                                  " itself: it is neither backed up to nor restored from there");
}

protocol::ObjectLockArgs ObjectLockArgsOf(const crds::S3ObjectLock& lock) {
  return {lock.mode == crds::ObjectLockMode::kCompliance, lock.period};
}

}  // namespace

Result<Json> BuildMoverJob(const MoverJob& job, const Settings& settings) {
  TRY_VOID(CheckClaim(job));
  TRY(Json pod, PodSpec(job, settings));
  const Json labels = Labels(job);
  Json of_pod = {{"labels", labels}};
  if (!job.objects.empty()) of_pod["annotations"][kManifestsAnnotation] = job.objects;
  if (UsesGateway(job)) of_pod["annotations"][kGatewayCaAnnotation] = settings.gateway.ca_pem();
  Json spec = {{"backoffLimit", job.retries},
               {"podReplacementPolicy", "Failed"},
               {"podFailurePolicy", FailurePolicy()},
               {"template", {{"metadata", std::move(of_pod)}, {"spec", std::move(pod)}}}};
  if (job.claim_is_staged) spec["suspend"] = true;
  if (job.deadline) spec["activeDeadlineSeconds"] = job.deadline->count();
  return Json{{"apiVersion", "batch/v1"},
              {"kind", "Job"},
              {"metadata",
               {{"name", job.key.name},
                {"namespace", job.key.ns},
                {"labels", labels},
                {"ownerReferences", OwnerReferences(job.owner, OwnerDeletion::kWaits)}}},
              {"spec", std::move(spec)}};
}

protocol::RepositoryArgs RepositoryArgsFor(const crds::BackupRepository& repository,
                                           const Settings& settings) {
  protocol::RepositoryArgs args;
  args.password_from_gateway = repository.spec.shared.has_value();
  args.location = args.password_from_gateway ? SharedLocation(repository, settings.gateway)
                                             : LocationOf(repository.spec);
  args.has_ca = args.password_from_gateway || HasCaBundle(repository.spec);
  args.virtual_host_style = repository.spec.s3 && !repository.spec.s3->force_path_style;
  if (repository.spec.s3 && repository.spec.s3->object_lock)
    args.object_lock = ObjectLockArgsOf(*repository.spec.s3->object_lock);
  if (repository.spec.filesystem)
    args.local_group = static_cast<std::uint32_t>(repository.spec.filesystem->group);
  args.holder = Holder(settings);
  args.lock_wait = kLockWait;
  const crds::RepositoryLimits& limits = repository.spec.limits;
  args.upload_per_second = ParseQuantity(limits.upload_per_second.text).value_or(0);
  args.download_per_second = ParseQuantity(limits.download_per_second.text).value_or(0);
  return args;
}

protocol::RepositoryArgs FromArgsFor(const crds::BackupRepository& repository,
                                     const Settings& settings) {
  protocol::RepositoryArgs args = RepositoryArgsFor(repository, settings);
  if (repository.spec.filesystem) args.location = protocol::FromPath(args.location);
  return args;
}

std::string JobName(const std::string& base, const std::string& suffix) {
  const std::string whole = base + "-" + suffix;
  constexpr const char* kNotOfALabel = "./";
  if (whole.size() <= kMaxJobName && whole.find_first_of(kNotOfALabel) == whole.npos) return whole;
  const std::string end = suffix.substr(0, kMaxSuffix);
  const std::size_t room = kMaxJobName - kHashDigits - end.size() - 2;
  std::string name = base.substr(0, room) + "-" + end + "-" + ShortHash(whole, kHashDigits);
  for (std::size_t at = 0; (at = name.find_first_of(kNotOfALabel, at)) != name.npos;)
    name[at] = '-';
  return name;
}

std::string RepositoryDigits(const std::string& repository) { return ShortHash(repository, 6); }

}  // namespace holdfast::controllers
