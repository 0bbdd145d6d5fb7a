// Repositories in memory for tests: filled without a file system, copied, and compared with what
// was put in.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "jobs/engine/checker.h"
#include "jobs/repo/repository.h"
#include "jobs/storage/memory.h"
#include "tests/unit/jobs/engine/trees.h"

namespace holdfast::engine {

inline constexpr repo::KdfParams kQuickKdf{16, 1, 1};

// So that a test has many packs.
inline repo::RepositoryOptions SmallPacks() { return {.pack_size = 40'000}; }

inline std::unique_ptr<repo::Repository> InitRepository(storage::Backend& storage,
                                                        int version = repo::kNewestVersion) {
  repo::InitOptions options;
  options.version = version;
  options.kdf = kQuickKdf;
  options.repository = SmallPacks();
  return repo::Repository::Init(storage, "pw", options, {}).value();
}

// A new object, as another process has it, with the index loaded.
inline std::unique_ptr<repo::Repository> OpenRepository(
    storage::Backend& storage, repo::RepositoryOptions options = SmallPacks()) {
  auto key = repo::FindKey(storage, "pw", {}).value();
  auto repository = repo::Repository::Open(storage, std::move(key->master), options, {}).value();
  EXPECT_TRUE(repository->LoadIndex({}));
  return repository;
}

inline void CopyStorage(storage::Backend& from, storage::Backend& to) {
  using storage::FileType;
  for (const FileType type : {FileType::kConfig, FileType::kKey, FileType::kLock,
                              FileType::kSnapshot, FileType::kIndex, FileType::kPack}) {
    EXPECT_TRUE(from.List(type,
                          [&](const storage::FileInfo& info) -> Result<void> {
                            TRY(const Bytes bytes, from.Load({type, info.name}, 0, 0, {}));
                            return to.Save({type, info.name}, bytes, {});
                          },
                          {}));
  }
}

inline std::vector<std::string> NamesIn(storage::Backend& storage, storage::FileType type) {
  std::vector<std::string> names;
  EXPECT_TRUE(storage.List(type,
                           [&](const storage::FileInfo& info) -> Result<void> {
                             names.push_back(info.name);
                             return {};
                           },
                           {}));
  return names;
}

// Files by path: the seed of a file's content.
using Content = std::map<std::string, int>;

// Pieces of a few KiB; every third can be compressed.
inline std::string PieceOf(int seed) {
  const auto size = 1000 + static_cast<std::size_t>(seed) * 7919 % 9000;
  return seed % 3 == 0
             ? std::string(size, static_cast<char>('a' + seed % 26)) + std::to_string(seed)
             : Noise(size, static_cast<std::uint64_t>(seed) + 1);
}

// Two pieces a file, in folders by the first letter.
inline repo::Snapshot SaveContent(repo::Repository& repository, const Content& content,
                                  std::int64_t hour, const std::string& path = "/data") {
  std::map<std::string, repo::Tree> folders;
  for (const auto& [name, seed] : content) {
    repo::Node node;
    node.name = name;
    node.mode = 0644;
    node.content.emplace();
    for (const int piece : {seed, seed + 1}) {
      const std::string bytes = PieceOf(piece);
      node.content->push_back(
          repository.SaveBlob(repo::BlobType::kData, AsBytes(bytes), {}).value().id);
      node.size += bytes.size();
    }
    folders[name.substr(0, 1)].nodes.push_back(node);
  }
  repo::Tree root;
  for (const auto& [name, tree] : folders) {
    repo::Node node;
    node.name = name;
    node.type = repo::NodeType::kDir;
    node.mode = repo::GoMode(S_IFDIR | 0755);
    node.subtree =
        repository.SaveBlob(repo::BlobType::kTree, AsBytes(repo::EncodeTree(tree).value()), {})
            .value()
            .id;
    root.nodes.push_back(node);
  }
  repo::Snapshot snapshot;
  snapshot.time = ParseTime("2026-08-01T00:00:00Z").value() + std::chrono::hours(hour);
  snapshot.hostname = "prod";
  snapshot.paths = {path};
  snapshot.tree =
      repository.SaveBlob(repo::BlobType::kTree, AsBytes(repo::EncodeTree(root).value()), {})
          .value()
          .id;
  EXPECT_TRUE(repository.SaveSnapshot(snapshot, {}));
  return snapshot;
}

// What the snapshot holds, read back piece by piece; a line for each difference.
inline std::vector<std::string> Differences(repo::Repository& repository,
                                            const repo::Snapshot& snapshot,
                                            const Content& expected) {
  std::vector<std::string> differences;
  Content left = expected;
  const auto root = repository.LoadTree(snapshot.tree, {});
  if (!root) return {root.error().message};
  for (const repo::Node& folder : root->nodes) {
    const auto tree = repository.LoadTree(*folder.subtree, {});
    if (!tree) {
      differences.push_back(tree.error().message);
      continue;
    }
    for (const repo::Node& node : tree->nodes) {
      std::string found;
      for (const repo::Id& id : *node.content) {
        const auto bytes = repository.LoadBlob({repo::BlobType::kData, id}, {});
        if (!bytes) differences.push_back(node.name + ": " + bytes.error().message);
        if (bytes) found += AsText(*bytes);
      }
      const auto seed = left.find(node.name);
      if (seed == left.end() || found != PieceOf(seed->second) + PieceOf(seed->second + 1))
        differences.push_back(node.name + " differs");
      if (seed != left.end()) left.erase(seed);
    }
  }
  for (const auto& [name, seed] : left) differences.push_back(name + " is missing");
  return differences;
}

// Random files, `count` of them, that share pieces with those of other seeds.
inline Content RandomContent(std::mt19937& random, int count) {
  Content content;
  for (int i = 0; i < count; ++i) {
    const int seed = static_cast<int>(random() % 150);
    content[std::string(1, static_cast<char>('a' + random() % 5)) + std::to_string(seed)] = seed;
  }
  return content;
}

}  // namespace holdfast::engine
