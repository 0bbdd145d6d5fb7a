// kubectl holdfast: the program itself, against a cluster, in every command.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <unistd.h>

#include "tests/e2e/fixture.h"
#include "tests/e2e/terminal.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

std::string KubectlProgram() {
  const char* program = std::getenv("HOLDFAST_KUBECTL");
  return program == nullptr ? "kubectl" : program;
}

class PluginTest : public EndToEnd {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(EndToEnd::SetUp());
    std::string pattern = (fs::temp_directory_path() / "plugin-e2e-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override {
    fs::remove_all(folder_);
    EndToEnd::TearDown();
  }

  std::vector<std::string> Line(std::vector<std::string> words) const {
    words.insert(words.begin(), {HOLDFAST_KUBECTL_PLUGIN, "-n", kubectl_.ns()});
    return words;
  }
  Output Run(const std::vector<std::string>& words) const { return RunProgram(Line(words)); }
  std::string Must(const std::vector<std::string>& words) const {
    const Output output = Run(words);
    EXPECT_TRUE(output.ok()) << words.front() << ": " << output.text;
    return output.text;
  }
  // Standard output alone.
  Json MustJson(std::vector<std::string> words) const {
    std::string line = "exec 2>/dev/null;";
    for (const std::string& word : Line(std::move(words))) line += " '" + word + "'";
    const Output output = RunProgram({"sh", "-c", line});
    EXPECT_TRUE(output.ok()) << line;
    const auto json = ParseJson(output.text);
    EXPECT_TRUE(json) << output.text;
    return json.value_or(Json());
  }

  std::string LocalDigest(const fs::path& file) const {
    return RunProgram({"md5sum", file.string()}).text.substr(0, 32);
  }
  std::vector<std::string> Restores() const {
    std::istringstream names(kubectl_.Must({"get", "rst", "-o", "name"}));
    std::vector<std::string> list;
    for (std::string name; std::getline(names, name);) list.push_back(name);
    return list;
  }

  fs::path folder_;
};

// One app for all of it: backups, looks, a file, damage of the workload, and the way back.
TEST_F(PluginTest, FromTheFirstBackupToTheWayBack) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 20));
  const std::string before = DataDigest("app-0");

  const std::string backup = Must({"backup", "sts/app", "--name", "first", "--wait"});
  EXPECT_NE(backup.find("backup.holdfast.dev/first created"), backup.npos) << backup;
  EXPECT_EQ(FindString(kubectl_.Get("bk", "first"), {"status", "phase"}), "Succeeded");

  // Looking: objects, and files in a pod that is kept for the next command.
  EXPECT_NE(Must({"status"}).find("bkp/app"), std::string::npos);
  EXPECT_NE(Must({"status", "bk/first"}).find("Succeeded"), std::string::npos);
  EXPECT_NE(Must({"snapshots"}).find("data-app-0"), std::string::npos);
  EXPECT_NE(Must({"snapshots", "sts/app", "-o", "wide"}).find("offsite"), std::string::npos);
  EXPECT_NE(Must({"snapshots", "--repository", "offsite", "--keep"})
                .find("/" + kubectl_.ns() + "/data-app-0"),
            std::string::npos);
  ASSERT_EQ(Restores().size(), 1u) << "the one that was kept";
  const std::string listed = Must({"ls", "sts/app"});
  EXPECT_NE(listed.find("/a dir\n"), listed.npos) << listed;
  EXPECT_EQ(listed.find("/a dir/deep"), listed.npos) << "only what was asked for: " << listed;
  EXPECT_NE(Must({"ls", "bk/first", "-R"}).find("/a dir/deep/name\n"), std::string::npos);
  EXPECT_NE(Must({"ls", "bk/first", "/a dir", "-l"}).find("drwx"), std::string::npos);
  EXPECT_EQ(Must({"cat", "bk/first", "/a dir/deep/name"}), "app-0\n");
  EXPECT_EQ(Restores().size(), 1u) << "the same pod, again and again";

  // Completion as kubectl asks for it, paths from the running pod.
  const auto complete = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {HOLDFAST_KUBECTL_PLUGIN, "__complete", "-n", kubectl_.ns()});
    return RunProgram(words).text;
  };
  EXPECT_EQ(complete({"restore", "sts/a"}), "sts/app\n:4\n");
  EXPECT_EQ(complete({"cat", "bk/first", "/a"}), "/a dir/\n:6\n");
  kubectl_.Must({"delete", Restores().front()});

  // One file, byte for byte: 20 MB of noise.
  const fs::path big = folder_ / "big";
  Must({"download", "sts/app", "/big", "--to", big.string()});
  EXPECT_EQ(fs::file_size(big), 20u << 20);
  EXPECT_EQ(LocalDigest(big) + "  /data/big\n", kubectl_.Shell("app-0", "md5sum /data/big"));
  EXPECT_FALSE(Run({"download", "sts/app", "/big", "--to", big.string()}).ok())
      << "not over what is there";
  Must({"download", "sts/app", "/a dir", "--to", (folder_ / "dir.tar").string()});
  // GNU tar does not know hdrcharset, by which names are bytes.
  EXPECT_EQ(RunProgram({"tar", "--warning=no-unknown-keyword", "-xOf",
                        (folder_ / "dir.tar").string(), "deep/name"})
                .text,
            "app-0\n");
  EXPECT_TRUE(Restores().empty()) << "each went with its command";

  const std::string verified = Must({"verify", "bk/first"});
  EXPECT_NE(verified.find("Backup first is whole: 1 snapshot"), verified.npos) << verified;
  EXPECT_NE(Must({"verify", "bkr/offsite"}).find("is whole"), std::string::npos);

  // The way back, with the question answered on a terminal.
  kubectl_.Shell("app-0", "rm -r '/data/a dir' && echo new > /data/later");
  const Output refused = RunOnTerminal(Line({"restore", "sts/app"}), {{"Go on? [y/N]", "n\n"}});
  EXPECT_NE(refused.text.find("nothing was done"), refused.text.npos) << refused.text;
  EXPECT_FALSE(Run({"restore", "sts/app"}).ok()) << "nobody can answer";
  EXPECT_TRUE(Restores().empty());
  const Output restored =
      RunOnTerminal(Line({"restore", "sts/app", "--as-of", "1s ago"}), {{"Go on? [y/N]", "y\n"}});
  EXPECT_TRUE(restored.ok()) << restored.text;
  for (const char* said : {"Backup first", "data-app-0", "stops     pods app-0", "ScaleDown",
                           "\x1b[J", "and verified"})
    EXPECT_NE(restored.text.find(said), restored.text.npos) << said << " in: " << restored.text;
  EXPECT_EQ(DataDigest("app-0"), before);

  // For programs.
  const Json report = MustJson({"report", "-o", "json"});
  EXPECT_EQ(report["policies"][0]["target"], "StatefulSet/app");
  EXPECT_GT(report["policies"][0]["protectedBytes"].get<std::int64_t>(), 20 << 20);
  EXPECT_TRUE(report["unprotected"].empty());
  EXPECT_EQ(MustJson({"ls", "bk/first", "-o", "json"})["items"].size(),
            static_cast<std::size_t>(std::ranges::count(listed, '\n')));
  EXPECT_NE(Must({"status", "bk/first", "-o", "yaml"}).find("kind: Backup"), std::string::npos);
  EXPECT_NE(Must({"report", "-A"}).find(kubectl_.ns()), std::string::npos);

  // Scripts: yes beforehand, plain lines, an exit code.
  const std::string again = Must({"restore", "sts/app", "-y", "--backup", "first"});
  EXPECT_NE(again.find("Restore Succeeded after"), again.npos) << again;
  const Output wrong = Run({"restore", "sts/nothing", "-y"});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_NE(wrong.text.find("there is no StatefulSet nothing"), wrong.text.npos) << wrong.text;
  EXPECT_EQ(Run({"resotre"}).exit_code, 2);
}

// As kubectl finds and calls it.
TEST_F(PluginTest, KubectlRunsItAndAsksItForCompletions) {
  const fs::path plugin = HOLDFAST_KUBECTL_PLUGIN;
  fs::create_symlink(plugin, folder_ / "kubectl-holdfast");
  fs::create_symlink(plugin, folder_ / "kubectl_complete-holdfast");
  const std::string path = "PATH=" + folder_.string() + ":" + std::getenv("PATH");
  const Output version = RunProgram({"env", path, KubectlProgram(), "holdfast", "--version"});
  EXPECT_NE(version.text.find("kubectl-holdfast "), version.text.npos) << version.text;
  const Output completed =
      RunProgram({"env", path, KubectlProgram(), "__complete", "holdfast", "rest"});
  EXPECT_NE(completed.text.find("restore\n"), completed.text.npos) << completed.text;
}

// Without the plugin: the example, with kubectl alone; and how little of the repository it reads.
TEST_F(PluginTest, AFileByKubectlAlone) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 20));
  ASSERT_TRUE(BackedUp("first"));
  const std::string snapshot =
      FindString(kubectl_.Get("bk", "first")["status"]["volumes"][0], {"snapshot"});
  kubectl_.Apply(Example("restore-browse.yaml"));
  kubectl_.Must({"wait", "rst/look", "--for=condition=Ready", "--timeout=120s"});
  EXPECT_EQ(FindString(kubectl_.Get("rst", "look"), {"status", "phase"}), "Browsing");
  const std::string pod = FindString(kubectl_.Get("rst", "look"), {"status", "pod"});
  const auto mover = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"exec", pod, "--", "holdfast-mover"});
    return kubectl_.Must(words);
  };
  EXPECT_NE(mover({"snapshots"}).find(snapshot.substr(0, 8)), std::string::npos);
  EXPECT_NE(mover({"ls", "--strip-path", snapshot, "/a dir"}).find("/a dir/deep/name"),
            std::string::npos);

  // Every request to the store, as the mover logs it.
  std::istringstream log(
      mover({"dump", "--json", "-v", "--strip-path", snapshot, "/a dir/deep/name"}));
  std::uint64_t loaded = 0;
  bool content = false;
  for (std::string line; std::getline(log, line);) {
    content |= line == "app-0";
    const auto record = ParseJson(line);
    if (record && FindString(*record, {"msg"}) == "load")
      loaded += std::stoull(FindString(*record, {"amount"}));
  }
  EXPECT_TRUE(content) << log.str();
  EXPECT_GT(loaded, 0u) << log.str();
  EXPECT_LT(loaded, 2u << 20) << "of 20 MiB: " << log.str();

  // The pod goes with its Restore, at once.
  kubectl_.Must({"delete", "rst", "look"});
  WaitUntil("the pod is gone", seconds(60), [&] { return kubectl_.Get("pod", pod).is_null(); });
}

// It stays for its period, and ends well.
TEST_F(PluginTest, ABrowseEndsByItself) {
  MakeSecrets();
  kubectl_.Apply(RepositoryYaml());
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
  kubectl_.Apply(R"(
apiVersion: holdfast.dev/v1alpha1
kind: Restore
metadata: {name: short}
spec: {source: {repository: offsite}, target: {browse: {period: 5s}}}
)");
  ASSERT_TRUE(Restored("short"));
  EXPECT_EQ(FindString(kubectl_.Get("rst", "short"), {"status", "pod"}), "");
}

// A new cluster's namespace knows nothing of the backups of an old one.
TEST_F(PluginTest, ImportBringsBackupsThatARepositoryHolds) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 1));
  Must({"backup", "bkp/app", "--name", "first", "--wait"});
  kubectl_.Must({"delete", "bk", "first"});
  const Output imported = Run({"import", "bkr/offsite"});
  ASSERT_TRUE(imported.ok()) << imported.text;
  EXPECT_NE(imported.text.find("1 Backup found"), imported.text.npos) << imported.text;
  EXPECT_NE(Must({"snapshots", "bkr/offsite"}).find("first"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::e2e
