// Both ways against the real thing: repositories made by the restic program, and ours read by it.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "jobs/repo/lock.h"
#include "jobs/repo/repository.h"
#include "jobs/storage/local.h"

namespace holdfast::repo {
namespace {

namespace fs = std::filesystem;
using storage::FileType;

struct Ran {
  int exit = -1;
  std::string output;  // stdout and stderr
};

Ran Shell(const std::string& command) {
  Ran ran;
  FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
  std::array<char, 65536> buffer;
  for (std::size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    ran.output.append(buffer.data(), n);
  const int status = pclose(pipe);
  ran.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

Bytes ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

void WriteFile(const fs::path& path, ByteView content) {
  std::ofstream(path, std::ios::binary)
      .write(AsText(content).data(), static_cast<long>(content.size()));
}

Bytes Noise(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

class ResticTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "restic-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    storage_ = std::make_unique<storage::Local>((root_ / "repo").string());
    ASSERT_EQ(Shell("restic version").exit, 0) << "the restic program is needed";
  }
  void TearDown() override { fs::remove_all(root_); }

  Ran Restic(const std::string& arguments, const std::string& password = "pw") {
    return Shell(fmt::format("cd {} && RESTIC_PASSWORD={} restic -q --no-cache -r repo {}",
                             root_.string(), password, arguments));
  }
  void ExpectRestic(const std::string& arguments) {
    const Ran ran = Restic(arguments);
    EXPECT_EQ(ran.exit, 0) << arguments << "\n" << ran.output;
  }

  std::unique_ptr<Repository> Open() {
    auto key = FindKey(*storage_, "pw", {});
    EXPECT_TRUE(key && *key);
    auto opened = Repository::Open(*storage_, std::move((*key)->master), {}, {});
    EXPECT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE((*opened)->LoadIndex({}));
    return *std::move(opened);
  }

  // Big files with many chunks, odd names, every kind of node that needs no privilege.
  void MakeSource() {
    const fs::path source = root_ / "source";
    fs::create_directories(source / "sub" / "empty");
    WriteFile(source / "noise", Noise(7 << 20, 1));
    WriteFile(source / "zeros", Bytes(2 << 20));
    WriteFile(source / "small", AsBytes("hello\n"));
    WriteFile(source / "none", {});
    for (const char* name :
         {"b\xff\"\\\n<&", "gr\xc3\xbc\xc3\x9f", "\xc2\xa0\xe2\x80\xa8", "tab\t'", "\x01\x7f"})
      WriteFile(source / "sub" / name, AsBytes(name));
    fs::create_symlink("../small", source / "sub" / "link<>");
    fs::create_hard_link(source / "small", source / "hard");
    ASSERT_EQ(mkfifo((source / "fifo").c_str(), 0640), 0);
    ASSERT_EQ(chmod((source / "small").c_str(), 04755), 0);
    ASSERT_EQ(chmod((source / "sub").c_str(), 01777), 0);
    ASSERT_EQ(chmod((source / "none").c_str(), 0), 0);
  }

  void MakeResticRepository(int version = 2) {
    MakeSource();
    ExpectRestic(fmt::format("init --repository-version {}", version));
    ExpectRestic("backup source --tag t1,t2 --exclude nothing");
  }

  fs::path root_;
  std::unique_ptr<storage::Local> storage_;
};

// Calls `visit(path, node)` for every node, and holds every tree to being spelled as restic did.
void Walk(Repository& repository, const Id& id, const fs::path& path,
          const std::function<void(const fs::path&, const Node&)>& visit) {
  const Bytes text = repository.LoadBlob({BlobType::kTree, id}, {}).value();
  const auto tree = DecodeTree(text);
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_EQ(EncodeTree(*tree).value(), AsText(text)) << path;
  for (const Node& node : tree->nodes) {
    visit(path / node.name, node);
    if (node.subtree) Walk(repository, *node.subtree, path / node.name, visit);
  }
}

std::vector<Id> ChunkIds(const Repository& repository, ByteView data) {
  Chunker chunker(repository.cut_search());
  std::vector<Id> ids;
  std::size_t start = 0;
  while (start < data.size()) {
    const auto cut = chunker.Next(data.subspan(start));
    const std::size_t size = cut.value_or(data.size() - start);
    ids.push_back(Id::Of(data.subspan(start, size)));
    start += size;
  }
  return ids;
}

class ResticMade : public ResticTest, public testing::WithParamInterface<int> {};

TEST_P(ResticMade, TreesAreSpelledAlikeAndFilesAreCutAlike) {
  MakeResticRepository(GetParam());
  const auto repository = Open();
  EXPECT_EQ(repository->config().version, GetParam());
  const Snapshot snapshot = repository->FindSnapshot("latest", {}).value();
  EXPECT_EQ(snapshot.tags, (std::vector<std::string>{"t1", "t2"}));
  EXPECT_EQ(snapshot.excludes, std::vector<std::string>{"nothing"});
  EXPECT_EQ(snapshot.paths, std::vector<std::string>{(root_ / "source").string()});

  std::map<NodeType, int> types;
  std::size_t most_chunks = 0;
  Walk(*repository, snapshot.tree, root_, [&](const fs::path& path, const Node& node) {
    ++types[node.type];
    struct stat info;
    ASSERT_EQ(lstat(path.c_str(), &info), 0) << path;
    EXPECT_EQ(node.mode, GoMode(info.st_mode)) << path;
    EXPECT_EQ(node.type, TypeOfMode(info.st_mode)) << path;
    EXPECT_EQ(node.mtime.nanos, info.st_mtim.tv_nsec) << path;
    if (node.type != NodeType::kFile) return;
    const Bytes data = ReadFile(path);
    EXPECT_EQ(node.content.value_or(std::vector<Id>{}), ChunkIds(*repository, data)) << path;
    most_chunks = std::max(most_chunks, node.content->size());
    Bytes restored;
    for (const Id& id : *node.content) {
      const Bytes chunk = repository->LoadBlob({BlobType::kData, id}, {}).value();
      restored.insert(restored.end(), chunk.begin(), chunk.end());
    }
    EXPECT_EQ(restored, data) << path;
  });
  EXPECT_EQ(types[NodeType::kFile], 10);
  EXPECT_EQ(types[NodeType::kDir], 3);
  EXPECT_EQ(types[NodeType::kSymlink], 1);
  EXPECT_EQ(types[NodeType::kFifo], 1);
  EXPECT_GE(most_chunks, 3U);
}

TEST_P(ResticMade, PackHeadersSayWhatTheIndexSays) {
  MakeResticRepository(GetParam());
  const auto repository = Open();
  std::map<Id, std::uint64_t> sizes;
  const auto files = repository->ListFiles(FileType::kPack, {}).value();
  for (const FileEntry& file : files) sizes[file.id] = file.size;
  std::size_t packs = 0;
  repository->index().ForEachPack([&](const PackEntry& pack) {
    ++packs;
    EXPECT_EQ(ReadPackHeader(*storage_, repository->key(), pack.id, sizes[pack.id], {}).value(),
              pack.blobs);
  });
  EXPECT_EQ(packs, sizes.size());
}

TEST_P(ResticMade, WeAddASnapshotThatResticRestores) {
  MakeResticRepository(GetParam());
  {
    const auto repository = Open();
    Snapshot snapshot = repository->FindSnapshot("latest", {}).value();
    TreeBuilder builder;
    Node node;
    node.name = "added";
    node.mode = 0644;
    const Bytes content = Noise(100'000, 9);
    node.size = content.size();
    node.content = {repository->SaveBlob(BlobType::kData, content, {}).value().id};
    ASSERT_TRUE(builder.Add(node));
    snapshot.tree = repository->SaveBlob(BlobType::kTree, AsBytes(builder.Finish()), {}).value().id;
    snapshot.tags = {"ours"};
    ASSERT_TRUE(repository->SaveSnapshot(snapshot, {}));
  }
  ExpectRestic("check --read-data");
  ExpectRestic("restore latest --tag ours --target out");
  EXPECT_EQ(ReadFile(root_ / "out" / "added"), Noise(100'000, 9));
}

INSTANTIATE_TEST_SUITE_P(Versions, ResticMade, testing::Values(1, 2));

class OursTest : public ResticTest {
 protected:
  std::unique_ptr<Repository> Init(int version = 2) {
    InitOptions options{version, KdfParams{}, {}};
    options.repository.pack_size = 1 << 20;
    auto made = Repository::Init(*storage_, "pw", options, {});
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
  }

  // A directory of 200 files in one snapshot; returns the tree's id.
  static Id Fill(Repository& repository) {
    TreeBuilder builder;
    for (std::uint64_t i = 0; i < 200; ++i) {
      Node node;
      node.name = fmt::format("file\xff{:03}", i);
      node.mode = 0640;
      node.mtime = node.atime = node.ctime = {1577934245, 120'000'000};
      node.uid = static_cast<std::uint32_t>(getuid());
      node.gid = static_cast<std::uint32_t>(getgid());
      const Bytes content = Noise(i * 100, i);
      node.size = content.size();
      node.content.emplace();
      if (!content.empty())
        node.content->push_back(repository.SaveBlob(BlobType::kData, content, {}).value().id);
      EXPECT_TRUE(builder.Add(node));
    }
    Snapshot snapshot;
    snapshot.time = SystemClock().Now();
    snapshot.tree = repository.SaveBlob(BlobType::kTree, AsBytes(builder.Finish()), {}).value().id;
    snapshot.paths = {"/shop/data"};
    snapshot.hostname = "cluster";
    snapshot.program_version = "holdfast";
    snapshot.summary.emplace();
    EXPECT_TRUE(repository.SaveSnapshot(snapshot, {}));
    return snapshot.tree;
  }
};

TEST_F(OursTest, ResticChecksAndRestoresWhatWeWrote) {
  for (const int version : {1, 2}) {
    fs::remove_all(root_ / "repo");
    fs::remove_all(root_ / "out");
    const auto repository = Init(version);
    const Id tree = Fill(*repository);
    ExpectRestic("check --read-data");
    ExpectRestic("cat config");
    ExpectRestic("cat masterkey");
    ExpectRestic("cat snapshot " + repository->ListSnapshots({}).value()[0].id.Hex());
    EXPECT_EQ(Restic("cat blob " + tree.Hex()).output,
              AsText(repository->LoadBlob({BlobType::kTree, tree}, {}).value()));
    ExpectRestic("restore latest --target out");
    for (std::uint64_t i = 0; i < 200; ++i)
      EXPECT_EQ(ReadFile(root_ / "out" / fmt::format("file\xff{:03}", i)), Noise(i * 100, i));
  }
}

TEST_F(OursTest, ResticBacksUpIntoItPrunesItAndRebuildsItsIndex) {
  Fill(*Init());
  MakeSource();
  ExpectRestic("backup source");
  ExpectRestic("forget --prune --keep-last 1");
  ExpectRestic("rebuild-index --read-all-packs");
  ExpectRestic("check --read-data");
  const auto repository = Open();
  const auto snapshots = repository->ListSnapshots({}).value();
  Walk(*repository, snapshots.back().tree, root_, [](const fs::path&, const Node&) {});
}

TEST_F(OursTest, PasswordsThatResticAddsOpenForUsToo) {
  Fill(*Init());
  WriteFile(root_ / "new", AsBytes("second"));
  ExpectRestic("key add --new-password-file new");
  EXPECT_TRUE(FindKey(*storage_, "second", {}).value());
  EXPECT_FALSE(FindKey(*storage_, "third", {}).value());
  EXPECT_NE(Restic("snapshots", "third").exit, 0);
}

TEST_F(OursTest, ResticRespectsOurLocks) {
  const auto repository = Init();
  Fill(*repository);
  MakeSource();
  LockRequest request;
  request.holder = "prod/shop/pod-1";
  request.exclusive = true;
  auto lock = Lock::Acquire(*repository, request, {}).value();
  const Ran refused = Restic("backup source");
  EXPECT_NE(refused.exit, 0);
  EXPECT_NE(refused.output.find("prod/shop/pod-1"), std::string::npos) << refused.output;
  ASSERT_TRUE(lock->Release());
  request.exclusive = false;
  lock = Lock::Acquire(*repository, request, {}).value();
  ExpectRestic("backup source");
  EXPECT_NE(Restic("prune").exit, 0);
  lock.reset();
  ExpectRestic("prune");
}

}  // namespace
}  // namespace holdfast::repo
