// How a Backup or Restore goes, as lines, and watching it until it is over.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "crds/types/backup.h"
#include "crds/types/restore.h"
#include "operator/plugin/session.h"

namespace holdfast::plugin {

// What a terminal shows now: a line for each step with its time, one for each volume with a bar,
// and what it waits for. Pure.
std::vector<std::string> Lines(const crds::Restore& restore, TimePoint now);
std::vector<std::string> Lines(const crds::Backup& backup, TimePoint now);

// What is said where nothing can be redrawn: each thing once.
class Milestones {
 public:
  std::vector<std::string> Next(const crds::Restore& restore);
  std::vector<std::string> Next(const crds::Backup& backup);

 private:
  void Say(const std::string& line, std::vector<std::string>& lines);
  std::set<std::string> said_;
};

// Until it is over. Internal, with its own words, when it failed; a Backup that failed in part
// failed. A stop leaves it at work, and says how to see it again. The object as it ended.
Result<Json> FollowRestore(const Session& session, const std::string& name);
Result<Json> FollowBackup(const Session& session, const std::string& name);

}  // namespace holdfast::plugin
