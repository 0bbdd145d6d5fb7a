// Repositories made by somebody who knows the password and means harm: whatever they say, nothing
// outside the target changes, memory stays bounded, and every walk ends, at the latest when it is
// told to stop. What a walk by paths has to visit is the repository's to say, and may be more than
// anybody has time for (a tree that names another one twice, fifty times over): so such walks hold
// one tree a level and look at their stop token at every entry. Check visits each tree once.
#include <fstream>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <unistd.h>

#include "jobs/engine/directory.h"
#include "jobs/engine/listing.h"
#include "jobs/repo/lock.h"
#include "tests/unit/jobs/engine/vault.h"

namespace holdfast::engine {
namespace {

using repo::BlobType;
using repo::Id;
using repo::Node;
using repo::NodeType;
using storage::FileType;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// How far this process's resident memory rises above where it stood.
class MemoryRise {
 public:
  MemoryRise() : start_(Resident()) {
    sampler_ = std::jthread([this](std::stop_token stop) {
      while (!stop.stop_requested()) {
        most_ = std::max(most_.load(), Resident());
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  std::size_t MiB() const { return (std::max(most_.load(), start_) - start_) >> 20; }

 private:
  static std::size_t Resident() {
    std::size_t total = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  }
  const std::size_t start_;
  std::atomic<std::size_t> most_ = 0;
  std::jthread sampler_;
};

// What was freed stays resident for a while under the sanitizers; each attack asks for far more.
constexpr std::size_t kEnoughMiB = 700;

class HostileTest : public testing::Test {
 protected:
  HostileTest()
      : target_(place_.Make("inside/target")),
        outside_(place_.Make("outside")),
        repository_(MakeRepository(storage_)) {
    RaiseOpenFileLimit();
  }

  Id SaveTree(const std::string& json) {
    return repository_->SaveBlob(BlobType::kTree, AsBytes(json), {}).value().id;
  }
  Id SaveNodes(std::vector<Node> nodes) {
    std::ranges::sort(nodes, {}, &Node::name);
    return SaveTree(repo::EncodeTree({std::move(nodes)}).value());
  }
  Node File(const std::string& name, const std::vector<std::string>& pieces) {
    Node node;
    node.name = name;
    node.mode = 0644;
    node.content.emplace();
    for (const std::string& piece : pieces) {
      node.content->push_back(
          repository_->SaveBlob(BlobType::kData, AsBytes(piece), {}).value().id);
      node.size += piece.size();
    }
    return node;
  }
  static Node Folder(const std::string& name, const Id& tree) {
    Node node;
    node.name = name;
    node.type = NodeType::kDir;
    node.mode = repo::GoMode(S_IFDIR | 0755);
    node.subtree = tree;
    return node;
  }
  // With a summary, so that a restore does not count first.
  repo::Snapshot SaveSnapshot(const Id& tree) {
    repo::Snapshot snapshot;
    snapshot.tree = tree;
    snapshot.paths = {"/x"};
    snapshot.summary.emplace();
    EXPECT_TRUE(repository_->SaveSnapshot(snapshot, {}));
    return snapshot;
  }
  // As another process finds it.
  void Reopen() {
    repository_ = TryOpen(storage_).value();
    ASSERT_TRUE(repository_->LoadIndex({}));
  }
  // Replaces the index by what `change` makes of it.
  void ForgeIndex(const std::function<void(std::vector<repo::PackEntry>&)>& change) {
    ASSERT_TRUE(repository_->Flush({}));
    std::vector<repo::PackEntry> packs;
    repository_->index().ForEachPack([&](const repo::PackEntry& pack) { packs.push_back(pack); });
    change(packs);
    const auto files = repository_->ListFiles(FileType::kIndex, {}).value();
    for (const auto& file : files)
      ASSERT_TRUE(repository_->RemoveFile(FileType::kIndex, file.id, {}));
    ASSERT_TRUE(repository_->SaveUnpacked(FileType::kIndex, AsBytes(EncodeIndex(packs)), {}));
    Reopen();
  }
  static repo::Blob& BlobOf(std::vector<repo::PackEntry>& packs, const Id& id) {
    for (repo::PackEntry& pack : packs) {
      for (repo::Blob& blob : pack.blobs)
        if (blob.handle.id == id) return blob;
    }
    throw std::logic_error("no such blob");
  }

  Result<CheckReport> CheckAll(const repo::Snapshot& snapshot) {
    Meter meter;
    return Check(*repository_, {snapshot}, DataSubset::All(), meter, {});
  }
  std::string Content(const std::string& name) { return ReadFile(target_ + "/" + name); }

  TempDir place_{QuickPlace()};
  const std::string target_, outside_;
  storage::Memory storage_;
  std::unique_ptr<repo::Repository> repository_;
};

std::string NodeJson(const std::string& name, const std::string& more) {
  return R"({"name":")" + name +
         R"(","mode":420,"mtime":"2026-01-01T00:00:00Z","atime":"2026-01-01T00:00:00Z",)"
         R"("ctime":"2026-01-01T00:00:00Z","uid":0,"gid":0,)" +
         more + "}";
}

TEST_F(HostileTest, NamesThatAreNone) {
  const std::string kEmptyFile = R"("type":"file","content":[])";
  const Id empty = SaveNodes({});
  const std::string kFolder = R"("type":"dir","content":null,"subtree":")" + empty.Hex() + "\"";
  for (const char* name : {"", ".", "..", "../escaped", "/escaped", "a/b", "a/", "..\\\\x2fescaped",
                           "\\u002e\\u002e", "a\\u0000b", "a\\\\x00b", "\\\\u002e."}) {
    for (const std::string& kind : {kEmptyFile, kFolder}) {
      const auto snapshot = SaveSnapshot(SaveTree(R"({"nodes":[)" + NodeJson(name, kind) + "]}\n"));
      const auto report = RestoreInto(*repository_, snapshot, target_);
      EXPECT_TRUE(!report || report->failed.count() != 0) << name;
      EXPECT_TRUE(std::filesystem::is_empty(target_)) << name;
      EXPECT_GE(CheckAll(snapshot)->damage.count(), 1u) << name;
    }
  }
  EXPECT_FALSE(std::filesystem::exists(place_.path() + "/inside/escaped"));
  EXPECT_FALSE(std::filesystem::exists("/escaped"));
}

TEST_F(HostileTest, TheSameNameTwice) {
  const std::string link =
      NodeJson("a", R"("type":"symlink","linktarget":")" + outside_ + R"(","content":null)");
  const Id inner = SaveNodes({File("file", {"content"})});
  const std::string folder =
      NodeJson("a", R"("type":"dir","content":null,"subtree":")" + inner.Hex() + "\"");
  for (const std::string& nodes : {link + "," + folder, folder + "," + link}) {
    const auto snapshot = SaveSnapshot(SaveTree(R"({"nodes":[)" + nodes + "]}\n"));
    const auto report = RestoreInto(*repository_, snapshot, target_);
    EXPECT_TRUE(!report || report->failed.count() != 0);
    EXPECT_TRUE(std::filesystem::is_empty(outside_));
  }
}

// Two nodes that claim to be one file with two names; the first of them is a link by then.
TEST_F(HostileTest, AHardLinkLeadsNowhereElse) {
  WriteFile(outside_ + "/secret", "secret");
  Node first = File("a", {"content"});
  first.links = 2;
  first.inode = first.device_id = 7;
  Node second = first;
  second.name = "b";
  const auto snapshot = SaveSnapshot(SaveNodes({first, second}));
  ASSERT_EQ(::symlink((outside_ + "/secret").c_str(), (target_ + "/a").c_str()), 0);
  ASSERT_EQ(::symlink((outside_ + "/secret").c_str(), (target_ + "/b").c_str()), 0);
  ASSERT_TRUE(RestoreInto(*repository_, snapshot, target_));
  EXPECT_EQ(Content("b"), "content");
  EXPECT_EQ(ReadFile(outside_ + "/secret"), "secret");
}

// Somebody with access to the volume exchanges a directory for a symbolic link, all the time.
TEST_F(HostileTest, ASymlinkSwappedInWhileRestoring) {
  std::vector<Node> files;
  for (int i = 0; i < 60; ++i)
    files.push_back(File(std::to_string(i), {std::string(100, 'x'), std::to_string(i)}));
  const Id inner = SaveNodes(files);
  const auto snapshot =
      SaveSnapshot(SaveNodes({Folder("dir", SaveNodes({Folder("sub", inner)})), File("f", {"x"})}));
  const std::string dir = target_ + "/dir", aside = target_ + "/aside";
  std::atomic<std::uint64_t> swaps = 0;
  std::jthread attacker([&](std::stop_token stop) {
    std::filesystem::create_directory(outside_ + "/sub");
    while (!stop.stop_requested()) {
      // The restore may have made a directory of its own while this one was aside.
      std::error_code ignored;
      if (::rename(dir.c_str(), aside.c_str()) != 0) std::filesystem::remove_all(aside, ignored);
      if (std::filesystem::exists(dir, ignored)) continue;
      ::symlink(outside_.c_str(), dir.c_str());
      ++swaps;
      ::unlink(dir.c_str());
      ::rename(aside.c_str(), dir.c_str());
    }
  });
  for (int round = 0; round < 80 || swaps < 200; ++round)
    static_cast<void>(RestoreInto(*repository_, snapshot, target_));
  attacker = {};
  EXPECT_TRUE(std::filesystem::is_empty(outside_ + "/sub"));
  std::filesystem::remove(outside_ + "/sub");
  EXPECT_TRUE(std::filesystem::is_empty(outside_));
}

class BombTest : public HostileTest {
 protected:
  // 2^50 directories, said in 51 trees.
  repo::Snapshot MakeBomb() {
    Id tree = SaveNodes({File("bottom", {"x"})});
    for (int level = 0; level < 50; ++level)
      tree = SaveNodes({Folder("a", tree), Folder("b", tree)});
    return SaveSnapshot(tree);
  }
  // Runs a walk until it has done something, then stops it.
  void ExpectStops(const std::function<bool()>& began,
                   const std::function<Result<void>(std::stop_token)>& walk) {
    const MemoryRise rise;
    std::stop_source source;
    std::jthread stopper([&](std::stop_token give_up) {
      while (!began() && !give_up.stop_requested()) std::this_thread::yield();
      source.request_stop();
    });
    const Result<void> ended = walk(source.get_token());
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code, Code::kCancelled);
    EXPECT_LT(rise.MiB(), kEnoughMiB);
  }
};

TEST_F(BombTest, CheckVisitsEachTreeOnce) {
  const auto report = CheckAll(MakeBomb());
  ASSERT_TRUE(report);
  EXPECT_EQ(report->trees, 51u);
  EXPECT_THAT(report->damage.first(), IsEmpty());
}

TEST_F(BombTest, ARestoreStops) {
  const auto snapshot = MakeBomb();
  const std::string seen = target_ + std::string("/a/a/a/a/a/a/a/a");
  ExpectStops([&] { return std::filesystem::exists(seen); },
              [&](std::stop_token stop) -> Result<void> {
                TRY_VOID(RestoreInto(*repository_, snapshot, target_, stop));
                return {};
              });
}

// Without a summary a restore counts what is to come.
TEST_F(BombTest, CountingStops) {
  repo::Snapshot snapshot = MakeBomb();
  snapshot.summary.reset();
  const auto start = std::chrono::steady_clock::now();
  ExpectStops(
      [&] { return std::chrono::steady_clock::now() - start > std::chrono::milliseconds(50); },
      [&](std::stop_token stop) -> Result<void> {
        TRY_VOID(RestoreInto(*repository_, snapshot, target_, stop));
        return {};
      });
  EXPECT_TRUE(std::filesystem::is_empty(target_));
}

TEST_F(BombTest, AListingStops) {
  const auto snapshot = MakeBomb();
  std::ofstream nowhere("/dev/null");
  const auto start = std::chrono::steady_clock::now();
  ExpectStops(
      [&] { return std::chrono::steady_clock::now() - start > std::chrono::milliseconds(50); },
      [&](std::stop_token stop) -> Result<void> {
        TRY_VOID(PrintTree(nowhere, *repository_, snapshot, "/", {.long_format = true}, stop));
        return {};
      });
}

// Every level with a name of 255 bytes: the paths alone would fill 800 MiB.
TEST_F(BombTest, AVeryDeepTree) {
  constexpr int kLevels = 2600;
  Id tree = SaveNodes({File("bottom", {"x"})});
  for (int level = 0; level < kLevels; ++level)
    tree = SaveNodes({Folder(std::string(255, 'd'), tree)});
  const auto snapshot = SaveSnapshot(tree);
  const MemoryRise rise;
  const auto check = CheckAll(snapshot);
  ASSERT_TRUE(check);
  EXPECT_EQ(check->trees, kLevels + 1u);
  const auto report = RestoreInto(*repository_, snapshot, target_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->failed.first(), IsEmpty());
  EXPECT_EQ(report->files_written, 1u);
  EXPECT_LT(rise.MiB(), kEnoughMiB);
}

// The same as somebody's volume: it is backed up all the same.
TEST_F(BombTest, AVeryDeepVolume) {
  MakeDeep(target_, 4000 * 201);
  const MemoryRise rise;
  const auto report = ArchiveInto(*repository_, target_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->unreadable.first(), IsEmpty());
  EXPECT_EQ(report->snapshot.summary->total_files_processed, 1u);
  EXPECT_LT(rise.MiB(), kEnoughMiB);
}

// Content of a gigabyte, says the index, in a frame of a few bytes; eight times at once.
TEST_F(BombTest, DeclaredSizesTakeNoMemory) {
  std::vector<Node> files;
  for (int i = 0; i < 8; ++i)
    files.push_back(File(std::to_string(i), {std::string(5000, static_cast<char>('a' + i))}));
  const auto snapshot = SaveSnapshot(SaveNodes(files));
  ForgeIndex([&](auto& packs) {
    for (const Node& file : files)
      BlobOf(packs, file.content->front()).uncompressed_length = repo::kMaxBlobSize - 1;
  });
  const MemoryRise rise;
  const auto report = RestoreInto(*repository_, snapshot, target_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->damaged);
  EXPECT_EQ(report->failed.count(), 8u);
  EXPECT_LT(rise.MiB(), kEnoughMiB);
}

TEST_F(BombTest, AFileBeyondAllSizes) {
  Node file = File("huge", {std::string(5000, 'a')});
  const Id piece = file.content->front();
  file.content->assign(10'000, piece);
  file.size = 1ULL << 63;
  const auto snapshot = SaveSnapshot(SaveNodes({file, File("other", {"x"})}));
  ForgeIndex([&](auto& packs) { BlobOf(packs, piece).uncompressed_length = 1U << 30; });
  const MemoryRise rise;
  const auto report = RestoreInto(*repository_, snapshot, target_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->failed.count(), 1u);
  EXPECT_EQ(Content("other"), "x");
  EXPECT_LT(rise.MiB(), kEnoughMiB);
}

TEST_F(BombTest, AFileOfVeryManyPieces) {
  Node file = File("many", {"x"});
  file.content->assign(150'000, Id(file.content->front()));
  file.size = 150'000;
  const auto snapshot = SaveSnapshot(SaveNodes({file}));
  const MemoryRise rise;
  const auto report = RestoreInto(*repository_, snapshot, target_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->failed.first(), IsEmpty());
  EXPECT_EQ(Content("many"), std::string(150'000, 'x'));
  EXPECT_LT(rise.MiB(), kEnoughMiB);
}

TEST_F(HostileTest, AnIndexThatPointsBeyondThePack) {
  const Node bad = File("bad", {Noise(500, 1)}), good = File("good", {Noise(500, 2)});
  const auto snapshot = SaveSnapshot(SaveNodes({bad, good}));
  for (const std::uint32_t offset : {100'000U, UINT32_MAX}) {
    ForgeIndex([&](auto& packs) { BlobOf(packs, bad.content->front()).offset = offset; });
    const std::string target = place_.Make("target " + std::to_string(offset));
    const auto report = RestoreInto(*repository_, snapshot, target);
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_THAT(report->failed.first(), SizeIs(1));
    EXPECT_THAT(report->failed.first().front(), HasSubstr("bad: "));
    EXPECT_EQ(ReadFile(target + "/good"), Noise(500, 2));
    EXPECT_GE(CheckAll(snapshot)->damage.count(), 1u);
  }
}

// One blob begins within, or just where, another lies.
TEST_F(HostileTest, AnIndexWithOverlappingBlobs) {
  const Node bad = File("bad", {Noise(500, 1)}), good = File("good", {Noise(500, 2)});
  const auto snapshot = SaveSnapshot(SaveNodes({bad, good}));
  for (const std::uint32_t shift : {0U, 1U, 100U}) {
    ForgeIndex([&](auto& packs) {
      BlobOf(packs, bad.content->front()).offset =
          BlobOf(packs, good.content->front()).offset + shift;
    });
    const std::string target = place_.Make("target " + std::to_string(shift));
    const auto report = RestoreInto(*repository_, snapshot, target);
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_THAT(report->failed.first(), SizeIs(1));
    EXPECT_THAT(report->failed.first().front(), HasSubstr("bad: "));
    EXPECT_EQ(ReadFile(target + "/good"), Noise(500, 2));
    EXPECT_GE(CheckAll(snapshot)->damage.count(), 1u) << shift;
  }
}

std::string Nested(const std::string& before, const std::string& after) {
  std::string text = before;
  for (int i = 0; i < 100'000; ++i) text += R"({"a":)";
  text += "1" + std::string(100'000, '}') + after;
  return text;
}

// Where nothing of the kind belongs, and where what is unknown is passed over.
TEST_F(HostileTest, DeeplyNestedJson) {
  for (const char* member : {"content", "size", "generic_attributes", "unknown"}) {
    const auto snapshot = SaveSnapshot(SaveTree(
        Nested(R"({"nodes":[{"name":"a","type":"fifo",")" + std::string(member) + "\":", "}]}")));
    const auto report = RestoreInto(*repository_, snapshot, target_);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->failed.count(), member[0] == 'c' || member[0] == 's' ? 1u : 0u) << member;
  }
  for (const char* member : {R"({"paths":)", R"({"packs":)", R"({"supersedes":)", R"({"time":)"}) {
    for (const FileType type : {FileType::kSnapshot, FileType::kIndex, FileType::kLock})
      ASSERT_TRUE(repository_->SaveUnpacked(type, AsBytes(Nested(member, "}")), {}));
  }
  EXPECT_FALSE(repository_->ListSnapshots({}));
  EXPECT_FALSE(repo::ListLocks(*repository_, {}));
  EXPECT_FALSE(TryOpen(storage_).value()->LoadIndex({}));
}

}  // namespace
}  // namespace holdfast::engine
