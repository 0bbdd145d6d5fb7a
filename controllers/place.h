// Where a repository is, as a mover's pod sees it: its location, the keys to the store, and what is
// to be mounted. Pure. A new store is a branch in each of these functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "crds/types/backup_repository.h"

namespace holdfast::controllers {

// "s3:https://host/bucket/prefix", as the mover's --repo takes it; empty when the spec names no
// place of its own (shared.h has that of others).
std::string LocationOf(const crds::BackupRepositorySpec& spec);

// The same for people. What is mounted is "claim:name/folder" or "nfs:server:/export/folder".
std::string PlaceOf(const crds::BackupRepositorySpec& spec);

// Environment variables: keys by reference to the Secret, which only the kubelet reads.
Json PlaceEnvironment(const crds::BackupRepositorySpec& spec);

// A file that a mover reads: a key of a Secret or ConfigMap.
struct MountedFile {
  std::string volume;  // its name in the pod
  std::string secret;  // one of secret and config_map is set
  std::string config_map;
  std::string key;
  std::string path;  // in the container
};

// Password, CA bundle and the store's key file, where there are any.
std::vector<MountedFile> PlaceFiles(const crds::BackupRepositorySpec& spec);

// The volume of a pod that a repository in a file system lies on, without a name; null for others.
Json PlaceVolume(const crds::BackupRepositorySpec& spec);

// `text` for a container's argument or variable, where Kubernetes expands $(NAME): a field of ours
// must not quote the keys that stand in other variables.
std::string Literal(std::string_view text);

bool HasCaBundle(const crds::BackupRepositorySpec& spec);

}  // namespace holdfast::controllers
