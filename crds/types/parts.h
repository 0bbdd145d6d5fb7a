// Pieces of spec that more than one kind has.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crds/types/fields.h"

namespace holdfast::crds {

struct SecretRef {
  std::string name;

  template <typename V>
  static void Fields(V&& visit) {
    visit("name", &SecretRef::name, kRequired);
  }
  friend bool operator==(const SecretRef&, const SecretRef&) = default;
};

// How a view of a volume is had that a mover can read.
enum class CopyMethod : std::uint8_t { kAuto, kSnapshot, kClone, kDirect };
constexpr auto Names(CopyMethod) {
  return std::array<std::string_view, 4>{"Auto", "Snapshot", "Clone", "Direct"};
}

enum class OnError : std::uint8_t { kFail, kContinue };
constexpr auto Names(OnError) { return std::array<std::string_view, 2>{"Fail", "Continue"}; }

struct Hook {
  std::string container;  // empty: the pod's default container
  std::vector<std::string> command;
  std::string timeout = "30s";
  OnError on_error = OnError::kFail;

  template <typename V>
  static void Fields(V&& visit) {
    visit("container", &Hook::container);
    visit("command", &Hook::command, kRequired);
    visit("timeout", &Hook::timeout);
    visit("onError", &Hook::on_error);
  }
  friend bool operator==(const Hook&, const Hook&) = default;
};

struct Hooks {
  std::vector<Hook> pre;
  std::vector<Hook> post;

  template <typename V>
  static void Fields(V&& visit) {
    visit("pre", &Hooks::pre);
    visit("post", &Hooks::post);
  }
  friend bool operator==(const Hooks&, const Hooks&) = default;
};

// Hooks around a copy: what they hold still is held for a bounded time.
struct FreezeHooks {
  std::vector<Hook> pre;
  std::vector<Hook> post;
  std::string deadline = "10m";  // from the first pre hook until post hooks run, come what may
  OnError on_deadline = OnError::kFail;

  template <typename V>
  static void Fields(V&& visit) {
    visit("pre", &FreezeHooks::pre);
    visit("post", &FreezeHooks::post);
    visit("deadline", &FreezeHooks::deadline);
    visit("onDeadline", &FreezeHooks::on_deadline);
  }
  friend bool operator==(const FreezeHooks&, const FreezeHooks&) = default;
};

struct LabelRequirement {
  std::string key;
  std::string op;  // In, NotIn, Exists, DoesNotExist
  std::vector<std::string> values;

  template <typename V>
  static void Fields(V&& visit) {
    visit("key", &LabelRequirement::key, kRequired);
    visit("operator", &LabelRequirement::op, kRequired);
    visit("values", &LabelRequirement::values);
  }
  friend bool operator==(const LabelRequirement&, const LabelRequirement&) = default;
};

// metav1.LabelSelector.
struct LabelSelector {
  StringMap match_labels;
  std::vector<LabelRequirement> match_expressions;

  template <typename V>
  static void Fields(V&& visit) {
    visit("matchLabels", &LabelSelector::match_labels);
    visit("matchExpressions", &LabelSelector::match_expressions);
  }
  friend bool operator==(const LabelSelector&, const LabelSelector&) = default;
};

struct ResourceRequirements {
  ResourceList requests;
  ResourceList limits;

  template <typename V>
  static void Fields(V&& visit) {
    visit("requests", &ResourceRequirements::requests);
    visit("limits", &ResourceRequirements::limits);
  }
  friend bool operator==(const ResourceRequirements&, const ResourceRequirements&) = default;
};

// What a mover runs as. A member that is absent is inherited from the workload's pod.
struct MoverSecurityContext {
  std::optional<std::int64_t> run_as_user;
  std::optional<std::int64_t> run_as_group;
  std::optional<std::int64_t> fs_group;
  std::vector<std::int64_t> supplemental_groups;

  template <typename V>
  static void Fields(V&& visit) {
    visit("runAsUser", &MoverSecurityContext::run_as_user);
    visit("runAsGroup", &MoverSecurityContext::run_as_group);
    visit("fsGroup", &MoverSecurityContext::fs_group);
    visit("supplementalGroups", &MoverSecurityContext::supplemental_groups);
  }
  friend bool operator==(const MoverSecurityContext&, const MoverSecurityContext&) = default;
};

// As in a pod's spec.tolerations.
struct Toleration {
  std::string key;
  std::string op;  // Exists or Equal; empty is Equal
  std::string value;
  std::string effect;
  std::optional<std::int64_t> toleration_seconds;

  template <typename V>
  static void Fields(V&& visit) {
    visit("key", &Toleration::key);
    visit("operator", &Toleration::op);
    visit("value", &Toleration::value);
    visit("effect", &Toleration::effect);
    visit("tolerationSeconds", &Toleration::toleration_seconds);
  }
  friend bool operator==(const Toleration&, const Toleration&) = default;
};

// The pods that read or write volumes.
struct MoverSpec {
  ResourceRequirements resources;
  MoverSecurityContext security_context;
  StringMap node_selector;
  std::vector<Toleration> tolerations;
  RawObject affinity;  // as in a pod's spec.affinity
  std::string priority_class_name;
  std::string service_account_name;

  template <typename V>
  static void Fields(V&& visit) {
    visit("resources", &MoverSpec::resources);
    visit("securityContext", &MoverSpec::security_context);
    visit("nodeSelector", &MoverSpec::node_selector);
    visit("tolerations", &MoverSpec::tolerations);
    visit("affinity", &MoverSpec::affinity);
    visit("priorityClassName", &MoverSpec::priority_class_name);
    visit("serviceAccountName", &MoverSpec::service_account_name);
  }
  friend bool operator==(const MoverSpec&, const MoverSpec&) = default;
};

// Where one volume of a run, or one step of it, has got to.
enum class RunState : std::uint8_t { kPending, kRunning, kSucceeded, kFailed, kSkipped };
constexpr auto Names(RunState) {
  return std::array<std::string_view, 5>{"Pending", "Running", "Succeeded", "Failed", "Skipped"};
}

}  // namespace holdfast::crds
