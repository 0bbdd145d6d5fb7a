#include "jobs/engine/key_ring.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "base/json.h"
#include "jobs/engine/directory.h"

namespace holdfast::engine {
namespace {

using storage::FileType;

// restic's are below a kilobyte.
constexpr std::uint64_t kMaxKeyFile = 1 << 20;

Result<repo::KeyFile> LoadKey(repo::Repository& repository, const repo::Id& id, std::uint64_t size,
                              std::stop_token stop) {
  if (size > kMaxKeyFile) return Fail(Code::kCorrupt, "larger than any key file");
  TRY(const Bytes text, repository.storage().Load({FileType::kKey, id.Hex()}, 0, 0, stop));
  return repo::DecodeKeyFile(text);
}

Result<void> Prove(repo::Repository& repository, const repo::Id& id, std::string_view password,
                   std::stop_token stop) {
  TRY(const repo::KeyFile file, LoadKey(repository, id, 0, stop));
  TRY(const auto master, repo::OpenKeyFile(file, password));
  // A file that only the right master key opens.
  TRY(const Bytes config, repository.storage().Load({FileType::kConfig, ""}, 0, 0, stop));
  if (!master || !master->Open(config))
    return Fail(Code::kInternal,
                "the new key did not open the repository and was removed; check this machine's "
                "memory and try again");
  return {};
}

}  // namespace

Result<std::vector<KeyEntry>> ListKeys(repo::Repository& repository, std::stop_token stop) {
  TRY(const auto files, repository.ListFiles(FileType::kKey, stop));
  std::vector<KeyEntry> keys;
  for (const repo::FileEntry& file : files) {
    auto key = LoadKey(repository, file.id, file.size, stop);
    if (!key)
      return tl::make_unexpected(WithContext("key " + file.id.Short(), std::move(key).error()));
    keys.push_back({file.id, *std::move(key)});
  }
  std::ranges::sort(keys, {},
                    [](const KeyEntry& key) { return std::pair(key.file.created, key.id); });
  return keys;
}

Result<repo::Id> AddKey(repo::Repository& repository, std::string_view password, TimePoint now,
                        std::stop_token stop) {
  if (password.empty()) return Fail(Code::kInvalid, "the new password is empty");
  TRY(const repo::KeyFile file,
      repo::MakeKeyFile(repository.key(), password, repo::CalibrateKdf(), now));
  TRY(const repo::Id id, repo::SaveKey(repository.storage(), file, stop));
  if (auto proved = Prove(repository, id, password, stop); !proved) {
    // Without the caller's stop: a key that nobody asked for must not stay.
    TRY_VOID(repository.RemoveFile(FileType::kKey, id, {}));
    return tl::make_unexpected(std::move(proved).error());
  }
  return id;
}

Result<repo::Id> RemoveKey(repo::Repository& repository, std::string_view name,
                           const repo::Id& in_use, std::stop_token stop) {
  TRY(const auto files, repository.ListFiles(FileType::kKey, stop));
  std::optional<repo::Id> found;
  for (const repo::FileEntry& file : files) {
    if (name.empty() || !file.id.Hex().starts_with(name)) continue;
    if (found)
      return Fail(Code::kInvalid, fmt::format("key {}: several ids begin like that", name));
    found = file.id;
  }
  if (!found)
    return Fail(Code::kNotFound, fmt::format("key {}: there is none; see key list", name));
  if (*found == in_use)
    return Fail(Code::kInvalid,
                "this is the key that opened the repository; use another password to remove it, or "
                "key passwd to change it");
  TRY_VOID(repository.RemoveFile(FileType::kKey, *found, stop));
  return *found;
}

Result<repo::Id> ChangeKey(repo::Repository& repository, std::string_view password,
                           const repo::Id& in_use, TimePoint now, std::stop_token stop) {
  TRY(const repo::Id id, AddKey(repository, password, now, stop));
  TRY_VOID(repository.RemoveFile(FileType::kKey, in_use, stop));
  return id;
}

void PrintKeys(std::ostream& out, const std::vector<KeyEntry>& keys, const repo::Id& in_use,
               bool json) {
  for (const KeyEntry& key : keys) {
    const bool current = key.id == in_use;
    if (json) {
      out << DumpJson({{"id", key.id.Hex()},
                       {"current", current},
                       {"userName", key.file.username},
                       {"hostName", key.file.hostname},
                       {"created", FormatTime(key.file.created)}})
          << '\n';
    } else {
      out << fmt::format("{}{}  {}  {}@{}\n", current ? '*' : ' ', key.id.Short(),
                         FormatTime(key.file.created), Printable(key.file.username),
                         Printable(key.file.hostname));
    }
  }
}

}  // namespace holdfast::engine
