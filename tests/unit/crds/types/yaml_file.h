// Reads YAML files (CRDs, examples) as JSON, by the core schema's rules for plain scalars.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "base/json.h"

namespace holdfast::crds {

inline Json ScalarToJson(const YAML::Node& node) {
  const bool quoted = node.Tag() == "!";
  std::int64_t integer = 0;
  bool boolean = false;
  if (quoted) return node.Scalar();
  if (YAML::convert<std::int64_t>::decode(node, integer)) return integer;
  if ((node.Scalar() == "true" || node.Scalar() == "false") &&
      YAML::convert<bool>::decode(node, boolean))
    return boolean;
  return node.Scalar();
}

inline Json YamlToJson(const YAML::Node& node) {
  if (node.IsNull()) return nullptr;
  if (node.IsScalar()) return ScalarToJson(node);
  if (node.IsSequence()) {
    Json list = Json::array();
    for (const YAML::Node& item : node) list.push_back(YamlToJson(item));
    return list;
  }
  Json object = Json::object();
  for (const auto& member : node) object[member.first.Scalar()] = YamlToJson(member.second);
  return object;
}

inline std::vector<Json> LoadYaml(const std::filesystem::path& file) {
  std::vector<Json> documents;
  for (const YAML::Node& node : YAML::LoadAllFromFile(file.string()))
    if (!node.IsNull()) documents.push_back(YamlToJson(node));
  return documents;
}

}  // namespace holdfast::crds
