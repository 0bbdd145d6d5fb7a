#include "tests/integration/faults/played_provisioner.h"

#include <stdexcept>

#include "operator/kube/wait.h"

namespace holdfast::faults {
namespace {

constexpr const char* kDriver = "csi.played.holdfast.dev";

void Ensure(const kube::Api& api, const kube::Resource& resource, Json object) {
  object["apiVersion"] = resource.ApiVersion();
  object["kind"] = resource.kind;
  const auto made = api.Create(resource, "", object, {});
  if (!made && made.error().code != Code::kAlreadyExists)
    throw std::runtime_error(made.error().message);
}

bool WantsVolume(const Json& claim) {
  return FindString(claim, {"spec", "volumeName"}).empty() &&
         FindString(claim, {"spec", "storageClassName"}) == PlayedProvisioner::kClass &&
         Find(claim, {"spec", "dataSourceRef"}) == nullptr &&
         Find(claim, {"metadata", "deletionTimestamp"}) == nullptr;
}

}  // namespace

PlayedProvisioner::PlayedProvisioner(const kube::Api& api, std::string ns)
    : api_(api), ns_(std::move(ns)) {
  Ensure(api_, kube::kCsiDrivers,
         {{"metadata", {{"name", kDriver}}}, {"spec", {{"attachRequired", false}}}});
  Ensure(api_, kube::kStorageClasses,
         {{"metadata", {{"name", kClass}}}, {"provisioner", kDriver}, {"reclaimPolicy", "Retain"}});
  play_ = std::jthread([this](std::stop_token stop) { Play(stop); });
}

// Level-based; what fails is tried again at the next look.
void PlayedProvisioner::Play(std::stop_token stop) {
  while (kube::WaitFor(std::chrono::milliseconds(100), stop)) {
    kube::ListOptions options;
    options.ns = ns_;
    (void)api_.List(
        kube::kPersistentVolumeClaims, options,
        [&](const Json& claim) -> Result<void> {
          if (WantsVolume(claim)) Provision(claim, stop);
          return {};
        },
        stop);
    (void)api_.List(
        kube::kPersistentVolumes, {},
        [&](const Json& volume) -> Result<void> {
          if (FindString(volume, {"status", "phase"}) == "Released" &&
              FindString(volume, {"spec", "claimRef", "namespace"}) == ns_ &&
              FindString(volume, {"spec", "persistentVolumeReclaimPolicy"}) == "Delete")
            (void)api_.Delete(kube::kPersistentVolumes,
                              {"", FindString(volume, {"metadata", "name"})}, {}, stop);
          return {};
        },
        stop);
  }
}

void PlayedProvisioner::Provision(const Json& claim, std::stop_token stop) {
  const std::string uid = FindString(claim, {"metadata", "uid"});
  const Json volume = {
      {"apiVersion", kube::kPersistentVolumes.ApiVersion()},
      {"kind", kube::kPersistentVolumes.kind},
      {"metadata",
       {{"name", "pvc-" + uid}, {"annotations", {{"pv.kubernetes.io/provisioned-by", kDriver}}}}},
      {"spec",
       {{"accessModes", claim.at("spec").at("accessModes")},
        {"capacity", claim.at("spec").at("resources").at("requests")},
        {"storageClassName", kClass},
        {"persistentVolumeReclaimPolicy", "Retain"},
        {"csi", {{"driver", kDriver}, {"volumeHandle", uid}}},
        {"claimRef",
         {{"apiVersion", "v1"},
          {"kind", "PersistentVolumeClaim"},
          {"namespace", ns_},
          {"name", FindString(claim, {"metadata", "name"})},
          {"uid", uid}}}}}};
  (void)api_.Create(kube::kPersistentVolumes, "", volume, stop);
}

}  // namespace holdfast::faults
