// Manifests from what the kubelet mounts, and their snapshot.
#include "jobs/engine/manifests.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "jobs/engine/verbs.h"
#include "jobs/storage/encoding.h"

namespace holdfast::engine {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Neither of the shared ones can stand beside verbs.h, which has a ReadFile of its own.
class Scratch {
 public:
  Scratch() {
    std::string pattern = fs::temp_directory_path() / "holdfast-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Scratch() { fs::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class ManifestsTest : public ::testing::Test {
 protected:
  ManifestsTest() {
    Write("objects/list.json", R"([{"kind": "StatefulSet", "metadata": {"name": "db"}}])");
  }
  std::string Folder() const { return scratch_.path() + "/manifests"; }
  // As the kubelet does: the keys are links into a folder with a name of its own.
  void Mount(const std::string& folder, const std::map<std::string, std::string>& keys) {
    fs::create_directories(Folder() + "/" + folder + "/..2026_01_01");
    fs::create_symlink("..2026_01_01", Folder() + "/" + folder + "/..data");
    for (const auto& [key, value] : keys) {
      Write(folder + "/..2026_01_01/" + key, value);
      fs::create_symlink("..data/" + key, Folder() + "/" + folder + "/" + key);
    }
  }
  void Write(const std::string& path, const std::string& content) {
    fs::create_directories(fs::path(Folder() + "/" + path).parent_path());
    std::ofstream(Folder() + "/" + path) << content;
  }
  static std::vector<std::string> Names(const ComposedManifests& composed) {
    std::vector<std::string> names;
    for (const MadeFile& file : composed.files) names.push_back(file.name);
    return names;
  }
  static Json Content(const ComposedManifests& composed, const std::string& name) {
    for (const MadeFile& file : composed.files)
      if (file.name == name) return ParseJson(file.content).value();
    return nullptr;
  }

  Scratch scratch_;
};

TEST_F(ManifestsTest, KeysBecomeObjectsThatCanBeApplied) {
  Mount("configmaps/conf", {{"db.conf", "port = 5432\n"}, {"blob", std::string("\xff\0x", 3)}});
  Mount("secrets/password", {{"password", "hunter2"}});
  const auto composed = ComposeManifests(Folder()).value();
  EXPECT_THAT(Names(composed),
              ElementsAre("ConfigMap-conf.json", "Secret-password.json", "StatefulSet-db.json"));
  EXPECT_TRUE(composed.secrets);
  EXPECT_THAT(composed.missing, IsEmpty());
  EXPECT_EQ(Content(composed, "ConfigMap-conf.json"),
            (Json{{"apiVersion", "v1"},
                  {"kind", "ConfigMap"},
                  {"metadata", {{"name", "conf"}}},
                  {"data", {{"db.conf", "port = 5432\n"}}},
                  {"binaryData", {{"blob", "/wB4"}}}}));
  EXPECT_EQ(Content(composed, "Secret-password.json"),
            (Json{{"apiVersion", "v1"},
                  {"kind", "Secret"},
                  {"type", "Opaque"},
                  {"metadata", {{"name", "password"}}},
                  {"data", {{"password", "aHVudGVyMg=="}}}}));
}

TEST_F(ManifestsTest, ASecretsTypeIsToldByItsKeys) {
  Mount("secrets/pull", {{".dockerconfigjson", "{}"}});
  Mount("secrets/old", {{".dockercfg", "{}"}});
  Mount("secrets/tls", {{"tls.crt", "c"}, {"tls.key", "k"}});
  Mount("secrets/half", {{"tls.crt", "c"}});
  const auto composed = ComposeManifests(Folder()).value();
  const auto type = [&](const std::string& name) {
    return FindString(Content(composed, "Secret-" + name + ".json"), {"type"});
  };
  EXPECT_EQ(type("pull"), "kubernetes.io/dockerconfigjson");
  EXPECT_EQ(type("old"), "kubernetes.io/dockercfg");
  EXPECT_EQ(type("tls"), "kubernetes.io/tls");
  EXPECT_EQ(type("half"), "Opaque");
}

TEST_F(ManifestsTest, WhatDoesNotExistIsMissing) {
  Mount("configmaps/gone", {});
  const auto composed = ComposeManifests(Folder()).value();
  EXPECT_THAT(composed.missing, ElementsAre("ConfigMap/gone"));
  EXPECT_THAT(Names(composed), ElementsAre("StatefulSet-db.json"));
  EXPECT_FALSE(composed.secrets);
}

TEST_F(ManifestsTest, MoreThanAMoversMemoryBearsIsRefused) {
  for (int i = 0; i < 17; ++i)
    Mount("configmaps/large-" + std::to_string(i), {{"key", std::string(1 << 20, 'x')}});
  const auto composed = ComposeManifests(Folder());
  ASSERT_FALSE(composed);
  EXPECT_THAT(composed.error().message, HasSubstr("more than 16 MiB"));
}

TEST_F(ManifestsTest, WhatIsNoListOfObjectsIsRefused) {
  for (const char* text :
       {"", "{}", "[5]", R"([{"kind": "A"}])", R"([{"metadata": {"name": "a"}}])",
        R"([{"kind": "../A", "metadata": {"name": "a"}}])"}) {
    Write("objects/list.json", text);
    const auto composed = ComposeManifests(Folder());
    ASSERT_FALSE(composed) << text;
    EXPECT_EQ(composed.error().code, Code::kInvalid) << text;
  }
}

// Runs verbs against a repository in a folder.
class ManifestsVerbTest : public ManifestsTest {
 protected:
  ManifestsVerbTest() {
    fs::create_directories(scratch_.path() + "/data");
    std::ofstream(scratch_.path() + "/data/file") << "content";
    Ran(InitRequest{});
  }
  protocol::MoverResult Ran(const Request& request) {
    Meter meter;
    SessionOptions session;
    session.location = scratch_.path() + "/repository";
    session.password = "pw";
    return engine::Run(request, {session, true, false, meter, clock_, out_, out_}, {});
  }
  BackupRequest Backup() {
    BackupRequest request;
    request.archive.source = scratch_.path() + "/data";
    request.archive.identity = {"prod", "/shop/data-db-0"};
    request.archive.tags = {"backup=shop/run", "policy=shop/p", "pod=db-0"};
    request.manifests_path = "/shop/manifests/db";
    request.manifests_folder = Folder();
    return request;
  }
  protocol::MoverResult Restored(const std::string& snapshot, bool refuse) {
    RestoreRequest request;
    request.snapshot = snapshot;
    request.restore.target = scratch_.path() + "/back";
    request.restore.root = "/shop/manifests/db";
    request.refuse_secrets = refuse;
    return Ran(request);
  }
  std::string Text(const std::string& path) const {
    std::ifstream file(scratch_.path() + "/" + path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  SystemClock clock_;
  std::ostringstream out_;
};

TEST_F(ManifestsVerbTest, ABackupKeepsThemInASnapshotOfTheirOwn) {
  Mount("secrets/password", {{"password", "hunter2"}});
  Mount("configmaps/gone", {});
  const auto result = Ran(Backup());
  ASSERT_EQ(result.exit, protocol::ExitCode::kOk) << result.message;
  EXPECT_NE(result.manifests, "");
  EXPECT_NE(result.manifests, result.snapshot);
  EXPECT_EQ(result.manifests_files, 2u);
  EXPECT_THAT(result.manifests_missing, ElementsAre("ConfigMap/gone"));
  EXPECT_EQ(result.files, 1u) << "the volume's own";
  EXPECT_TRUE(result.manifests_secrets);

  ASSERT_EQ(Restored(result.manifests, false).exit, protocol::ExitCode::kOk);
  EXPECT_THAT(Text("back/Secret-password.json"), HasSubstr("aHVudGVyMg=="));
  EXPECT_EQ(FindString(ParseJson(Text("back/StatefulSet-db.json")).value(), {"metadata", "name"}),
            "db");

  out_.str("");
  Ran(SnapshotsRequest{{"prod", "/shop/manifests/db"}, ""});
  EXPECT_THAT(out_.str(), HasSubstr("backup=shop/run"));
  EXPECT_THAT(out_.str(), HasSubstr("contains=secrets"));
  EXPECT_THAT(out_.str(), HasSubstr("statefulset=db"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("pod=db-0")));
}

TEST_F(ManifestsVerbTest, ARestoreIntoAVolumeRefusesSecretsAndNothingElse) {
  const auto without = Ran(Backup());
  EXPECT_FALSE(without.manifests_secrets);
  EXPECT_EQ(Restored(without.manifests, true).exit, protocol::ExitCode::kOk);
  Mount("secrets/password", {{"password", "hunter2"}});
  const auto with = Ran(Backup());
  const auto refused = Restored(with.manifests, true);
  EXPECT_EQ(refused.exit, protocol::ExitCode::kNotSupported);
  EXPECT_THAT(refused.message, HasSubstr("holds Secrets"));
  EXPECT_FALSE(fs::exists(scratch_.path() + "/back/Secret-password.json"));
}

TEST_F(ManifestsVerbTest, TheSameManifestsAreTheSameTreeAndStoreNothing) {
  Mount("configmaps/conf", {{"a", "1"}});
  Ran(Backup());
  const auto packs = [&] {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(scratch_.path() + "/repository/data"))
      count += entry.is_regular_file();
    return count;
  };
  const std::size_t before = packs();
  const auto again = Ran(Backup());
  EXPECT_NE(again.manifests, "");
  EXPECT_EQ(packs(), before);
}

TEST_F(ManifestsVerbTest, GoWithTheSnapshotsOfTheirVolumeAndNoOther) {
  const auto kept = Ran(Backup());
  const auto forget = [&](const std::string& path, const std::string& tag) {
    ForgetRequest request;
    request.forget.identity = {"prod", path};
    request.forget.tag = tag;
    request.forget.ids = {kept.snapshot, kept.manifests};
    return Ran(request);
  };
  EXPECT_EQ(forget("/shop/data-db-0", "backup=shop/other").removed.size(), 0u);
  EXPECT_EQ(forget("/other/data-db-0", "backup=shop/run").removed.size(), 0u);
  EXPECT_EQ(forget("/shop/data-db-1", "backup=shop/run").removed.size(), 0u);
  const auto removed = forget("/shop/data-db-0", "backup=shop/run");
  EXPECT_THAT(removed.removed, ElementsAre(kept.snapshot, kept.manifests)) << removed.message;
}

TEST_F(ManifestsVerbTest, ThatTheyCannotBeKeptLeavesTheVolumesSnapshot) {
  fs::remove(Folder() + "/objects/list.json");
  const auto result = Ran(Backup());
  EXPECT_EQ(result.exit, protocol::ExitCode::kOk);
  EXPECT_NE(result.snapshot, "");
  EXPECT_EQ(result.manifests, "");
  EXPECT_THAT(result.manifests_error, HasSubstr("list.json"));
}

}  // namespace
}  // namespace holdfast::engine
