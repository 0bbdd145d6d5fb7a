// Holds the CRDs' schemas and the structs together, both ways: every property has a field of its
// type and the other way round, and the defaults, enums and required lists are the same.
#include <functional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "crds/types/codec.h"
#include "crds/types/restore.h"
#include "tests/unit/crds/types/yaml_file.h"

namespace holdfast::crds {
namespace {

// The schema that a struct's fields stand for. A default is a field's initial value.
Json SchemaOf(const std::string& value) {
  Json schema = {{"type", "string"}};
  if (!value.empty()) schema["default"] = value;
  return schema;
}
Json SchemaOf(bool value) { return {{"type", "boolean"}, {"default", value}}; }
Json SchemaOf(std::int64_t value) {
  return {{"type", "integer"}, {"format", "int64"}, {"default", value}};
}
Json SchemaOf(TimePoint) { return {{"type", "string"}, {"format", "date-time"}}; }
Json SchemaOf(const RawObject&) {
  return {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
}
Json SchemaOf(const Quantity& value) {
  Json schema = {{"x-kubernetes-int-or-string", true}};
  if (!value.empty()) schema["default"] = value.text;
  return schema;
}
template <NamedEnum E>
Json SchemaOf(E value) {
  return {{"type", "string"}, {"enum", Names(value)}, {"default", NameOf(value)}};
}
template <typename T>
Json SchemaOf(const std::vector<T>&);
template <typename T>
Json SchemaOf(const std::map<std::string, T, std::less<>>&);
template <HasFields T>
Json SchemaOf(const T&);

// An item, a value of a map or an optional has no default.
template <typename T>
Json SchemaOfAny() {
  Json schema = SchemaOf(T{});
  schema.erase("default");
  return schema;
}
template <typename T>
Json SchemaOf(const std::optional<T>&) {
  return SchemaOfAny<T>();
}
template <typename T>
Json SchemaOf(const std::vector<T>&) {
  return {{"type", "array"}, {"items", SchemaOfAny<T>()}};
}
template <typename T>
Json SchemaOf(const std::map<std::string, T, std::less<>>&) {
  return {{"type", "object"}, {"additionalProperties", SchemaOfAny<T>()}};
}
template <HasFields T>
Json SchemaOf(const T& value) {
  Json schema = {{"type", "object"}, {"properties", Json::object()}};
  T::Fields([&](const char* name, auto member, Presence presence = kNormal) {
    Json field = SchemaOf(value.*member);
    if (presence == kRequired) {
      schema["required"].push_back(name);
      field.erase("default");
    }
    schema["properties"][name] = field;
  });
  return schema;
}

// Leaves of a schema that must be equal in both. The YAML may have an enum where the struct has a
// plain string that is handed on to Kubernetes (a toleration's operator).
class Comparison {
 public:
  explicit Comparison(bool defaults) : defaults_(defaults) {}

  void Compare(const std::string& path, const Json& from_struct, const Json& from_yaml) {
    for (const char* word :
         {"type", "format", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"})
      Same(path, word, from_struct, from_yaml);
    if (from_struct.contains("enum")) Same(path, "enum", from_struct, from_yaml);
    if (defaults_)
      Same(path, "default", from_struct, from_yaml);
    else
      EXPECT_FALSE(from_yaml.contains("default")) << path << ": the operator sets status itself";
    EXPECT_EQ(NamesIn(from_struct, "required"), NamesIn(from_yaml, "required")) << path;
    CompareProperties(path, from_struct, from_yaml);
    for (const char* inner : {"items", "additionalProperties"})
      if (from_struct.contains(inner))
        Compare(path + "[]", from_struct[inner], from_yaml.value(inner, Json::object()));
  }

 private:
  static void Same(const std::string& path, const char* word, const Json& a, const Json& b) {
    EXPECT_EQ(a.value(word, Json()), b.value(word, Json())) << path << ": " << word;
  }

  static std::set<std::string> NamesIn(const Json& schema, const char* list) {
    return schema.value(list, Json::array()).get<std::set<std::string>>();
  }

  void CompareProperties(const std::string& path, const Json& from_struct, const Json& from_yaml) {
    const Json in_struct = from_struct.value("properties", Json::object());
    const Json in_yaml = from_yaml.value("properties", Json::object());
    for (const auto& [name, schema] : in_struct.items()) {
      ASSERT_TRUE(in_yaml.contains(name)) << path << "." << name << " is not in the CRD";
      Compare(path + "." + name, schema, in_yaml[name]);
    }
    for (const auto& [name, schema] : in_yaml.items())
      EXPECT_TRUE(in_struct.contains(name)) << path << "." << name << " is not in the struct";
  }

  const bool defaults_;
};

template <typename Kind>
Json LoadCrd() {
  return LoadYaml("crds/" + std::string(InfoOf<Kind>().plural) + ".yaml").at(0);
}
template <typename Kind>
Json LoadSchema() {
  return LoadCrd<Kind>()["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
}

using Visit = std::function<void(const std::string& path, const Json& property)>;
void ForEachProperty(const std::string& path, const Json& schema, const Visit& visit) {
  const Json properties = schema.value("properties", Json::object());
  for (const auto& [name, property] : properties.items()) {
    visit(path + "." + name, property);
    ForEachProperty(path + "." + name, property, visit);
  }
  for (const char* inner : {"items", "additionalProperties"})
    if (schema.contains(inner)) {
      visit(path + "[]", schema[inner]);
      ForEachProperty(path + "[]", schema[inner], visit);
    }
}

template <typename Kind>
class SchemaTest : public testing::Test {};
using Kinds = testing::Types<BackupRepository, BackupPolicy, Backup, Restore>;
TYPED_TEST_SUITE(SchemaTest, Kinds);

TYPED_TEST(SchemaTest, SpecAndStructAgree) {
  const Json schema = LoadSchema<TypeParam>();
  Comparison(/*defaults=*/true)
      .Compare("spec", SchemaOf(decltype(TypeParam::spec){}), schema["properties"]["spec"]);
}

TYPED_TEST(SchemaTest, StatusAndStructAgree) {
  const Json schema = LoadSchema<TypeParam>();
  Comparison(/*defaults=*/false)
      .Compare("status", SchemaOf(decltype(TypeParam::status){}), schema["properties"]["status"]);
}

TYPED_TEST(SchemaTest, NamesAgree) {
  const Json spec = LoadCrd<TypeParam>()["spec"];
  const KindInfo& info = InfoOf<TypeParam>();
  EXPECT_EQ(spec["group"], info.group);
  EXPECT_EQ(spec["names"]["kind"], info.kind);
  EXPECT_EQ(spec["names"]["plural"], info.plural);
  EXPECT_EQ(spec["versions"][0]["name"], info.version);
  EXPECT_EQ(spec["scope"], "Namespaced");
}

TYPED_TEST(SchemaTest, EveryPropertyIsDescribedByASentence) {
  ForEachProperty("", LoadSchema<TypeParam>(), [](const std::string& path, const Json& property) {
    if (path == ".metadata") return;  // the API server describes it
    const std::string text = property.value("description", "");
    EXPECT_TRUE(text.size() > 8 && text.ends_with(".")) << path << ": \"" << text << "\"";
  });
}

TYPED_TEST(SchemaTest, EveryRuleSaysWhatToWrite) {
  ForEachProperty("", LoadSchema<TypeParam>(), [](const std::string& path, const Json& property) {
    for (const Json& rule : property.value("x-kubernetes-validations", Json::array()))
      EXPECT_FALSE(rule.value("message", "").empty()) << path << ": " << rule["rule"];
  });
}

// Rules on strings and lists without a bound exceed the API server's cost budget sooner or later.
TYPED_TEST(SchemaTest, EverythingInSpecIsBounded) {
  const Json spec = LoadSchema<TypeParam>()["properties"]["spec"];
  ForEachProperty("spec", spec, [](const std::string& path, const Json& property) {
    const std::string type = property.value("type", "");
    const auto expect = [&](bool applies, const char* bound) {
      EXPECT_TRUE(!applies || property.contains(bound)) << path << ": " << bound;
    };
    expect(type == "string" && !property.contains("enum") && !property.contains("format"),
           "maxLength");
    expect(type == "array", "maxItems");
    expect(property.contains("additionalProperties"), "maxProperties");
    expect(type == "integer", "minimum");
  });
}

TEST(SharedParts, AreTheSameInEveryCrd) {
  const Json policy = LoadSchema<BackupPolicy>()["properties"]["spec"]["properties"];
  const Json restore = LoadSchema<Restore>()["properties"]["spec"]["properties"];
  const Json repository = LoadSchema<BackupRepository>()["properties"]["spec"]["properties"];
  EXPECT_EQ(policy["mover"]["properties"], restore["mover"]["properties"]);
  EXPECT_EQ(policy["mover"]["properties"], repository["mover"]["properties"]);
  EXPECT_EQ(policy["schedules"]["items"]["properties"]["cron"]["x-kubernetes-validations"],
            repository["prune"]["properties"]["schedule"]["x-kubernetes-validations"]);
}

}  // namespace
}  // namespace holdfast::crds
