#include "jobs/options.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/protocol/args.h"

namespace holdfast {
namespace {

using protocol::BackupType;
using protocol::ExitCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

tl::expected<Options, Ending> ParseLine(const std::vector<std::string>& words) {
  return ParseOptions(words, [](const char* name) {
    return std::string(name) == "AWS_ACCESS_KEY_ID" ? "key" : "";
  });
}

template <typename Args>
Options Emitted(const Args& args) {
  auto options = ParseLine(protocol::CommandLine(args));
  EXPECT_TRUE(options) << options.error().text;
  return options ? *options : Options{};
}

protocol::RepositoryArgs Repository() {
  protocol::RepositoryArgs repository;
  repository.location = "s3:https://s3.example/bucket/prefix";
  repository.has_ca = true;
  repository.virtual_host_style = true;
  repository.holder = "shop/pod-uid";
  repository.dead_holders = {"shop/a", "shop/b"};
  repository.upload_per_second = 1000;
  repository.download_per_second = 2000;
  return repository;
}

void ExpectRepository(const Options& options) {
  EXPECT_TRUE(options.json);
  EXPECT_EQ(options.session.location, "s3:https://s3.example/bucket/prefix");
  EXPECT_EQ(options.session.password_file, protocol::kPasswordFile);
  EXPECT_EQ(options.session.storage.ca_file, protocol::kCaFile);
  EXPECT_TRUE(options.session.storage.s3_virtual_host_style);
  EXPECT_EQ(options.session.storage.s3_credentials.access_key_id, "key");
  EXPECT_EQ(options.session.holder, "shop/pod-uid");
  EXPECT_THAT(options.session.dead_holders, ElementsAre("shop/a", "shop/b"));
  EXPECT_EQ(options.session.limits.upload_per_second, 1000u);
  EXPECT_EQ(options.session.limits.download_per_second, 2000u);
}

TEST(OptionsTest, UnderstandsTheOperatorsStay) {
  protocol::StayArgs args;
  args.period = std::chrono::minutes(7);
  const Options options = Emitted(args);
  EXPECT_TRUE(options.json);
  EXPECT_EQ(std::get<engine::StayRequest>(options.request).period, std::chrono::minutes(7));
}

// A command that is run beside a mover that stays: kubectl exec POD -- holdfast-mover ls latest
TEST(OptionsTest, CommandsThatReadTakeTheContainersRepository) {
  const std::string inherited = protocol::EncodeWords(protocol::RepositoryWords(Repository()));
  const auto beside = [&](const std::vector<std::string>& words) {
    return ParseOptions(words, [&](const char* name) {
      if (std::string(name) == protocol::kOptionsVariable) return inherited;
      return std::string(std::string(name) == "AWS_ACCESS_KEY_ID" ? "key" : "");
    });
  };
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"ls", "--json", "latest", "/a"},
        {"snapshots", "--json"},
        {"dump", "--json", "latest", "/a"},
        {"check", "--json", "4a5b6c7d"},
        {"stats", "--json"},
        {"find", "--json", "x"},
        {"backups", "--json"},
        {"diff", "--json", "a", "b"}}) {
    const auto options = beside(words);
    ASSERT_TRUE(options) << words[0] << ": " << options.error().text;
    ExpectRepository(*options);
  }
  EXPECT_EQ(beside({"ls", "--repo=/elsewhere", "latest"})->session.location, "/elsewhere");
  EXPECT_EQ(beside({"ls", "-r", "/elsewhere", "latest"})->session.location, "/elsewhere");
  EXPECT_EQ(beside({"forget", "4a5b6c7d"})->session.location, "") << "nothing but reading";
}

TEST(OptionsTest, AContainersRepositoryThatCannotBeReadIsNamed) {
  const auto options = ParseOptions({"snapshots"}, [](const char* name) {
    return std::string(std::string(name) == protocol::kOptionsVariable ? "{" : "");
  });
  ASSERT_FALSE(options);
  EXPECT_THAT(options.error().text, HasSubstr(protocol::kOptionsVariable));
}

TEST(OptionsTest, ChecksOfSnapshotsAndListingsOfOneDirectory) {
  const auto check = ParseLine({"check", "4a5b6c7d", "00112233"});
  ASSERT_TRUE(check) << check.error().text;
  EXPECT_THAT(std::get<engine::CheckRequest>(check->request).snapshots,
              ElementsAre("4a5b6c7d", "00112233"));
  EXPECT_FALSE(ParseLine({"check", "--read-data", "4a5b6c7d"}));
  EXPECT_FALSE(
      std::get<engine::LsRequest>(ParseLine({"ls", "--no-recurse", "latest"})->request).recurse);
  EXPECT_TRUE(std::get<engine::LsRequest>(ParseLine({"ls", "latest"})->request).recurse);
  EXPECT_TRUE(
      std::get<engine::LsRequest>(ParseLine({"ls", "--strip-path", "latest"})->request).strip_path);
  EXPECT_TRUE(
      std::get<engine::DumpRequest>(ParseLine({"dump", "--strip-path", "latest", "/a"})->request)
          .strip_path);
}

// Of the gateway: no password file, and a token, in both places.
TEST(OptionsTest, UnderstandsTheOperatorsSharedRepositories) {
  protocol::CopyArgs args;
  args.repository.location = "rest:https://gateway/red/";
  args.repository.password_from_gateway = true;
  args.from = args.repository;
  const auto options = ParseOptions(protocol::CommandLine(args), [](const char* name) {
    const std::string variable = name;
    if (variable == protocol::kGatewayTokenVariable) return "/token";
    return variable == std::string("FROM_") + protocol::kGatewayTokenVariable ? "/from-token" : "";
  });
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->session.password_file, "");
  EXPECT_EQ(options->session.storage.rest_token_file, "/token");
  const auto& from = std::get<engine::CopyRequest>(options->request).from;
  EXPECT_EQ(from.password_file, "");
  EXPECT_EQ(from.storage.rest_token_file, "/from-token");
}

TEST(OptionsTest, UnderstandsTheOperatorsCopy) {
  protocol::CopyArgs args;
  args.repository = Repository();
  args.from.location = "/holdfast/from-repository";
  args.from.local_group = 2000;
  args.snapshots = {std::string(64, 'a'), std::string(64, 'b')};
  const Options options = Emitted(args);
  ExpectRepository(options);
  const auto request = std::get<engine::CopyRequest>(options.request);
  EXPECT_EQ(request.from.location, "/holdfast/from-repository");
  EXPECT_EQ(request.from.password_file, "/holdfast/from-password/value");
  EXPECT_EQ(request.from.storage.local_group, 2000u);
  EXPECT_EQ(request.from.storage.ca_file, "") << "that of the other repository is not for this one";
  EXPECT_FALSE(request.from.storage.s3_virtual_host_style);
  EXPECT_EQ(request.from.storage.s3_credentials.access_key_id, "") << "nor are its keys";
  EXPECT_EQ(request.filter.ids, args.snapshots);
  args.from.has_ca = true;
  args.from.virtual_host_style = true;
  const auto apart = std::get<engine::CopyRequest>(Emitted(args).request).from.storage;
  EXPECT_EQ(apart.ca_file, "/holdfast/from-ca/bundle.pem");
  EXPECT_TRUE(apart.s3_virtual_host_style);
}

TEST(OptionsTest, UnderstandsTheOperatorsInitLikeAnother) {
  protocol::InitArgs args{Repository(), true, Repository()};
  const auto request = std::get<engine::InitRequest>(Emitted(args).request);
  ASSERT_TRUE(request.chunker_from);
  EXPECT_EQ(request.chunker_from->location, Repository().location);
  args.create = false;
  EXPECT_FALSE(std::get<engine::InitRequest>(Emitted(args).request).chunker_from);
}

TEST(OptionsTest, UnderstandsTheOperatorsQuestionForBackups) {
  const Options options = Emitted(protocol::BackupsArgs{
      .repository = Repository(), .cluster = "prod", .ns = "shop", .newest = 100, .unlike = {}});
  ExpectRepository(options);
  const auto request = std::get<engine::BackupsRequest>(options.request);
  EXPECT_EQ(request.filter.cluster, "prod");
  EXPECT_EQ(request.filter.ns, "shop");
  EXPECT_EQ(request.newest, 100u);
  EXPECT_FALSE(request.complete);
  EXPECT_EQ(request.unlike, "");
}

TEST(OptionsTest, UnderstandsTheOperatorsWaitForBackups) {
  protocol::BackupsArgs args;
  args.repository = Repository();
  args.complete = true;
  args.unlike = "0123abcd";
  args.every = std::chrono::seconds(30);
  args.patience = std::chrono::hours(6);
  const auto request = std::get<engine::BackupsRequest>(Emitted(args).request);
  EXPECT_TRUE(request.complete);
  EXPECT_EQ(request.unlike, "0123abcd");
  EXPECT_EQ(request.every, std::chrono::seconds(30));
  EXPECT_EQ(request.patience, std::chrono::hours(6));
}

TEST(OptionsTest, UnderstandsTheOperatorsWatch) {
  protocol::WatchArgs args;
  args.quiet_period = std::chrono::seconds(3);
  args.max_interval = std::chrono::hours(1);
  args.since = "2026-06-01T10:00:00.123456789Z";
  args.excludes = {"*.tmp", "-x"};
  const Options options = Emitted(args);
  EXPECT_TRUE(options.json);
  const auto watch = std::get<engine::WatchRequest>(options.request).watch;
  EXPECT_EQ(watch.source, protocol::kDataPath);
  EXPECT_EQ(watch.quiet_period, std::chrono::seconds(3));
  EXPECT_EQ(watch.max_interval, std::chrono::hours(1));
  EXPECT_EQ(watch.since, ParseTime(args.since).value());
  EXPECT_EQ(watch.excludes, args.excludes);
  args.since.clear();
  EXPECT_FALSE(std::get<engine::WatchRequest>(Emitted(args).request).watch.since);
  EXPECT_FALSE(ParseLine({"watch", "--quiet-period=soon", "/data"}));
}

TEST(OptionsTest, UnderstandsTheOperatorsFolder) {
  protocol::InitArgs args;
  args.repository.location = protocol::kRepositoryPath;
  EXPECT_EQ(Emitted(args).session.storage.local_group, std::nullopt);
  args.repository.local_group = 65532;
  EXPECT_EQ(Emitted(args).session.storage.local_group, 65532u);
}

TEST(OptionsTest, UnderstandsTheOperatorsObjectLock) {
  protocol::PruneArgs args;
  args.repository = Repository();
  EXPECT_FALSE(Emitted(args).session.storage.object_lock);
  args.repository.object_lock = {true, "4w"};
  const Options options = Emitted(args);
  ASSERT_TRUE(options.session.storage.object_lock);
  EXPECT_EQ(options.session.storage.object_lock->mode, storage::ObjectLockMode::kCompliance);
  EXPECT_EQ(options.session.storage.object_lock->period, std::chrono::hours(28 * 24));
  args.repository.object_lock->compliance = false;
  EXPECT_EQ(Emitted(args).session.storage.object_lock->mode, storage::ObjectLockMode::kGovernance);
}

TEST(OptionsTest, ObjectLockIsNotForTheRepositoryThatIsCopiedFrom) {
  const auto options = ParseLine({"copy", "--repo=s3:https://s3.example/b", "--from-repo=/backups",
                                  "--object-lock-mode=governance", "--object-lock-period=30d"});
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_TRUE(options->session.storage.object_lock);
  EXPECT_FALSE(std::get<engine::CopyRequest>(options->request).from.storage.object_lock);
}

TEST(OptionsTest, ObjectLockHasAModeAndAPeriod) {
  EXPECT_FALSE(ParseLine({"prune", "--object-lock-mode=governance"}));
  EXPECT_FALSE(ParseLine({"prune", "--object-lock-period=30d"}));
  EXPECT_FALSE(ParseLine({"prune", "--object-lock-mode=lax", "--object-lock-period=30d"}));
  EXPECT_FALSE(ParseLine({"prune", "--object-lock-mode=governance", "--object-lock-period=0d"}));
  EXPECT_FALSE(ParseLine({"prune", "--object-lock-mode=governance", "--object-lock-period=long"}));
}

TEST(OptionsTest, UndeleteNeedsATime) {
  const auto options = ParseLine({"undelete", "--since=2026-11-26T03:00:00Z", "--dry-run"});
  ASSERT_TRUE(options) << options.error().text;
  const auto& undelete = std::get<engine::UndeleteRequest>(options->request).undelete;
  EXPECT_EQ(undelete.since, ParseTime("2026-11-26T03:00:00Z").value());
  EXPECT_TRUE(undelete.dry_run);
  EXPECT_FALSE(ParseLine({"undelete"}));
  EXPECT_FALSE(ParseLine({"undelete", "--since=yesterday"}));
}

TEST(OptionsTest, UnderstandsTheOperatorsInit) {
  protocol::InitArgs args{Repository(), true, {}};
  Options options = Emitted(args);
  ExpectRepository(options);
  EXPECT_TRUE(std::get<engine::InitRequest>(options.request).if_missing);
  args.create = false;
  options = Emitted(args);
  EXPECT_TRUE(std::get<engine::InitRequest>(options.request).open_only);
}

TEST(OptionsTest, UnderstandsTheOperatorsBackup) {
  protocol::BackupArgs args;
  args.repository = Repository();
  args.identity = {"prod", "/shop/data-mysql-0"};
  args.type = BackupType::kDifferential;
  args.tags = {"policy=shop/mysql", "backup=-x"};
  args.excludes = {"--tmp", "[ab]", "!keep", "**/tmp/**", "with space, and comma"};
  args.unreadable_fail = false;
  args.manifests_path = "/shop/manifests/mysql";
  const Options options = Emitted(args);
  ExpectRepository(options);
  const auto& request = std::get<engine::BackupRequest>(options.request);
  EXPECT_EQ(request.archive.identity, args.identity);
  EXPECT_EQ(request.archive.type, args.type);
  EXPECT_EQ(request.archive.tags, args.tags);
  EXPECT_EQ(request.archive.excludes, args.excludes);
  EXPECT_EQ(request.archive.source, protocol::kDataPath);
  EXPECT_FALSE(request.unreadable_fail);
  EXPECT_EQ(request.manifests_path, args.manifests_path);
  EXPECT_EQ(request.manifests_folder, protocol::kManifestsPath);
}

TEST(OptionsTest, UnderstandsTheOperatorsRestore) {
  protocol::RestoreArgs args;
  args.repository = Repository();
  args.identity = {"prod", "/shop/data-mysql-0"};
  args.as_of = "2026-08-01T12:00:00Z";
  args.paths = {"/a", "/b c"};
  args.overwrite = "if-changed";
  args.delete_extra = true;
  args.verify = true;
  const Options options = Emitted(args);
  ExpectRepository(options);
  const auto& request = std::get<engine::RestoreRequest>(options.request);
  EXPECT_EQ(request.snapshot, "latest");
  EXPECT_EQ(request.identity, args.identity);
  EXPECT_EQ(request.as_of, ParseTime(args.as_of).value());
  EXPECT_EQ(request.restore.root, "/shop/data-mysql-0");
  EXPECT_EQ(request.restore.paths, args.paths);
  EXPECT_EQ(request.restore.overwrite, engine::Overwrite::kIfChanged);
  EXPECT_TRUE(request.restore.delete_extra);
  EXPECT_EQ(request.restore.target, protocol::kDataPath);
  EXPECT_TRUE(request.refuse_secrets);
  EXPECT_TRUE(request.strip_path);
  EXPECT_THAT(request.restore.owner_map.uids, ElementsAre());

  args.uids = {{999, 1000}, {4294967294U, 0}};
  args.gids = {{5, 6}};
  const auto owners = std::get<engine::RestoreRequest>(Emitted(args).request).restore.owner_map;
  EXPECT_EQ(owners.uids, args.uids);
  EXPECT_EQ(owners.gids, args.gids);
  args.snapshot = std::string(64, 'a');
  EXPECT_EQ(std::get<engine::RestoreRequest>(Emitted(args).request).snapshot, args.snapshot);
}

TEST(OptionsTest, UnderstandsTheOperatorsForget) {
  protocol::ForgetArgs args;
  args.repository = Repository();
  args.identity = {"prod", "/shop/data-mysql-0"};
  args.tag = "policy=shop/mysql";
  args.snapshots = {std::string(64, 'a'), std::string(64, 'b')};
  const Options options = Emitted(args);
  ExpectRepository(options);
  const auto& request = std::get<engine::ForgetRequest>(options.request).forget;
  EXPECT_EQ(request.identity, args.identity);
  EXPECT_EQ(request.tag, args.tag);
  EXPECT_EQ(request.ids, args.snapshots);
  EXPECT_TRUE(request.missing_ok);
  EXPECT_FALSE(request.dry_run);
}

TEST(OptionsTest, EveryRetentionRuleHasAnOption) {
  const auto options =
      ParseLine({"forget", "--keep-daily=3", "--keep-yearly", "-1", "--keep-within=2m",
                 "--keep-within-weekly=1y", "--keep-tag=pin", "-n"});
  ASSERT_TRUE(options) << options.error().text;
  const auto& request = std::get<engine::ForgetRequest>(options->request).forget;
  EXPECT_THAT(request.policy.keep, ElementsAre(0, 0, 3, 0, 0, -1));
  EXPECT_EQ(request.policy.within[0], (CalendarSpan{0, 2, 0, 0}));
  EXPECT_EQ(request.policy.within[3], (CalendarSpan{1, 0, 0, 0}));
  EXPECT_THAT(request.policy.keep_tags, ElementsAre("pin"));
  EXPECT_TRUE(request.dry_run);
}

TEST(OptionsTest, TheSecondRepositoryIsReachedLikeTheFirstUnlessSaidOtherwise) {
  const std::vector<std::string> words = {
      "copy",    "--repo=/a", "--from-repo=/b", "--lock-wait=5m", "--from-password-file=/p",
      "--tag=t", "1234"};
  const auto options = ParseLine(words);
  ASSERT_TRUE(options) << options.error().text;
  const auto& copy = std::get<engine::CopyRequest>(options->request);
  EXPECT_EQ(copy.from.location, "/b");
  EXPECT_EQ(copy.from.password_file, "/p");
  EXPECT_EQ(copy.from.storage.s3_credentials.access_key_id, "key");
  EXPECT_EQ(copy.from.lock_wait, std::chrono::minutes(5));
  EXPECT_THAT(copy.filter.ids, ElementsAre("1234"));
  const auto apart = ParseOptions(words, [](const char* name) { return std::string(name); });
  ASSERT_TRUE(apart);
  EXPECT_EQ(std::get<engine::CopyRequest>(apart->request).from.storage.s3_credentials.access_key_id,
            "FROM_AWS_ACCESS_KEY_ID");
  EXPECT_EQ(apart->session.storage.s3_credentials.access_key_id, "AWS_ACCESS_KEY_ID");
}

TEST(OptionsTest, BackupTakesADirectoryOrStandardInput) {
  auto options = ParseLine({"backup", "--stdin", "--stdin-filename=db.sql", "--parent=12"});
  ASSERT_TRUE(options) << options.error().text;
  const auto& request = std::get<engine::BackupRequest>(options->request);
  EXPECT_EQ(request.archive.stream_name, "db.sql");
  EXPECT_EQ(request.parent, "12");
  options = ParseLine({"backup", "-x", "--iexclude=*.TMP", "/data"});
  ASSERT_TRUE(options);
  const auto& archive = std::get<engine::BackupRequest>(options->request).archive;
  EXPECT_TRUE(archive.one_file_system);
  EXPECT_TRUE(archive.stream_name.empty());
  EXPECT_THAT(archive.iexcludes, ElementsAre("*.TMP"));
  EXPECT_FALSE(ParseLine({"backup"}));
  EXPECT_FALSE(ParseLine({"backup", "--stdin", "/data"}));
  EXPECT_FALSE(ParseLine({"backup", "--stdin", "--stdin-filename=a/b"}));
}

TEST(OptionsTest, BackupTakesADump) {
  protocol::BackupArgs args;
  args.repository.location = "/repo";
  args.identity = {"prod", "/shop/dump/orders"};
  args.dump = {"orders.sql", std::chrono::minutes(90)};
  const auto options = ParseLine(protocol::CommandLine(args));
  ASSERT_TRUE(options) << options.error().text;
  const auto& request = std::get<engine::BackupRequest>(options->request);
  EXPECT_EQ(request.archive.stream_name, "orders.sql");
  EXPECT_EQ(request.archive.source, "");
  EXPECT_EQ(request.dump_pipe, "/holdfast/dump/stream");
  EXPECT_EQ(request.dump_timeout, std::chrono::minutes(90));
  EXPECT_FALSE(ParseLine({"backup", "--dump-pipe=/p", "/data"}));
  EXPECT_FALSE(ParseLine({"backup", "--dump-pipe=/p", "--stdin"}));
  EXPECT_FALSE(ParseLine({"backup", "--dump-pipe=/p", "--dump-filename=a/b"}));
  EXPECT_FALSE(ParseLine({"backup", "--dump-pipe=/p", "--dump-timeout=soon"}));
}

TEST(OptionsTest, OwnersCanBeMappedOrLeftOut) {
  auto options = ParseLine({"restore", "latest", "-t/t", "--map-uid=1000:2000", "--map-gid=5:6",
                            "--map-gid=7:8", "--no-ownership"});
  ASSERT_TRUE(options) << options.error().text;
  const auto& restore = std::get<engine::RestoreRequest>(options->request).restore;
  EXPECT_FALSE(restore.ownership);
  EXPECT_THAT(restore.owner_map.uids, ElementsAre(std::pair(1000u, 2000u)));
  EXPECT_THAT(restore.owner_map.gids, ElementsAre(std::pair(5u, 6u), std::pair(7u, 8u)));
  for (const char* wrong : {"1000", "a:1", "1:", ":1", "1:2:3"})
    EXPECT_FALSE(ParseLine({"restore", "latest", "-t/t", std::string("--map-uid=") + wrong}));
}

TEST(OptionsTest, MistakesAreOneSentenceAndExitTwo) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{},
                                             {"bakcup"},
                                             {"backup"},
                                             {"backup", "/data", "--type=some"},
                                             {"restore", "latest"},
                                             {"restore", "latest", "-t", "/x", "--as-of=yesterday"},
                                             {"init", "--limit-upload=fast"},
                                             {"init", "--if-missing", "--open-only"},
                                             {"forget", "--keep-within=1w"}}) {
    const auto options = ParseLine(words);
    ASSERT_FALSE(options);
    EXPECT_EQ(options.error().exit, ExitCode::kUsage);
    EXPECT_FALSE(options.error().text.empty());
  }
}

TEST(OptionsTest, AnEmptyValueDoesNotSwallowWhatFollows) {
  const auto options = ParseLine({"backup", "--as-path=", "/data"});
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().exit, ExitCode::kUsage);
  EXPECT_THAT(options.error().text, HasSubstr("--as-path= has no value; write --as-path=VALUE"));
}

TEST(OptionsTest, ADotMeansTheCurrentFolder) {
  const std::string here = std::filesystem::current_path();
  const auto options = ParseLine({"snapshots", "--repo=./backups"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->session.location, here + "/backups");
}

TEST(OptionsTest, AVerbThatIsNoneIsNamed) {
  const auto options = ParseLine({"bakcup", "/data"});
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().text, "there is no verb \"bakcup\"; see --help");
}

TEST(OptionsTest, HelpNamesTheVerbsOptions) {
  const auto options = ParseLine({"restore", "--help"});
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().exit, ExitCode::kOk);
  EXPECT_THAT(options.error().text, HasSubstr("--delete-extra"));
}

}  // namespace
}  // namespace holdfast
