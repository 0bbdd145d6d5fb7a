// A bounded part of a restore: planned pieces of files are compared with what is on disk, fetched
// in the order of the packs with few requests, written and read back, on several threads; then
// files, hard links and directories get their metadata.
//
// Memory: about 100 bytes a piece and 500 a file, for at most kMaxPieces and kMaxEntries; and for
// each thread what a PackReader holds. A larger file is written in several rounds.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "jobs/engine/fd.h"
#include "jobs/engine/meter.h"
#include "jobs/engine/report.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

struct RestoreReport {
  std::uint64_t files = 0;          // regular files selected
  std::uint64_t files_written = 0;  // those of which anything was written
  std::uint64_t bytes = 0;          // size of the files selected
  std::uint64_t bytes_fetched = 0;  // from the repository, as stored
  std::uint64_t bytes_written = 0;
  std::uint64_t other_entries = 0;  // directories, symbolic links, FIFOs, devices
  std::uint64_t entries_removed = 0;
  std::uint64_t sockets_skipped = 0;
  ProblemList failed;      // entries that could not be restored
  bool damaged = false;    // some of them because the repository lacks their content
  ProblemList mismatched;  // read back and found different
  std::uint64_t metadata_failures = 0;

  // Adds what happened in another part of the same restore.
  void Add(const RestoreReport& part);
};

struct BatchOptions {
  std::size_t threads = 1;
  bool verify = true;
  // Whoever restores next takes a file of the right size and time for whole. So a file gets its
  // time once its content is on disk: a node that is lost in between keeps what it had written
  // down, and that may be the time alone. (A new file of one piece needs no care: its size is
  // written down after its content.)
  bool times_are_trusted = false;
};

// Used by one thread at a time; the Flush methods themselves use several.
class RestoreBatch {
 public:
  struct File {
    std::string path;  // below the target
    repo::Node node;   // its content is in the pieces
    std::uint64_t size = 0;
    bool exists = false;  // to be overwritten in place, where it differs; else the name is free
  };

  // `target` is the open root; repository and meter outlive the batch.
  RestoreBatch(repo::Repository& repository, int target, const BatchOptions& options, Meter& meter,
               std::stop_token stop);

  // A file, then its pieces, then the end of it. When pieces_full, FlushPieces is due.
  void StartFile(File file);
  void AddPiece(const repo::PackedBlob& place, std::uint64_t offset);
  void EndFile();

  // A further name of a file that is in this batch or stands already.
  void AddLink(std::string first, std::string path);
  // A directory with everything in it planned: its metadata are set after that.
  void AddDirectory(std::string path, repo::Node node);

  std::size_t entries() const { return files_.size() + links_.size() + directories_.size(); }
  bool full() const;
  bool pieces_full() const;
  bool in_file() const { return !files_.empty() && !files_.back().ended; }
  // Carries out everything planned. NoSpace, Cancelled and errors of the repository end the
  // restore; what concerns one file is in the report.
  Result<void> Flush();
  // The same for the pieces alone; the last file may go on.
  Result<void> FlushPieces();

  // What happened since it was taken last.
  RestoreReport TakeReport() { return std::exchange(report_, {}); }

 private:
  using FilePtr = std::shared_ptr<const Fd>;
  struct Planned : File {
    std::uint32_t pieces = 0;                // all of them
    std::atomic<std::uint32_t> pending = 0;  // those that are not written yet
    bool ended = false;
    bool created = false;  // guarded by files_mutex_, as are the next two
    bool changed = false;  // something was written
    bool failed = false;
    bool finished = false;  // by RestoreWhole

    bool IsWhole() const { return ended && !exists && pieces <= 1; }
    bool NeedsWritingDown() const { return pieces > 0 && !finished; }
  };
  struct Piece {
    std::uint32_t pack = 0;  // index into packs_
    std::uint32_t file = 0;  // index into files_
    std::uint64_t offset = 0;
    repo::Blob blob;
    bool present = false;  // on disk already
  };
  struct Link {
    std::string first, path;
  };
  struct Directory {
    std::string path;
    repo::Node node;
  };
  struct OpenFile {
    std::uint32_t file = 0;
    FilePtr fd;
  };
  using Work = std::function<Result<void>(std::size_t, std::stop_token)>;

  Result<void> Parallel(std::size_t count, const Work& work) const;
  Result<void> ComparePieces();
  Result<void> FetchPieces();
  static std::uint64_t CostOf(const Piece& piece);
  std::vector<std::span<const Piece>> Portions() const;
  repo::PackReader::Portion PortionOf(std::span<const Piece> pieces, std::size_t number) const;
  Result<void> Deliver(const repo::Blob& blob, Result<ByteView> content,
                       std::span<const Piece> pieces, std::stop_token stop);
  // A new file of one piece, or none: made, written, read back and finished at once.
  Result<void> RestoreWhole(std::uint32_t index, ByteView content);
  Result<void> WritePiece(const Piece& piece, ByteView content);
  void Mismatched(Planned& file);
  Result<void> WriteDown();
  void CountMetadata(std::uint64_t failures);
  Result<void> FinishFile(std::uint32_t index);
  void MakeLink(const Link& link);
  Result<void> FinishDirectories();
  void FinishDirectory(const Directory& directory);

  // The file open for writing, created when need be; nullptr with errno.
  FilePtr Open(std::uint32_t index);
  void Close(std::uint32_t index);
  // NoSpace for a full disk, otherwise the file is marked and in the report.
  Result<void> Failed(std::uint32_t index, std::string_view what, int error_number);
  void Fail(Planned& file, std::string_view reason);
  bool HasFailed(const Planned& file) const;

  repo::Repository& repository_;
  const int target_;
  const BatchOptions options_;
  Meter& meter_;
  const std::stop_token stop_;
  RestoreReport report_;  // guarded by report_mutex_ while flushing

  std::deque<Planned> files_;
  std::vector<Piece> pieces_;
  std::vector<repo::Id> packs_;
  std::unordered_map<repo::Id, std::uint32_t> pack_numbers_;
  std::vector<Link> links_;
  std::vector<Directory> directories_;
  std::size_t path_bytes_ = 0;  // of all of these
  bool some_exist_ = false;     // files that are overwritten in place

  mutable std::mutex files_mutex_;
  std::mutex report_mutex_;
  std::list<OpenFile> open_;  // most recently used first; guarded by files_mutex_
  std::unordered_map<std::uint32_t, std::list<OpenFile>::iterator> open_by_file_;
};

}  // namespace holdfast::engine
