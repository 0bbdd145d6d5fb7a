// Snapshots of other programs, with their hosts and paths: what was backed up lands in the target
// itself, as the operator asks for it. And owners that become others.
#include <gmock/gmock.h>

#include "tests/integration/mover/run.h"

namespace holdfast::engine {
namespace {

using ::testing::IsEmpty;

class ForeignLayoutsTest : public MoverTest {
 protected:
  void SetUp() override {
    MoverTest::SetUp();
    ASSERT_EQ(::geteuid(), 0u) << "needs root to be in another root folder";
    ResticSucceeds({"init"});
  }

  // Stock restic, started in `folder` where `root` is the root folder.
  void ResticWithin(const std::string& root, const std::string& folder,
                    std::vector<std::string> words) {
    words.insert(words.begin(), {"tests/e2e/rooted", root, folder, "restic", "-r", repo_});
    const Finished finished = Process(words, output_).Wait();
    ASSERT_EQ(finished.exit, 0) << finished.output;
  }
  std::string VolumeAt(const std::string& root, const std::string& path) {
    const std::string volume = root + path;
    std::filesystem::create_directories(volume);
    MakeAwkwardTree(volume);
    return volume;
  }
  std::vector<std::string> RestoreOf(const std::string& host, const std::string& path) {
    return {"restore",           "latest",       "--host=" + host,
            "--as-path=" + path, "--strip-path", "--target=" + target_};
  }
};

// `restic backup --host <namespace> /data/<claim>`, a snapshot for each claim.
TEST_F(ForeignLayoutsTest, OfK8up) {
  const std::string root = dir_.Make("root");
  const std::string volume = VolumeAt(root, "/data/data-shop-0");
  ResticWithin(root, "/", {"backup", "--host=shop", "/data/data-shop-0"});
  MoverSucceeds(RestoreOf("shop", "/data/data-shop-0"));
  EXPECT_THAT(TreeComparer::Compare(volume, target_), IsEmpty());
  const std::string by_id = dir_.Make("by-id");
  MoverSucceeds({"restore", "latest", "--strip-path", "--target=" + by_id});
  EXPECT_THAT(TreeComparer::Compare(volume, by_id), IsEmpty());
}

// A dump that K8up took from a command's output.
TEST_F(ForeignLayoutsTest, OfK8upADump) {
  const std::string line = "echo 'select 1;' | restic -r " + repo_ +
                           " backup --host=shop --stdin --stdin-filename=/shop-db.sql";
  ASSERT_EQ(Process({"sh", "-c", line}, output_).Wait().exit, 0) << ReadFile(output_);
  MoverSucceeds(RestoreOf("shop", "/shop-db.sql"));
  EXPECT_EQ(ReadFile(target_ + "/shop-db.sql"), "select 1;\n");
}

// `cd /data && restic backup --host volsync .`: the tree begins with what is in the volume.
TEST_F(ForeignLayoutsTest, OfVolSync) {
  const std::string root = dir_.Make("root");
  const std::string volume = VolumeAt(root, "/data");
  ResticWithin(root, "/data", {"backup", "--host=volsync", "--exclude=lost+found", "."});
  MoverSucceeds(RestoreOf("volsync", "/data"));
  EXPECT_THAT(TreeComparer::CompareContent(volume, target_), IsEmpty());
}

TEST_F(ForeignLayoutsTest, OfVolSyncAVolumeThatHoldsNothingButData) {
  const std::string root = dir_.Make("root");
  const std::string volume = VolumeAt(root, "/data/data");
  ResticWithin(root, "/data", {"backup", "--host=volsync", "."});
  MoverSucceeds(RestoreOf("volsync", "/data"));
  EXPECT_THAT(TreeComparer::Compare(volume, target_ + "/data"), IsEmpty());
}

TEST_F(ForeignLayoutsTest, OfPlainResticByPathAndFromWithin) {
  const std::string root = dir_.Make("root");
  const std::string volume = VolumeAt(root, "/srv/db");
  ResticWithin(root, "/", {"backup", "--host=db1", "/srv/db"});
  MoverSucceeds(RestoreOf("db1", "/srv/db"));
  EXPECT_THAT(TreeComparer::Compare(volume, target_), IsEmpty());
  std::filesystem::remove_all(target_);
  ResticWithin(root, "/srv/db", {"backup", "--host=db2", "."});
  MoverSucceeds(RestoreOf("db2", "/srv/db"));
  EXPECT_THAT(TreeComparer::CompareContent(volume, target_), IsEmpty());
  std::filesystem::remove_all(target_);
  std::filesystem::create_directory(root + "/data");
  ResticWithin(root, "/", {"backup", "--host=db3", "/srv/db", "/data"});
  MoverSucceeds({"restore", "latest", "--host=db3", "--strip-path", "--target=" + target_});
  EXPECT_THAT(TreeComparer::Compare(volume, target_ + "/srv/db"), IsEmpty())
      << "of several paths each keeps its own";
}

TEST_F(ForeignLayoutsTest, WithoutTheOptionPathsAreLaidOutAsResticDoes) {
  const std::string root = dir_.Make("root");
  const std::string volume = VolumeAt(root, "/data/pvc");
  ResticWithin(root, "/", {"backup", "--host=shop", "/data/pvc"});
  MoverSucceeds({"restore", "latest", "--target=" + target_});
  EXPECT_THAT(TreeComparer::Compare(volume, target_ + "/data/pvc"), IsEmpty());
}

class OwnersTest : public MoverTest {
 protected:
  // A volume of user 999, restored by `uid` into a folder of its own; the failures.
  std::uint64_t RestoreAs(uid_t uid, std::vector<std::string> words) {
    WriteFile(source_ + "/f", "x");
    for (const std::string& path : {source_ + "/f", source_})
      EXPECT_EQ(::chown(path.c_str(), 999, 999), 0);
    std::filesystem::create_directory(repo_);
    ::chmod(repo_.c_str(), 0777);
    EXPECT_EQ(Mover({"init"}, kNobody).exit, 0) << ReadFile(output_);
    MoverSucceeds(BackupWords());
    for (const auto& entry : std::filesystem::recursive_directory_iterator(repo_))
      ::chmod(entry.path().c_str(), 0777);
    std::filesystem::create_directory(target_);
    EXPECT_EQ(::chown(target_.c_str(), uid, uid), 0);
    words.insert(words.begin(), {"restore", "latest", "--target=" + target_});
    EXPECT_EQ(Mover(words, uid).exit, 0) << ReadFile(output_);
    return Result().metadata_failures;
  }
  struct stat Restored() {
    struct stat status {};
    EXPECT_EQ(::stat((target_ + "/f").c_str(), &status), 0);
    return status;
  }
};

TEST_F(OwnersTest, RootGivesFilesToWhomeverTheyAreMappedTo) {
  EXPECT_EQ(RestoreAs(0, {"--map-uid=999:1234", "--map-gid=999:2345"}), 0u);
  EXPECT_EQ(Restored().st_uid, 1234u);
  EXPECT_EQ(Restored().st_gid, 2345u);
}

TEST_F(OwnersTest, WhoIsNotRootGivesThemToItself) {
  EXPECT_EQ(RestoreAs(kNobody, {"--map-uid=999:65534", "--map-gid=999:65534"}), 0u);
  EXPECT_EQ(Restored().st_uid, kNobody);
  EXPECT_EQ(Restored().st_gid, kNobody);
}

TEST_F(OwnersTest, WhatCannotBeGivenAwayIsCounted) {
  EXPECT_EQ(RestoreAs(kNobody, {"--map-uid=999:1234", "--map-gid=999:65534"}), 2u)
      << "the file and the folder";
  EXPECT_EQ(Restored().st_uid, kNobody) << "but it is there, and readable";
}

}  // namespace
}  // namespace holdfast::engine
