#include "jobs/engine/backup_records.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/engine/listing.h"

namespace holdfast::engine {
namespace {

using protocol::BackupRecord;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const TimePoint kNoon = ParseTime("2026-08-01T12:00:00Z").value();

// A snapshot of "run" of the policy "nightly", `minutes` after noon.
repo::Snapshot Snapshot(const std::string& claim, int minutes = 0,
                        const std::string& backup = "run") {
  repo::Snapshot snapshot;
  snapshot.id = repo::Id::Of(AsBytes(claim + backup + std::to_string(minutes)));
  snapshot.time = kNoon + std::chrono::minutes(minutes);
  snapshot.hostname = "prod";
  snapshot.paths = {"/shop/" + claim};
  snapshot.tags = {"backup=shop/" + backup, "policy=shop/nightly", "statefulset=db",
                   "pod=" + claim.substr(5), "type=full"};
  snapshot.summary.emplace();
  snapshot.summary->backup_end = snapshot.time + std::chrono::minutes(3);
  snapshot.summary->total_files_processed = 12;
  snapshot.summary->total_bytes_processed = 4096;
  return snapshot;
}

std::vector<std::string> Names(const std::vector<BackupRecord>& records) {
  std::vector<std::string> names;
  for (const BackupRecord& record : records) names.push_back(record.ns + "/" + record.name);
  return names;
}

TEST(BackupRecordsTest, ADumpIsAVolumeOfItsRun) {
  repo::Snapshot dump = Snapshot("dump/orders");
  const auto records = RecordsOf(std::vector{Snapshot("data-db-0"), dump}, {});
  ASSERT_THAT(records, SizeIs(1));
  ASSERT_THAT(records[0].volumes, SizeIs(2));
  EXPECT_EQ(records[0].volumes[1].claim, "dump/orders");
  for (const char* path : {"/shop/dump/", "/shop/dump/a/b", "/shop/other/orders"}) {
    dump.paths = {path};
    EXPECT_THAT(RecordsOf(std::vector{dump}, {}), IsEmpty()) << path;
  }
}

TEST(BackupRecordsTest, TheSnapshotsOfOneRunAreOneBackup) {
  const repo::Snapshot first = Snapshot("data-db-0"), second = Snapshot("data-db-1", 1);
  const auto records = RecordsOf(std::vector{second, first}, {});
  ASSERT_THAT(records, SizeIs(1));
  const BackupRecord& record = records[0];
  EXPECT_EQ(record.cluster, "prod");
  EXPECT_EQ(record.policy, "nightly");
  EXPECT_EQ(record.stateful_set, "db");
  EXPECT_EQ(record.type, protocol::BackupType::kFull);
  EXPECT_EQ(record.start, kNoon);
  EXPECT_EQ(record.end, kNoon + std::chrono::minutes(4));
  ASSERT_THAT(record.volumes, SizeIs(2));
  EXPECT_EQ(record.volumes[0],
            (protocol::RecordedVolume{"data-db-0", "db-0", first.id.Hex(), 12, 4096}));
  EXPECT_EQ(record.volumes[1].snapshot, second.id.Hex());
}

TEST(BackupRecordsTest, TheNewestComesFirst) {
  const std::vector snapshots = {Snapshot("data-db-0", 0, "b"), Snapshot("data-db-0", 9, "a"),
                                 Snapshot("data-db-0", 5, "c")};
  EXPECT_THAT(Names(RecordsOf(snapshots, {})), ElementsAre("shop/a", "shop/c", "shop/b"));
}

TEST(BackupRecordsTest, WhatOthersStoredIsNone) {
  std::vector<repo::Snapshot> strange(6, Snapshot("data-db-0"));
  strange[0].tags.clear();
  strange[1].paths = {"/home/me"};
  strange[2].paths = {"/shop/data-db-0/below"};
  strange[3].tags[1] = "policy=bank/nightly";
  strange[4].tags[0] = "backup=run";
  strange[5].paths.push_back("/shop/data-db-1");
  EXPECT_THAT(RecordsOf(strange, {}), IsEmpty());
}

TEST(BackupRecordsTest, ClustersAndNamespacesAreKeptApart) {
  repo::Snapshot other = Snapshot("data-db-0", 1);
  other.hostname = "staging";
  repo::Snapshot bank = Snapshot("data-db-0", 2);
  bank.paths = {"/bank/data-db-0"};
  bank.tags[0] = "backup=bank/run";
  bank.tags[1] = "policy=bank/nightly";
  const std::vector snapshots = {Snapshot("data-db-0"), other, bank};
  EXPECT_THAT(RecordsOf(snapshots, {}), SizeIs(3));
  EXPECT_THAT(Names(RecordsOf(snapshots, {.cluster = "prod", .ns = ""})),
              ElementsAre("bank/run", "shop/run"));
  EXPECT_THAT(Names(RecordsOf(snapshots, {.cluster = "staging", .ns = "shop"})),
              ElementsAre("shop/run"));
}

TEST(BackupRecordsTest, OfTwoAttemptsTheLaterCounts) {
  const auto records = RecordsOf(std::vector{Snapshot("data-db-0", 7), Snapshot("data-db-0")}, {});
  ASSERT_THAT(records, SizeIs(1));
  ASSERT_THAT(records[0].volumes, SizeIs(1));
  EXPECT_EQ(records[0].volumes[0].snapshot, Snapshot("data-db-0", 7).id.Hex());
}

repo::Snapshot OfManifests() {
  repo::Snapshot snapshot = Snapshot("data-db-0", 2);
  snapshot.paths = {"/shop/manifests/db"};
  return snapshot;
}

TEST(BackupRecordsTest, ManifestsBelongToTheBackupOfTheirVolumes) {
  const repo::Snapshot manifests = OfManifests();
  for (const auto& snapshots : {std::vector{Snapshot("data-db-0"), manifests},
                                std::vector{manifests, Snapshot("data-db-0", 3)}}) {
    const auto records = RecordsOf(snapshots, {});
    ASSERT_THAT(records, SizeIs(1));
    EXPECT_THAT(records[0].volumes, SizeIs(1));
    EXPECT_THAT(records[0].manifests,
                ElementsAre(protocol::RecordedManifests{"db", manifests.id.Hex(), 12, 4096}));
  }
  EXPECT_THAT(RecordsOf(std::vector{manifests}, {}), IsEmpty()) << "nothing could be restored";
}

TEST(BackupRecordsTest, EachStatefulSetHasItsManifests) {
  repo::Snapshot later = OfManifests(), other = OfManifests();
  later.id = repo::Id::Of(AsBytes(std::string_view("later")));
  later.time += std::chrono::seconds(1);
  other.paths = {"/shop/manifests/cache"};
  const auto records =
      RecordsOf(std::vector{Snapshot("data-db-0"), OfManifests(), other, later}, {});
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_THAT(records[0].manifests,
              ElementsAre(protocol::RecordedManifests{"cache", other.id.Hex(), 12, 4096},
                          protocol::RecordedManifests{"db", later.id.Hex(), 12, 4096}));
}

// Of a run of two volumes, as far as its snapshots tell.
repo::Snapshot OfTwo(const std::string& claim, int minutes, const std::string& backup) {
  repo::Snapshot snapshot = Snapshot(claim, minutes, backup);
  snapshot.tags.push_back("volumes=2");
  return snapshot;
}

TEST(BackupRecordsTest, HalfARunIsLeftOutUntilItIsOver) {
  std::vector<repo::Snapshot> snapshots = {Snapshot("data-db-0", 0, "old"),
                                           OfTwo("data-db-0", 10, "half")};
  const auto finished = [&] {
    auto records = RecordsOf(snapshots, {});
    DropUnfinished(records);
    return Names(records);
  };
  EXPECT_THAT(finished(), ElementsAre("shop/old")) << "what does not say its number is whole";
  snapshots.push_back(OfTwo("data-db-1", 11, "half"));
  EXPECT_THAT(finished(), ElementsAre("shop/half", "shop/old"));
  snapshots.pop_back();
  snapshots.push_back(OfTwo("data-db-0", 20, "next"));
  EXPECT_THAT(finished(), ElementsAre("shop/half", "shop/old")) << "a newer one has begun";
  repo::Snapshot other = Snapshot("data-web-0", 30, "other");
  other.tags[1] = "policy=shop/web";
  snapshots.push_back(other);
  EXPECT_THAT(finished(), ElementsAre("shop/other", "shop/half", "shop/old"))
      << "another policy's says nothing of this one's";
}

TEST(BackupRecordsTest, TheDigestIsOfTheWholeList) {
  const auto of = [](std::vector<repo::Snapshot> snapshots) {
    return protocol::DigestOf(RecordsOf(snapshots, {}));
  };
  const auto first = Snapshot("data-db-0"), second = Snapshot("data-db-1", 1);
  EXPECT_EQ(of({first, second}), of({second, first}));
  EXPECT_NE(of({first}), of({first, second}));
  EXPECT_NE(of({first}), of({}));
  EXPECT_FALSE(of({}).empty());
}

TEST(BackupRecordsTest, ALineIsReadAsItWasWritten) {
  const auto records = RecordsOf(
      std::vector{Snapshot("data-db-0"), OfTwo("data-db-1", 0, "run"), OfManifests()}, {});
  EXPECT_EQ(records.at(0).expected, 2u);
  std::ostringstream out;
  PrintRecords(out, records, true);
  EXPECT_EQ(protocol::BackupRecordsIn("warning: x\n" + out.str() + "{\"verb\":\"backups\"}\n"),
            records);
  EXPECT_THAT(protocol::BackupRecordsIn(out.str().substr(0, out.str().size() - 1)), IsEmpty())
      << "a line without its end may be cut";
  std::ostringstream table;
  PrintRecords(table, records, false);
  EXPECT_THAT(table.str(), HasSubstr("shop/run"));
}

}  // namespace
}  // namespace holdfast::engine
