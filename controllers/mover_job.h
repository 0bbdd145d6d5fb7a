// The Job that runs one mover: one pod at a time, no API credential, the restricted pod security
// profile, and exit codes that end it at once where a retry cannot help.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "controllers/settings.h"
#include "crds/types/backup_repository.h"
#include "crds/types/dump.h"
#include "crds/types/parts.h"
#include "jobs/protocol/args.h"
#include "operator/kube/events.h"
#include "operator/kube/object_key.h"

namespace holdfast::controllers {

// The mover's container, for logs and pod failure policies.
inline constexpr const char* kMoverContainer = "mover";
inline constexpr const char* kDumpContainer = "dump";  // beside it, in the pod of a dump

struct MoverJob {
  kube::ObjectKey key;
  kube::ObjectReference owner;                // the Job goes with it, and is found by it
  std::map<std::string, std::string> labels;  // beside app.kubernetes.io/*; any text as values

  std::vector<std::string> command_line;  // protocol::CommandLine(...)
  // Secrets and CA bundle to mount; nullptr for a mover that needs no repository.
  const crds::BackupRepository* repository = nullptr;

  const crds::BackupRepository* from = nullptr;  // a second one to read from; nullptr for none

  // What commands that are run beside the mover are told (protocol::kOptionsVariable); empty for
  // nothing.
  std::vector<std::string> options_for_others;

  std::string claim;  // mounted at protocol::kDataPath; empty for none
  bool claim_read_only = true;
  // volumeMode Block: it is a device at protocol::kDataPath, which its own user and group may open.
  bool claim_is_device = false;
  // The claim is a copy that nobody else uses, made once the Job is there: the Job is suspended
  // until then (ResumeJob), and the volume itself mounted read-only, so that the kubelet changes no
  // file's group in it.
  bool claim_is_staged = false;
  // What is read instead of a claim: the output of its command, which runs in a container beside
  // the mover's (dump_container.h). nullptr for none.
  const crds::Dump* dump = nullptr;
  std::string node;  // required by node affinity (kubernetes.io/hostname); empty for none

  // What the manifests at protocol::kManifestsPath are made of: a JSON list of objects (empty: none
  // are kept), and the ConfigMaps and Secrets that the kubelet mounts there.
  std::string objects;
  std::vector<std::string> config_maps;
  std::vector<std::string> secrets;

  crds::MoverSecurityContext inherited;  // the workload's user: SecurityOf in workload.h
  crds::MoverSpec mover;                 // spec.mover of the policy, restore or repository
  int retries = 3;
  std::optional<std::chrono::seconds> deadline;
};

// The whole batch/v1 Job. Invalid when spec.mover.affinity is not a JSON object, and when `claim`
// is the one that the repository lies on.
//
// A mover whose workload runs as root is root too, with the capabilities that reading
// (claim_read_only) or writing other users' files takes and no more; without a claim it is never
// root.
Result<Json> BuildMoverJob(const MoverJob& job, const Settings& settings);

// Location, CA, rate limits and the holder of a repository's movers. The holder names the pod by
// the kubelet's own expansion of $(POD_NAME), so a retried pod is a holder of its own.
protocol::RepositoryArgs RepositoryArgsFor(const crds::BackupRepository& repository,
                                           const Settings& settings);

// The same for MoverJob::from.
protocol::RepositoryArgs FromArgsFor(const crds::BackupRepository& repository,
                                     const Settings& settings);

// "<base>-<suffix>" within 63 characters, a DNS label: longer ones are cut and get a hash, and so
// do those with dots and slashes, which become dashes.
std::string JobName(const std::string& base, const std::string& suffix);

// Tells the Jobs for one further repository (copyTo) from those for another, in a suffix.
std::string RepositoryDigits(const std::string& repository);

}  // namespace holdfast::controllers
