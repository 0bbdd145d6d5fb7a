// A command whose standard output becomes a file in a snapshot: an entry of a policy's spec.dumps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crds/types/fields.h"
#include "crds/types/parts.h"

namespace holdfast::crds {

// A key of a Secret or ConfigMap in the policy's namespace.
struct KeyRef {
  std::string name;
  std::string key;

  template <typename V>
  static void Fields(V&& visit) {
    visit("name", &KeyRef::name, kRequired);
    visit("key", &KeyRef::key, kRequired);
  }
  friend bool operator==(const KeyRef&, const KeyRef&) = default;
};

// One of both is set.
struct VariableSource {
  std::optional<KeyRef> secret;
  std::optional<KeyRef> config_map;

  template <typename V>
  static void Fields(V&& visit) {
    visit("secretKeyRef", &VariableSource::secret);
    visit("configMapKeyRef", &VariableSource::config_map);
  }
  friend bool operator==(const VariableSource&, const VariableSource&) = default;
};

// As in a container's env.
struct Variable {
  std::string name;
  std::string value;
  std::optional<VariableSource> value_from;

  template <typename V>
  static void Fields(V&& visit) {
    visit("name", &Variable::name, kRequired);
    visit("value", &Variable::value);
    visit("valueFrom", &Variable::value_from);
  }
  friend bool operator==(const Variable&, const Variable&) = default;
};

// As in a container's envFrom; one of both is set.
struct VariablesSource {
  std::string prefix;
  std::optional<SecretRef> secret;
  std::optional<SecretRef> config_map;

  template <typename V>
  static void Fields(V&& visit) {
    visit("prefix", &VariablesSource::prefix);
    visit("secretRef", &VariablesSource::secret);
    visit("configMapRef", &VariablesSource::config_map);
  }
  friend bool operator==(const VariablesSource&, const VariablesSource&) = default;
};

struct DumpSecurityContext {
  std::optional<std::int64_t> run_as_user;  // absent: the mover's
  std::optional<std::int64_t> run_as_group;

  template <typename V>
  static void Fields(V&& visit) {
    visit("runAsUser", &DumpSecurityContext::run_as_user);
    visit("runAsGroup", &DumpSecurityContext::run_as_group);
  }
  friend bool operator==(const DumpSecurityContext&, const DumpSecurityContext&) = default;
};

struct Dump {
  std::string name;
  std::string image;
  std::string image_pull_policy;  // empty: Kubernetes' default
  std::vector<SecretRef> image_pull_secrets;
  std::vector<std::string> command;
  std::string file_name;  // empty: the dump's name
  std::vector<Variable> env;
  std::vector<VariablesSource> env_from;
  std::string timeout = "1h";
  ResourceRequirements resources;
  DumpSecurityContext security_context;

  template <typename V>
  static void Fields(V&& visit) {
    visit("name", &Dump::name, kRequired);
    visit("image", &Dump::image, kRequired);
    visit("imagePullPolicy", &Dump::image_pull_policy);
    visit("imagePullSecrets", &Dump::image_pull_secrets);
    visit("command", &Dump::command, kRequired);
    visit("fileName", &Dump::file_name);
    visit("env", &Dump::env);
    visit("envFrom", &Dump::env_from);
    visit("timeout", &Dump::timeout);
    visit("resources", &Dump::resources);
    visit("securityContext", &Dump::security_context);
  }
  friend bool operator==(const Dump&, const Dump&) = default;
};

}  // namespace holdfast::crds
