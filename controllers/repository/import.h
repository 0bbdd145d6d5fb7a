// Snapshots of Holdfast's that a repository holds and this cluster does not know become Backups
// (spec.import), so that they can be restored by name, policy or time. Pure.
//
// A Job lists them once for each wish: each value of spec.import, and each promotion of a standby,
// which is to have all there is (jobs/protocol/backup_record.h). The operator makes an object of
// each, which then says all that there is to say (spec.import of the Backup).
// The Job stays until all are made: whoever leads next reads the list again, and goes on with what
// is missing. Snapshots that a Backup of the namespace names already are left alone, and so are
// those that others made.
//
// While a Restore of the namespace follows, another Job waits for what is new: it ends once the
// list is another than status.importSeen, is read, and the next one waits. Nothing is written
// meanwhile. Backups of another cluster or namespace of which the repository has the snapshots no
// longer go then, so that there is no end of objects only.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controllers/context.h"
#include "controllers/repository/decide.h"
#include "crds/types/backup.h"
#include "jobs/protocol/backup_record.h"

namespace holdfast::controllers::repository {

inline constexpr const char* kImportVerb = "import";

// Adds to `plan` the Job to start, to read or to remove, and status.lastImport.
void DecideImport(const World& world, const Settings& settings, Plan& plan);

// Of plan.read_import: `listed` was read from its log, and `left` of them have still to be made.
void NoteImported(const World& world, const std::vector<protocol::BackupRecord>& listed,
                  std::size_t left, Plan& plan);
// The log could not be read. Where it is gone for good, the Job goes too and is made anew.
void NoteUnreadable(const World& world, const Settings& settings, const Error& error, Plan& plan);

// Whether all that spec.import asks for is there, and what was there when these were asked for.
bool IsImported(const crds::BackupRepository& repository, const std::string& promotions);

// The Restores of a namespace that follow and are to be promoted, or have been: a change means that
// one wants to know all there is.
// `also` is the uid of one that is known to be, though the cache may not show it yet; or empty.
std::string Promotions(const Caches& caches, const std::string& ns, const std::string& also = "");
// The same of the Restores of one namespace.
std::string Promotions(std::span<const crds::Restore> restores);

// Whether that could not be found out, and is tried again later.
bool ImportFailed(const crds::BackupRepository& repository, const std::string& promotions);

// plan.start_import is set.
Result<Json> BuildImportJob(const World& world, const Plan& plan, const Settings& settings);

// What a namespace has already.
struct KnownBackups {
  std::set<std::string> names;
  std::set<std::string, std::less<>> snapshots;

  void Add(const crds::Backup& backup);
};

// A Backup for each record of which no snapshot is known, in their order. One that cannot have its
// own name, because there is such a Backup already or it is none, gets its first snapshot's id
// behind it.
std::vector<crds::Backup> BackupsToImport(const std::vector<protocol::BackupRecord>& records,
                                          const crds::BackupRepository& repository,
                                          const KnownBackups& known, const Settings& settings);

// Of the Backups of the namespace, those imported from elsewhere that are not, with just these
// snapshots, among the records: the repository has them no longer, or not as they were found. None
// unless the list is whole and nobody's Backups but the wish's are in question.
std::vector<crds::Backup> NoLongerThere(const std::vector<protocol::BackupRecord>& records,
                                        const World& world, const Plan& plan,
                                        const std::vector<crds::Backup>& backups,
                                        const Settings& settings);

}  // namespace holdfast::controllers::repository
