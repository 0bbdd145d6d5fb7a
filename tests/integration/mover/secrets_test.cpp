// Passwords and keys come by files or the environment, and go nowhere: not into output, logs,
// messages or the repository, not into command lines, and not into what other processes or a crash
// can see of the mover's memory.
#include <chrono>
#include <map>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <sys/resource.h>

#include "jobs/storage/encoding.h"
#include "tests/integration/mover/run.h"

namespace holdfast::engine {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

const std::map<std::string, std::string> kEnvironment = {
    {"AWS_ACCESS_KEY_ID", "AKIAXKNOWNKEYID"},
    {"AWS_SECRET_ACCESS_KEY", "sEcReT/KnOwN+2fKey4711"},
    {"AWS_SESSION_TOKEN", "SessionTokenThatIsKnown0815=="},
};
constexpr const char* kSecretPassword = "Passw0rd-That-Is-Known";

// The access key's id is public: it stands in every signed request.
std::vector<std::string> Secrets() {
  std::vector<std::string> secrets = {kSecretPassword, kPassword,
                                      kEnvironment.at("AWS_SECRET_ACCESS_KEY"),
                                      kEnvironment.at("AWS_SESSION_TOKEN")};
  for (std::size_t i = secrets.size(); i-- > 0;)
    secrets.push_back(storage::Base64(AsBytes(secrets[i])));
  return secrets;
}

class SecretsTest : public MoverTest {
 protected:
  void SetUp() override {
    MoverTest::SetUp();
    for (const auto& [name, value] : kEnvironment) ::setenv(name.c_str(), value.c_str(), 1);
    WriteFile(password_file_, std::string(kSecretPassword) + "\n");
    ::chmod(password_file_.c_str(), 0644);
  }
  void TearDown() override {
    for (const auto& [name, value] : kEnvironment) ::unsetenv(name.c_str());
  }

  void ExpectNoSecretIn(const std::string& text, const std::string& where) {
    for (const std::string& secret : Secrets())
      EXPECT_EQ(text.find(secret), std::string::npos) << secret << " stands in " << where;
  }
  void ExpectNoSecretBelow(const std::string& folder) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) ExpectNoSecretIn(ReadFile(entry.path()), entry.path());
  }
  std::vector<std::string> With(std::vector<std::string> words) {
    words.push_back("--password-file=" + password_file_);
    return words;
  }
  int ExpectSilent(const std::vector<std::string>& words) {
    const Finished finished = Mover(words);
    ExpectNoSecretIn(finished.output, "the output of " + words.front() + ":\n" + finished.output);
    ExpectNoSecretIn(ReadFile(output_ + ".result"), "the result of " + words.front());
    return finished.exit;
  }
  // A backup that takes its time, as somebody who is not root; its lock stands already.
  std::unique_ptr<Process> StartBackup() {
    for (int i = 0; i < 24; ++i)
      WriteFile(source_ + "/" + std::to_string(i),
                Noise(20'000'000, static_cast<std::uint64_t>(i)));
    std::filesystem::create_directory(repo_);
    ::chmod(repo_.c_str(), 0777);
    EXPECT_EQ(Mover(With({"init"}), kNobody).exit, 0) << ReadFile(output_);
    std::vector<std::string> words = With(BackupWords());
    words.push_back("--repo=" + repo_);
    auto process = std::make_unique<Process>(Words(HOLDFAST_MOVER, words), output_, kNobody);
    for (int i = 0; i < 3000 && Count("data") == 0; ++i) std::this_thread::sleep_for(10ms);
    return process;
  }

  // A page that is left out of core dumps and locked, as the master key's is.
  static bool HasKeyPage(const std::string& proc) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    constexpr bool kLocks = false;  // mlock does nothing then
#else
    constexpr bool kLocks = true;
#endif
    bool one_page = false;
    std::istringstream maps(ReadFile(proc + "/smaps"));
    for (std::string line; std::getline(maps, line);) {
      if (line.starts_with("Size:")) one_page = line.ends_with(" 4 kB");
      if (!one_page || !line.starts_with("VmFlags:")) continue;
      const bool undumped = line.find(" dd") != std::string::npos;
      if (undumped && (!kLocks || line.find(" lo") != std::string::npos)) return true;
    }
    return false;
  }

  const std::string password_file_ = dir_.path() + "/password";
};

TEST_F(SecretsTest, NotInOutputNorInTheRepository) {
  WriteFile(source_ + "/file", "content");
  const std::vector<std::vector<std::string>> verbs = {
      {"init"},
      BackupWords(),
      {"snapshots"},
      {"ls", "latest"},
      {"check", "--read-data"},
      {"stats"},
      {"prune"},
      {"key", "list"},
      {"unlock"},
      {"forget", "--host=prod", "--as-path=/shop/data-0", "--keep-last=1"},
      {"restore", "latest", "--target=" + target_}};
  for (const auto& verb : verbs) {
    for (const char* style : {"--json", "-v"}) {
      std::vector<std::string> words = With(verb);
      words.emplace_back(style);
      const bool again = verb.front() == "init" && std::filesystem::exists(repo_ + "/config");
      EXPECT_EQ(ExpectSilent(words) != 0, again) << ReadFile(output_);
    }
  }
  ExpectNoSecretBelow(repo_);
}

TEST_F(SecretsTest, NotInErrors) {
  MoverSucceeds({"init"});
  EXPECT_EQ(ExpectSilent(With({"snapshots", "-v"})), 12) << "the wrong password";
  EXPECT_NE(ExpectSilent({"snapshots", "-v", "--password-file=" + source_}), 0);
  EXPECT_NE(ExpectSilent({"snapshots", "-v", "--no-such-option"}), 0);
  // Nobody listens there.
  std::vector<std::string> words = With({"snapshots", "-v", "--json"});
  words.emplace_back("--repo=s3:http://127.0.0.1:9/bucket/prefix");
  Process process(Words(HOLDFAST_MOVER, words), output_);
  for (int i = 0; i < 3000 && ReadFile(output_).size() < 100; ++i)
    std::this_thread::sleep_for(10ms);
  process.Signal(SIGTERM);
  const Finished finished = process.Wait();
  EXPECT_THAT(finished.output, HasSubstr("127.0.0.1"));
  ExpectNoSecretIn(finished.output, finished.output);
}

TEST_F(SecretsTest, NotInWhatOtherProcessesSee) {
  const auto process = StartBackup();
  const std::string proc = "/proc/" + std::to_string(process->pid());
  ExpectNoSecretIn(ReadFile(proc + "/cmdline"), "the command line");
  // The environment has them, and is closed to other processes of the same user.
  EXPECT_THAT(ReadFile(proc + "/environ"), HasSubstr(kEnvironment.at("AWS_SESSION_TOKEN")));
  Process reader({"cat", proc + "/environ"}, dir_.path() + "/output/seen", kNobody);
  const Finished read = reader.Wait();
  EXPECT_NE(read.exit, 0);
  EXPECT_THAT(read.output, HasSubstr("Permission denied"));
  EXPECT_TRUE(HasKeyPage(proc));
}

TEST_F(SecretsTest, NotInACoreDump) {
  const rlimit before = [] {
    rlimit limit{};
    ::getrlimit(RLIMIT_CORE, &limit);
    return limit;
  }();
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  ASSERT_EQ(::setrlimit(RLIMIT_CORE, &unlimited), 0) << "needs root";
  const std::filesystem::path here = std::filesystem::current_path();
  std::filesystem::current_path(dir_.path());  // where "core" would be written
  const auto process = StartBackup();
  process->Signal(SIGABRT);
  EXPECT_FALSE(process->WaitForCore());
  // What this shows is as good as the machine: another program may leave one here.
  Process control({"sleep", "100"}, dir_.path() + "/output/control");
  control.Signal(SIGABRT);
  RecordProperty("machine_dumps_core", control.WaitForCore() ? "yes" : "no");
  std::filesystem::current_path(here);
  ::setrlimit(RLIMIT_CORE, &before);
}

}  // namespace
}  // namespace holdfast::engine
