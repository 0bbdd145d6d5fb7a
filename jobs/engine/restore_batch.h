// A bounded part of a restore, carried out in the order of the packs: planned pieces of files are
// fetched pack by pack with few requests, then files, hard links and directories are finished.
//
// Memory: about 100 bytes a piece and 500 a file, for at most kMaxPieces and kMaxEntries, plus what
// Repository::LoadBlobs holds at a time. A larger file is written in several rounds.
#pragma once

#include <cstdint>
#include <list>
#include <stop_token>
#include <string>
#include <unordered_map>
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
};

// Compares `length` bytes of an open file with a blob's id. False also when they cannot be read.
bool HasContent(int fd, std::uint64_t offset, std::uint64_t length, const repo::Id& id);

// Not safe from many threads.
class RestoreBatch {
 public:
  struct File {
    std::string path;  // below the target
    repo::Node node;   // its content is in the pieces
    std::uint64_t size = 0;
    bool exists = false;  // to be overwritten in place; otherwise the name is free
  };

  // `target` is the open root; repository, meter and report outlive the batch.
  RestoreBatch(repo::Repository& repository, int target, bool verify, Meter& meter,
               RestoreReport& report, std::stop_token stop);

  // A file, then its pieces, then the end of it.
  void StartFile(File file);
  Result<void> AddPiece(const repo::PackedBlob& place, std::uint64_t offset);
  // The file cannot be completed; nothing more is written to it.
  void FailFile(std::string_view reason);
  void EndFile();

  // A further name of a file that is in this batch or stands already.
  void AddLink(std::string first, std::string path);
  // A directory with everything in it planned: its metadata are set after that.
  void AddDirectory(std::string path, repo::Node node);

  bool full() const;
  // Carries out everything planned. NoSpace, Cancelled and errors of the repository end the
  // restore; what concerns one file is in the report.
  Result<void> Flush();

 private:
  struct Planned : File {
    std::uint32_t pending = 0;  // pieces not yet written
    bool ended = false;
    bool created = false;
    bool failed = false;
  };
  struct Piece {
    std::uint32_t pack = 0;  // index into packs_
    std::uint32_t file = 0;  // index into files_
    std::uint64_t offset = 0;
    repo::Blob blob;
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
    Fd fd;
  };

  Result<void> FlushPieces();
  Result<void> FetchPack(const repo::Id& pack, std::span<const Piece> pieces);
  Result<void> Deliver(const repo::Blob& blob, Result<Bytes> content,
                       std::span<const Piece> pieces);
  Result<void> WritePiece(const Piece& piece, ByteView content);
  void VerifyPieces();
  Result<void> FinishFile(std::uint32_t index);
  void MakeLink(const Link& link);
  void FinishDirectory(const Directory& directory);

  // The file open for writing, created when need be; invalid with errno.
  int Open(std::uint32_t index);
  void Close(std::uint32_t index);
  // NoSpace for a full disk, otherwise the file is marked and in the report.
  Result<void> Failed(std::uint32_t index, std::string_view what, int error_number);
  void Fail(Planned& file, std::string_view reason);

  repo::Repository& repository_;
  const int target_;
  const bool verify_;
  Meter& meter_;
  RestoreReport& report_;
  const std::stop_token stop_;

  std::vector<Planned> files_;
  std::vector<Piece> pieces_;
  std::vector<repo::Id> packs_;
  std::unordered_map<repo::Id, std::uint32_t> pack_numbers_;
  std::vector<Link> links_;
  std::vector<Directory> directories_;
  std::list<OpenFile> open_;  // most recently used first
  std::unordered_map<std::uint32_t, std::list<OpenFile>::iterator> open_by_file_;
};

}  // namespace holdfast::engine
