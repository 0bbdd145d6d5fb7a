// The part of metav1.ObjectMeta that the operator uses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "crds/types/fields.h"

namespace holdfast::crds {

struct OwnerReference {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
  bool controller = false;
  bool block_owner_deletion = false;

  template <typename V>
  static void Fields(V&& visit) {
    visit("apiVersion", &OwnerReference::api_version, kRequired);
    visit("kind", &OwnerReference::kind, kRequired);
    visit("name", &OwnerReference::name, kRequired);
    visit("uid", &OwnerReference::uid, kRequired);
    visit("controller", &OwnerReference::controller, kOmitZero);
    visit("blockOwnerDeletion", &OwnerReference::block_owner_deletion, kOmitZero);
  }
  friend bool operator==(const OwnerReference&, const OwnerReference&) = default;
};

// managedFields and kubectl's last-applied-configuration annotation are dropped when decoding:
// nothing reads them, and together they outweigh the rest of a cached object.
struct ObjectMeta {
  std::string name;
  std::string namespace_;
  std::string uid;
  std::string resource_version;
  std::int64_t generation = 0;
  std::optional<TimePoint> creation_timestamp;
  std::optional<TimePoint> deletion_timestamp;
  StringMap labels;
  StringMap annotations;
  std::vector<std::string> finalizers;
  std::vector<OwnerReference> owner_references;

  template <typename V>
  static void Fields(V&& visit) {
    visit("name", &ObjectMeta::name);
    visit("namespace", &ObjectMeta::namespace_);
    visit("uid", &ObjectMeta::uid);
    visit("resourceVersion", &ObjectMeta::resource_version);
    visit("generation", &ObjectMeta::generation, kOmitZero);
    visit("creationTimestamp", &ObjectMeta::creation_timestamp);
    visit("deletionTimestamp", &ObjectMeta::deletion_timestamp);
    visit("labels", &ObjectMeta::labels);
    visit("annotations", &ObjectMeta::annotations);
    visit("finalizers", &ObjectMeta::finalizers);
    visit("ownerReferences", &ObjectMeta::owner_references);
  }
  friend bool operator==(const ObjectMeta&, const ObjectMeta&) = default;
};

// "" when there is no such label or annotation.
const std::string& FindOrEmpty(const StringMap& map, std::string_view key);

// The owner with controller=true; nullptr when there is none.
const OwnerReference* ControllerOf(const ObjectMeta& metadata);

}  // namespace holdfast::crds
