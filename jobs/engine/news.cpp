#include "jobs/engine/news.h"

#include <map>
#include <optional>
#include <set>

namespace holdfast::engine {
namespace {

// The snapshots of a repository, of which only those that are new are read.
class Snapshots {
 public:
  Snapshots(repo::Repository& repository, storage::Backend& storage)
      : repository_(repository), storage_(storage) {}

  Result<void> ReadAll(std::stop_token stop) {
    std::vector<Error> damaged;
    TRY(auto all, repository_.ListSnapshots(stop, &damaged));
    for (repo::Snapshot& snapshot : all) known_[snapshot.id] = std::move(snapshot);
    return {};
  }

  // False when they are those of the last time.
  Result<bool> Update(std::stop_token stop) {
    std::set<repo::Id> listed;
    const auto note = [&](const storage::FileInfo& file) -> Result<void> {
      if (const auto id = repo::Id::Parse(file.name)) listed.insert(*id);
      return {};
    };
    TRY_VOID(storage_.List(storage::FileType::kSnapshot, note, stop));
    std::size_t changes =
        std::erase_if(known_, [&](const auto& known) { return !listed.contains(known.first); });
    for (const repo::Id& id : listed) {
      if (known_.contains(id)) continue;
      TRY(known_[id], Read(id, stop));
      ++changes;
    }
    return changes > 0;
  }

  std::vector<repo::Snapshot> All() const {
    std::vector<repo::Snapshot> all;
    for (const auto& [id, snapshot] : known_)
      if (snapshot) all.push_back(*snapshot);
    return all;
  }

 private:
  // nullopt for one that is damaged, or went meanwhile.
  Result<std::optional<repo::Snapshot>> Read(const repo::Id& id, std::stop_token stop) {
    auto snapshot = repository_.LoadSnapshot(id, stop);
    if (snapshot) return std::move(*snapshot);
    const Code code = snapshot.error().code;
    if (code == Code::kCorrupt || code == Code::kNotFound) return std::nullopt;
    return tl::make_unexpected(std::move(snapshot).error());
  }

  repo::Repository& repository_;
  storage::Backend& storage_;
  std::map<repo::Id, std::optional<repo::Snapshot>> known_;
};

}  // namespace

RecordList ListRecords(std::span<const repo::Snapshot> snapshots, const BackupsRequest& request) {
  RecordList list{RecordsOf(snapshots, request.filter)};
  if (request.complete) DropUnfinished(list.records);
  list.more = request.newest != 0 && list.records.size() > request.newest;
  if (list.more) list.records.resize(request.newest);
  return list;
}

Result<bool> AwaitNews(repo::Repository& repository, storage::Backend& storage,
                       const BackupsRequest& request, storage::Sleeper& sleeper,
                       std::stop_token stop) {
  const auto until = sleeper.Now() + request.patience;
  Snapshots snapshots(repository, storage);
  TRY_VOID(snapshots.ReadAll(stop));
  for (bool changed = true;;) {
    if (changed &&
        protocol::DigestOf(ListRecords(snapshots.All(), request).records) != request.unlike)
      return true;
    if (sleeper.Now() >= until) return false;
    TRY_VOID(sleeper.Sleep(request.every, stop));
    TRY(changed, snapshots.Update(stop));
  }
}

}  // namespace holdfast::engine
