// Commands against an API server that keeps objects, and a pod that answers.
#include "operator/plugin/commands.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <date/tz.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/types/backup_repository.h"
#include "jobs/protocol/result.h"
#include "operator/plugin/browser.h"
#include "operator/plugin/protection_report.h"
#include "tests/builders/kinds.h"
#include "tests/fakes/scripted_transport.h"

namespace holdfast::plugin {
namespace {

namespace fs = std::filesystem;
using builders::At;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class FixedClock final : public Clock {
 public:
  TimePoint Now() const override { return At("2026-08-05T12:00:00Z"); }
};

// Objects by their path. What is created gets a name and, by `created`, the status that an operator
// would give it.
class Server {
 public:
  Server() {
    transport.AnswerAll([this](const kube::Request& request) { return Answer(request); });
  }

  void Put(const std::string& collection, Json object) {
    const std::string path = collection + "/" + FindString(object, {"metadata", "name"});
    objects[path] = std::move(object);
  }

  fakes::ScriptedTransport transport;
  std::map<std::string, Json> objects;
  std::function<void(Json&)> created;
  std::vector<std::string> deleted;

 private:
  Result<kube::Response> Answer(const kube::Request& request) {
    switch (request.method) {
      case kube::Method::kPost:
        return Create(request);
      case kube::Method::kDelete:
        objects.erase(request.path);
        deleted.push_back(request.path);
        return kube::Response{200, "{}", {}};
      case kube::Method::kPatch: {
        Json& object = objects.at(request.path);
        object.merge_patch(Json::parse(request.body));
        if (created) created(object);
        return kube::Response{200, DumpJson(object), {}};
      }
      default:
        return Read(request.path);
    }
  }

  Result<kube::Response> Create(const kube::Request& request) {
    Json object = Json::parse(request.body);
    Json& metadata = object["metadata"];
    if (metadata.contains("generateName"))
      metadata["name"] = metadata["generateName"].get<std::string>() + "abcde";
    queries.push_back(request.query);
    if (created) created(object);
    objects[request.path + "/" + metadata["name"].get<std::string>()] = object;
    return kube::Response{201, DumpJson(object), {}};
  }

  Result<kube::Response> Read(const std::string& path) const {
    if (const auto found = objects.find(path); found != objects.end())
      return kube::Response{200, DumpJson(found->second), {}};
    Json items = Json::array();
    for (const auto& [key, object] : objects)
      if (key.substr(0, key.rfind('/')) == path) items.push_back(object);
    const bool collection = path.ends_with("s") && path.find("shop/") != path.npos &&
                            std::ranges::count(path.substr(path.find("shop/")), '/') == 1;
    if (collection)
      return kube::Response{
          200, DumpJson({{"metadata", {{"resourceVersion", "1"}}}, {"items", items}}), {}};
    return kube::Response{
        404,
        DumpJson({{"kind", "Status"}, {"reason", "NotFound"}, {"message", path + " not found"}}),
        {}};
  }

 public:
  std::vector<std::string> queries;
};

class FakeExecutor final : public kube::Executor {
 public:
  Result<int> Run(const kube::ExecRequest& request, const kube::ExecSink& on_stdout,
                  const kube::ExecSink& on_stderr, std::stop_token) override {
    std::string line;
    for (const std::string& word : request.command) line += (line.empty() ? "" : " ") + word;
    commands.push_back(request.pod.name + ": " + line);
    for (const auto& [start, output] : outputs)
      if (line.find(start) != line.npos) {
        TRY_VOID(on_stdout(output));
        return 0;
      }
    TRY_VOID(on_stderr("holdfast-mover: " + failure + "\n"));
    return 25;
  }

  std::vector<std::pair<std::string, std::string>> outputs;  // by a part of the command
  std::string failure = "there is no such thing";
  std::vector<std::string> commands;
};

const std::string kCollection = "/apis/holdfast.dev/v1alpha1/namespaces/shop/";
const std::string kSnapshot(64, 'a');

class CommandsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    crds::Backup backup;
    backup.metadata = builders::InShop("nightly-1");
    backup.spec.policy = "nightly";
    backup.status.phase = crds::BackupPhase::kSucceeded;
    backup.status.repository = "offsite";
    backup.status.start_time = At("2026-08-04T12:00:00Z");
    crds::VolumeBackup volume;
    volume.claim = "data-db-0";
    volume.pod = "db-0";
    volume.snapshot = kSnapshot;
    volume.bytes = 1 << 20;
    backup.status.volumes = {volume};
    Put("backups", backup);
    Put("backuppolicies", builders::PolicyNamed("nightly").Build());
    Put("backuprepositories", builders::RepositoryNamed("offsite").Build());
    server_.objects["/apis/apps/v1/namespaces/shop/statefulsets/db"] = {
        {"metadata", {{"name", "db"}, {"namespace", "shop"}, {"uid", "u"}}},
        {"spec", {{"replicas", 1}, {"volumeClaimTemplates", {{{"metadata", {{"name", "data"}}}}}}}},
        {"status", Json::object()}};
    server_.created = [](Json& object) {
      if (object["kind"] != "Restore") return;
      if (object["spec"]["target"].contains("browse"))
        object["status"] = {{"phase", "Browsing"},
                            {"pod", "reader"},
                            {"repository", "offsite"},
                            {"startTime", "2026-08-05T12:00:00Z"}};
      else
        object["status"] = {{"phase", "Succeeded"},
                            {"conditions",
                             {{{"type", "Ready"},
                               {"status", "True"},
                               {"reason", "Succeeded"},
                               {"message", "Restored 1 volume."},
                               {"lastTransitionTime", "2026-08-05T12:00:00Z"}}}}};
    };
  }

  template <typename Kind>
  void Put(const std::string& plural, const Kind& object) {
    Json json = crds::Encode(object);
    json["status"] = crds::EncodeStatus(object)["status"];
    server_.Put(kCollection + plural, std::move(json));
  }

  template <typename C>
  Result<void> Run(const C& command, bool yes = false, OutputFormat output = OutputFormat::kTable) {
    Screen screen(out_, notes_, [this] { return answer_; }, {.asks = answer_.has_value()});
    const kube::Api api(server_.transport);
    const FixedClock clock;
    const Session session{api,    executor_, clock,  screen, *date::locate_zone("Etc/UTC"),
                          "shop", false,     output, yes,    stop_.get_token()};
    return plugin::Run(session, command);
  }

  std::vector<Json> Restores() const {
    std::vector<Json> restores;
    for (const auto& [path, object] : server_.objects)
      if (path.starts_with(kCollection + "restores/")) restores.push_back(object);
    return restores;
  }

  Server server_;
  FakeExecutor executor_;
  std::ostringstream out_, notes_;
  std::optional<std::string> answer_;
  std::stop_source stop_;
};

TEST_F(CommandsTest, ARestoreIsMadeOnceSomebodyAgrees) {
  RestoreCommand command;
  command.what = "sts/db";
  answer_ = "n";
  EXPECT_EQ(Run(command).error().message, "nothing was done");
  EXPECT_THAT(Restores(), IsEmpty());
  EXPECT_THAT(notes_.str(), HasSubstr("stops     pods db-0"));
  answer_ = "y";
  const auto done = Run(command);
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_EQ(Restores().size(), 1u);
  EXPECT_EQ(Restores()[0]["spec"], (Json{{"source", {{"backup", "nightly-1"}}},
                                         {"target", {{"statefulSet", "db"}}},
                                         {"deleteExtra", true}}));
  EXPECT_THAT(server_.queries, ElementsAre("fieldManager=kubectl-holdfast"));
  EXPECT_THAT(notes_.str(), HasSubstr("Restored 1 volume."));
}

TEST_F(CommandsTest, ScriptsSayYesBeforehand) {
  RestoreCommand command;
  command.what = "db";
  EXPECT_THAT(Run(command).error().message, HasSubstr("with -y"));
  EXPECT_TRUE(Run(command, true));
}

TEST_F(CommandsTest, ARestoreThatFailsFailsTheCommand) {
  server_.created = [](Json& object) {
    object["status"] = {{"phase", "Failed"},
                        {"conditions",
                         {{{"type", "Ready"},
                           {"status", "False"},
                           {"reason", "Failed"},
                           {"message", "The disk is full."},
                           {"lastTransitionTime", "2026-08-05T12:00:00Z"}}}}};
  };
  RestoreCommand command;
  command.what = "sts/db";
  EXPECT_THAT(Run(command, true).error().message, HasSubstr("The disk is full."));
}

TEST_F(CommandsTest, NothingIsAskedThatCannotBeDone) {
  RestoreCommand command;
  command.what = "sts/none";
  EXPECT_THAT(Run(command, true).error().message, HasSubstr("there is no StatefulSet none"));
  command.what = "sts/db";
  command.as_of = "2026-08-01 00:00";
  EXPECT_THAT(Run(command, true).error().message, HasSubstr("started at or before"));
  command.as_of = "sometime";
  EXPECT_THAT(Run(command, true).error().message, HasSubstr("is no time"));
  EXPECT_THAT(Restores(), IsEmpty());
}

TEST_F(CommandsTest, FilesAreReadInAPodThatGoesAgain) {
  executor_.outputs = {
      {"ls --quiet --strip-path --no-recurse " + kSnapshot + " /etc", "/etc/my.cnf\n"}};
  LsCommand command;
  command.source.what = "sts/db";
  command.path = "etc";
  const auto done = Run(command);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(out_.str(), "/etc/my.cnf\n");
  EXPECT_THAT(executor_.commands,
              ElementsAre("reader: holdfast-mover ls --quiet --strip-path --no-recurse " +
                          kSnapshot + " /etc"));
  EXPECT_THAT(server_.deleted, ElementsAre(kCollection + "restores/browse-abcde"));
}

TEST_F(CommandsTest, APodThatIsKeptIsUsedAgainAndStays) {
  executor_.outputs = {{"ls", "/x\n"}};
  LsCommand command;
  command.source.what = "bk/nightly-1";
  command.source.keep = true;
  ASSERT_TRUE(Run(command));
  command.source.keep = false;
  ASSERT_TRUE(Run(command));
  EXPECT_EQ(Restores().size(), 1u);
  EXPECT_THAT(server_.deleted, IsEmpty());
  EXPECT_EQ(executor_.commands.size(), 2u);
}

TEST_F(CommandsTest, APodThatIsAboutToEndIsNotUsed) {
  crds::Restore restore;
  restore.metadata = builders::InShop("old");
  restore.spec.target.browse.emplace();
  restore.status.phase = crds::RestorePhase::kBrowsing;
  restore.status.pod = "reader";
  restore.status.repository = "offsite";
  restore.status.start_time = At("2026-08-05T11:51:00Z");
  const TimePoint now = FixedClock().Now();
  EXPECT_NE(RunningBrowse({restore}, "offsite", now), nullptr);
  EXPECT_EQ(RunningBrowse({restore}, "other", now), nullptr);
  restore.status.start_time = At("2026-08-05T11:50:30Z");
  EXPECT_EQ(RunningBrowse({restore}, "offsite", now), nullptr);
}

TEST_F(CommandsTest, WhatTheMoverSaidIsTheErrorAndThePodGoes) {
  CatCommand command;
  command.source.what = "bk/nightly-1";
  command.path = "/none";
  const auto failed = Run(command);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error(), (Error{Code::kNotFound, "there is no such thing"}));
  EXPECT_EQ(server_.deleted.size(), 1u);
}

TEST_F(CommandsTest, AStopRemovesThePodToo) {
  server_.created = [this](Json& object) {
    object["status"] = {{"phase", "Pending"}};
    stop_.request_stop();
  };
  LsCommand command;
  command.source.what = "bk/nightly-1";
  EXPECT_EQ(Run(command).error().code, Code::kCancelled);
  EXPECT_EQ(server_.deleted.size(), 1u);
}

TEST_F(CommandsTest, ADownloadIsWholeOrNotAtAll) {
  const std::string bytes("one\ntwo\0three\r\n", 15);
  executor_.outputs = {{"ls --json", R"({"struct_type":"node","path":"/f","type":"file","size":15})"
                                     "\n"},
                       {"dump", bytes}};
  std::string pattern = (fs::temp_directory_path() / "plugin-test-XXXXXX").string();
  const fs::path folder = ::mkdtemp(pattern.data());
  DownloadCommand command;
  command.source.what = "bk/nightly-1";
  command.path = "/f";
  command.to = folder / "f";
  const auto done = Run(command);
  EXPECT_TRUE(done) << done.error().message;
  std::ifstream in(folder / "f", std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), bytes);
  command.to = folder / "short";
  executor_.outputs[1].second = "one\n";
  EXPECT_THAT(Run(command).error().message, HasSubstr("4 bytes of /f came instead of 15"));
  EXPECT_FALSE(fs::exists(folder / "short"));
  fs::remove_all(folder);
}

TEST_F(CommandsTest, VerifyReadsTheSnapshotsOfABackup) {
  protocol::MoverResult result;
  result.verb = "check";
  result.snapshots = 1;
  result.stored_bytes = 3 << 20;
  executor_.outputs = {{"check --json " + kSnapshot, protocol::Encode(result) + "\n"}};
  VerifyCommand command;
  command.source.what = "bkp/nightly";
  const auto done = Run(command);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(out_.str(), "Backup nightly-1 is whole: 1 snapshot, 3.0 MiB read back and compared.\n");
  executor_.outputs.clear();
  executor_.failure = "2 places in the repository are damaged";
  EXPECT_THAT(Run(command).error().message, HasSubstr("2 places"));
}

TEST_F(CommandsTest, SnapshotsComeFromBackupsOrFromTheRepository) {
  ASSERT_TRUE(Run(SnapshotsCommand{}));
  EXPECT_EQ(out_.str(),
            "BACKUP      TAKEN      CLAIM       SIZE      SNAPSHOT\n"
            "nightly-1   1d0h ago   data-db-0   1.0 MiB   aaaaaaaa\n");
  out_.str("");
  executor_.outputs = {
      {"snapshots --json",
       R"({"id":"bbbbbbbbbbbb","time":"2026-08-05T11:00:00Z","hostname":"other","paths":["/x"]})"
       "\n"
       R"({"verb":"snapshots"})"
       "\n"}};
  SnapshotsCommand command;
  command.repository = "offsite";
  ASSERT_TRUE(Run(command));
  EXPECT_THAT(out_.str(), HasSubstr("bbbbbbbb   1h00m ago"));
  EXPECT_THAT(out_.str(), HasSubstr("other"));
}

TEST_F(CommandsTest, ReportsNameWhatNobodyProtects) {
  server_.objects["/apis/apps/v1/namespaces/shop/statefulsets/web"] = {
      {"metadata", {{"name", "web"}, {"namespace", "shop"}, {"uid", "w"}}},
      {"spec", {{"replicas", 1}, {"volumeClaimTemplates", {{{"metadata", {{"name", "data"}}}}}}}},
      {"status", Json::object()}};
  ASSERT_TRUE(Run(ReportCommand{}));
  EXPECT_THAT(out_.str(), HasSubstr("StatefulSet/web   <none>    never"));
  EXPECT_THAT(out_.str(), HasSubstr("REPOSITORY"));
  out_.str("");
  ASSERT_TRUE(Run(ReportCommand{}, false, OutputFormat::kJson));
  const auto json = ParseJson(out_.str());
  ASSERT_TRUE(json) << out_.str();
  EXPECT_EQ((*json)["unprotected"], (Json{{{"namespace", "shop"}, {"statefulSet", "web"}}}));
  EXPECT_EQ((*json)["policies"][0]["policy"], "nightly");
}

TEST_F(CommandsTest, AnImportWaitsForItsOwnRun) {
  server_.created = [](Json& object) {
    EXPECT_EQ(object["spec"]["import"]["cluster"], "old");
    object["status"]["lastImport"] = {{"job", "import-2"},
                                      {"state", "Succeeded"},
                                      {"message", "3 Backups found, and all are here"}};
  };
  ImportCommand command;
  command.repository = "bkr/offsite";
  command.cluster = "old";
  const auto done = Run(command);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(notes_.str(), HasSubstr("3 Backups found"));
}

TEST_F(CommandsTest, ABackupIsMadeOfThePolicyThatProtects) {
  BackupCommand command;
  command.what = "sts/db";
  command.type = "full";
  ASSERT_TRUE(Run(command, false, OutputFormat::kYaml));
  const Json made = server_.objects.at(kCollection + "backups/nightly-manual-abcde");
  EXPECT_EQ(made["spec"], (Json{{"policy", "nightly"}, {"type", "Full"}}));
  EXPECT_THAT(out_.str(), HasSubstr("kind: Backup"));
  EXPECT_THAT(notes_.str(), HasSubstr("kubectl holdfast status -n shop bk/nightly-manual-abcde"));
}

TEST_F(CommandsTest, StatusShowsAllOrOne) {
  ASSERT_TRUE(Run(StatusCommand{}));
  EXPECT_THAT(out_.str(), HasSubstr("bkr/offsite"));
  EXPECT_THAT(out_.str(), HasSubstr("bkp/nightly"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("bk/nightly-1"))) << "what went well is not news";
  StatusCommand one;
  one.what = "bk/nightly-1";
  out_.str("");
  ASSERT_TRUE(Run(one));
  EXPECT_THAT(out_.str(), HasSubstr("bk/nightly-1   Succeeded"));
  one.wait = true;
  one.what = "bkp/nightly";
  EXPECT_THAT(Run(one).error().message, HasSubstr("--wait is for"));
}

TEST_F(CommandsTest, WhoLacksRightsIsToldWhichRoleHasThem) {
  server_.transport.AnswerAll([](const kube::Request&) -> Result<kube::Response> {
    return kube::Response{
        403, R"({"kind":"Status","reason":"Forbidden","message":"backups is forbidden"})", {}};
  });
  const auto refused = Run(SnapshotsCommand{});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("holdfast-edit"));
}

}  // namespace
}  // namespace holdfast::plugin
