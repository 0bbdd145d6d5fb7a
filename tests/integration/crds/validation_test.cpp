// What the API server refuses, in whose words, and what it accepts: bad/ and good/ hold one object
// a file; the first line of a bad one is "# expect: <part of the message>".
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/crds/cluster.h"

namespace holdfast::crds {
namespace {

using testing::HasSubstr;

constexpr const char* kFolder = "tests/integration/crds/";

std::string ReadText(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

std::vector<std::filesystem::path> FilesIn(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  return files;
}

std::string Expected(const std::string& text) {
  constexpr std::string_view kMark = "# expect: ";
  if (!text.starts_with(kMark)) return "";
  return text.substr(kMark.size(), text.find('\n') - kMark.size());
}

class ValidationTest : public CrdTest {
 protected:
  // Changes an object that exists; the output of the API server.
  static e2e::Output Patch(const std::string& kind, const std::string& patch) {
    return kubectl().Run({"patch", kind, "fixed", "--type=merge", "-p", patch});
  }
  static void ExpectRefused(const std::string& kind, const std::string& patch,
                            const std::string& part) {
    const e2e::Output output = Patch(kind, patch);
    EXPECT_FALSE(output.ok()) << patch;
    EXPECT_THAT(output.text, HasSubstr(part)) << patch;
  }
  static void ExpectAccepted(const std::string& kind, const std::string& patch) {
    const e2e::Output output = Patch(kind, patch);
    EXPECT_TRUE(output.ok()) << patch << ": " << output.text;
  }
  static void Create(const std::string& kind, const std::string& spec) {
    kubectl().Must({"create", "-f", "-"}, "apiVersion: holdfast.dev/v1alpha1\nkind: " + kind +
                                              "\nmetadata: {name: fixed}\nspec: " + spec + "\n");
  }
};

TEST_F(ValidationTest, BadInputIsRefusedWithASentence) {
  const auto files = FilesIn(std::string(kFolder) + "bad");
  EXPECT_GE(files.size(), 60u);
  for (const auto& file : files) {
    const std::string expected = Expected(ReadText(file));
    EXPECT_FALSE(expected.empty()) << file << ": the first line is not \"# expect: ...\"";
    const auto output = kubectl().Run({"create", "--dry-run=server", "-f", file.string()});
    EXPECT_FALSE(output.ok()) << file;
    EXPECT_THAT(output.text, HasSubstr(expected)) << file;
  }
}

TEST_F(ValidationTest, GoodInputIsAccepted) {
  for (const auto& file : FilesIn(std::string(kFolder) + "good")) {
    const auto output =
        kubectl().Run({"create", "--dry-run=server", "--validate=strict", "-f", file.string()});
    EXPECT_TRUE(output.ok()) << file << ": " << output.text;
  }
}

// The examples name their own namespaces, which the server wants to exist even for a dry run.
TEST_F(ValidationTest, ExamplesAreAccepted) {
  for (const auto& file : FilesIn("examples")) {
    std::string text = ReadText(file);
    if (text.find("kind: Namespace") != text.npos) continue;
    for (const std::string from : {"namespace: shop\n", "namespace: shop-copy\n",
                                   "namespace: shop-standby\n", "namespace: holdfast-system\n"})
      for (std::size_t at; (at = text.find(from)) != text.npos;)
        text.replace(at, from.size(), "namespace: " + kubectl().ns() + "\n");
    const auto output =
        kubectl().Run({"create", "--dry-run=server", "--validate=strict", "-f", "-"}, text);
    EXPECT_TRUE(output.ok()) << file << ": " << output.text;
  }
}

TEST_F(ValidationTest, ABackupIsOneRun) {
  Create("Backup", "{policy: mysql}");
  ExpectRefused("bk", R"({"spec":{"policy":"other"}})", "create another Backup");
  ExpectRefused("bk", R"({"spec":{"type":"Full"}})", "create another Backup");
  ExpectAccepted("bk", R"({"spec":{"pinned":true,"deletionPolicy":"Delete"}})");
}

TEST_F(ValidationTest, ARestoresSourceAndTargetStay) {
  Create("Restore", "{source: {policy: mysql}, target: {statefulSet: mysql}}");
  ExpectRefused("rst", R"({"spec":{"source":{"previous":1}}})",
                "source of a Restore cannot change");
  ExpectRefused("rst", R"({"spec":{"target":{"statefulSet":"other"}}})",
                "target of a Restore cannot change");
  ExpectRefused("rst", R"({"spec":{"mode":"Follow"}})", "mode of a Restore cannot change");
  ExpectAccepted("rst", R"({"spec":{"retries":5}})");
}

// Until it has been opened the place may be a mistake that wants correcting.
TEST_F(ValidationTest, ARepositorysPlaceStaysOnceItWasOpened) {
  Create("BackupRepository",
         "{s3: {endpoint: 'https://s3.example.com', bucket: one, credentialsSecret: {name: s}}, "
         "passwordSecret: {name: p}}");
  ExpectAccepted("bkr", R"({"spec":{"s3":{"bucket":"two","endpoint":"https://s3.example.org"}}})");
  kubectl().Must({"patch", "bkr", "fixed", "--subresource=status", "--type=merge", "-p",
                  R"({"status":{"id":"0123"}})"});
  ExpectRefused("bkr", R"({"spec":{"s3":{"bucket":"three"}}})", "create another BackupRepository");
  ExpectRefused("bkr", R"({"spec":{"s3":{"prefix":"new"}}})", "create another BackupRepository");
  ExpectRefused("bkr", R"({"spec":{"s3":null,"filesystem":{"claimName":"c"}}})",
                "create another BackupRepository");
  ExpectAccepted("bkr", R"({"spec":{"s3":{"credentialsSecret":{"name":"new"}}}})");
}

}  // namespace
}  // namespace holdfast::crds
