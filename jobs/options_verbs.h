// The verbs' options as people type them; options.cpp makes requests of them.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "jobs/options.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace holdfast {

// As typed, before anything is looked at; shared by all verbs.
struct Typed {
  Options options;
  std::string retry_for, limit_upload, limit_download;
  std::string object_lock_mode, object_lock_period;
  std::string type = "incremental", unreadable = "fail", overwrite = "always", as_of, as_path, host;
  std::array<int, kPeriods> keep{};
  std::array<std::string, kPeriods> within;

  engine::InitRequest init;
  engine::BackupRequest backup;
  engine::RestoreRequest restore;
  engine::ForgetOptions forget;
  engine::PruneOptions prune;
  std::string max_unused = "5%", max_repack, group_by, lock_wait;
  bool forget_prune = false;
  CLI::Option* grouped = nullptr;
  engine::CopyRequest copy;
  engine::CheckRequest check;
  engine::KeyRequest key;
  engine::UnlockRequest unlock;
  engine::SnapshotsRequest snapshots;
  engine::BackupsRequest backups;
  engine::LsRequest ls;
  engine::FindRequest find;
  engine::DumpRequest dump;
  engine::DiffRequest diff;
  engine::StatsRequest stats;
  engine::UndeleteOptions undelete;
  std::string undelete_since;
  engine::WatchOptions watch;
  std::string stay_for = "10m";
  std::string quiet_period = "10s", max_interval = "5m", since;
  std::string every = "10s", patience = "6h";

  engine::SessionOptions from;  // the second repository of copy and init
  storage::OpenOptions from_storage;
  bool from_apart = false;  // and nothing of the first one's settings
  bool copy_chunker_params = false;
  std::vector<std::string> exclude_files, iexclude_files;
  std::string stdin_name = "stdin";
  bool from_stdin = false;
  std::string dump_name = "dump", dump_timeout = "1h";
  std::vector<std::string> map_uid, map_gid;
  bool read_data = false;
  std::string migration, read_data_subset, stats_mode = "restore-size", find_type, newer, older,
                                           archive;
  engine::SnapshotFilter filter;
};

// Adds every verb with its options, which are stored in `typed`.
void AddVerbs(CLI::App& app, Typed& typed);

}  // namespace holdfast
