#include "jobs/engine/content_root.h"

#include <gtest/gtest.h>

#include "jobs/storage/memory.h"

namespace holdfast::engine {
namespace {

// Trees as programs make them: each string is a folder's path, its parents are made too.
const std::string kRest = R"("mtime":"2026-01-01T00:00:00Z","atime":"2026-01-01T00:00:00Z",)"
                          R"("ctime":"2026-01-01T00:00:00Z","uid":0,"gid":0,)";

class ContentRootTest : public ::testing::Test {
 protected:
  ContentRootTest() {
    repo::InitOptions options;
    options.kdf = repo::KdfParams{16, 1, 1};
    repository_ = repo::Repository::Init(storage_, "pw", options, {}).value();
  }

  repo::Id Save(const std::string& nodes) {
    const auto saved =
        repository_->SaveBlob(repo::BlobType::kTree, AsBytes("{\"nodes\":[" + nodes + "]}\n"), {});
    EXPECT_TRUE(repository_->Flush({}));
    return saved.value().id;
  }
  static std::string Folder(const std::string& name, const repo::Id& tree) {
    return R"({"name":")" + name + R"(","type":"dir","mode":2147484141,)" + kRest +
           R"("subtree":")" + tree.Hex() + R"("})";
  }
  static std::string File(const std::string& name) {
    return R"({"name":")" + name + R"(","type":"file","mode":420,)" + kRest + R"("content":[]})";
  }
  std::string RootOfSnapshot(const repo::Id& tree, std::vector<std::string> paths,
                             const std::string& host = "web", const std::string& program = "") {
    repo::Snapshot snapshot;
    snapshot.tree = tree;
    snapshot.paths = std::move(paths);
    snapshot.hostname = host;
    snapshot.program_version = program;
    const auto root = ContentRoot(*repository_, snapshot, {});
    return root ? *root : root.error().message;
  }

  storage::Memory storage_;
  std::unique_ptr<repo::Repository> repository_;
};

TEST_F(ContentRootTest, APathThatWasNamedIsInTheTree) {
  const repo::Id content = Save(File("a") + "," + File("b"));
  const repo::Id k8up = Save(Folder("data", Save(Folder("pvc", content))));
  EXPECT_EQ(RootOfSnapshot(k8up, {"/data/pvc"}), "/data/pvc");
  EXPECT_EQ(RootOfSnapshot(Save(File("orders.sql")), {"/orders.sql"}), "/orders.sql");
}

TEST_F(ContentRootTest, FromWithinTheTreeBeginsWithTheContent) {
  EXPECT_EQ(RootOfSnapshot(Save(File("a") + "," + File("b")), {"/data"}), "/");
  EXPECT_EQ(RootOfSnapshot(Save(""), {"/data"}), "/") << "an empty folder";
  const repo::Id inner = Save(File("a"));
  EXPECT_EQ(RootOfSnapshot(Save(File("b") + "," + Folder("data", inner)), {"/data"}), "/")
      << "a folder that happens to have the path's name";
  EXPECT_EQ(RootOfSnapshot(Save(Folder("data", inner)), {"/data/pvc"}), "/");
}

// A volume of PostgreSQL is like that: nothing but the folder data.
TEST_F(ContentRootTest, OfVolSyncItIsKnown) {
  const repo::Id tree = Save(Folder("data", Save(File("PG_VERSION"))));
  EXPECT_EQ(RootOfSnapshot(tree, {"/data"}, "volsync"), "/");
  EXPECT_EQ(RootOfSnapshot(tree, {"/data"}, "shop"), "/data");
}

TEST_F(ContentRootTest, SeveralPathsKeepTheirs) {
  const repo::Id tree = Save(Folder("etc", Save(File("a"))) + "," + Folder("srv", Save(File("b"))));
  EXPECT_EQ(RootOfSnapshot(tree, {"/etc", "/srv"}), "/");
  EXPECT_EQ(RootOfSnapshot(tree, {}), "/");
}

TEST_F(ContentRootTest, OursSayItThemselves) {
  EXPECT_EQ(RootOfSnapshot(Save(File("a")), {"/shop/data-0"}, "web", "holdfast 0.1.0"),
            "/shop/data-0");
}

TEST_F(ContentRootTest, WithoutThePathTheTreeBeginsWithTheContent) {
  const auto tree_of = [&](const repo::Id& tree, const std::string& path) {
    repo::Snapshot snapshot;
    snapshot.tree = tree;
    snapshot.paths = {path};
    snapshot.program_version = "holdfast 0.1.0";
    return FromContentRoot(*repository_, snapshot, {})->tree;
  };
  const repo::Id content = Save(File("a"));
  EXPECT_EQ(tree_of(Save(Folder("shop", Save(Folder("data-0", content)))), "/shop/data-0"),
            content);
  const repo::Id device = Save(File("data-0"));
  EXPECT_EQ(tree_of(Save(Folder("shop", device)), "/shop/data-0"), device)
      << "a file is in its folder";
  EXPECT_EQ(tree_of(device, "/data-0"), device);
}

TEST_F(ContentRootTest, ATreeThatIsLostIsNotGuessedAt) {
  EXPECT_NE(RootOfSnapshot(repo::Id{}, {"/data"}), "/");
}

}  // namespace
}  // namespace holdfast::engine
