// The storage seam: a place that keeps write-once objects. Few methods; every further ability
// (retry, rate limit, tracing) is a decorator over the same interface. Encryption lives above.
//
// Threads: every method may be called from many threads at once. Each method returns Cancelled
// soon after a stop was requested; once it returned, it changes nothing any more.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "jobs/storage/handle.h"

namespace holdfast::storage {

// The code of the error when the place itself is missing (the bucket, the folder above a local
// repository), which an absent object is not. Nothing else in the mover uses Gone.
inline constexpr Code kNoPlace = Code::kGone;

struct FileInfo {
  std::string name;
  std::uint64_t size = 0;  // bytes
  TimePoint stored{};      // by the place's clock; zero where a listing does not tell
};

// In a place that keeps versions: one of an object, or the marker by which a removal hides those
// before it.
struct ObjectVersion {
  Handle handle;
  std::string id;
  bool is_marker = false;
  TimePoint stored{};  // by the place's clock
};

class Backend {
 public:
  virtual ~Backend() = default;

  // Stores the whole object or nothing, durably before it returns. An object that is already there
  // is AlreadyExists where the backend can tell without an extra request, otherwise replaced. A
  // pack's name is the SHA-256 of `data`; a store that checks what it is sent may refuse any other.
  // Denied, NoSpace, Unavailable, Timeout as the place answers; kNoPlace.
  virtual Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) = 0;

  // Puts the object in the place of the one there is, durably and at once: whoever looks sees the
  // old or the new one whole, also after power loss. Only for the config, which alone may change.
  // NotSupported where the place cannot do that.
  virtual Result<void> Replace(const Handle&, ByteView, std::stop_token) {
    return Fail(Code::kNotSupported, Location() + " cannot replace an object at once");
  }

  // `length` bytes from `offset`; length 0 means up to the end. NotFound when absent; Corrupt when
  // the object ends before offset + length.
  virtual Result<Bytes> Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                             std::stop_token stop) = 0;

  // Load into memory that the caller has: `into.size()` bytes from `offset`. Cheaper where the
  // place can do it without a buffer of its own. After an Error `into` holds anything.
  virtual Result<void> LoadInto(const Handle& handle, std::uint64_t offset,
                                std::span<std::uint8_t> into, std::stop_token stop);

  // NotFound when absent.
  virtual Result<FileInfo> Stat(const Handle& handle, std::stop_token stop) = 0;

  // Calls `visit` once per object of the type, in no order, on the caller's thread; an Error from
  // `visit` ends the listing and is returned. Names that are no object of ours are skipped. An
  // empty or absent folder is an empty listing.
  virtual Result<void> List(FileType type,
                            const std::function<Result<void>(const FileInfo&)>& visit,
                            std::stop_token stop) = 0;

  // Removing what is not there is success.
  virtual Result<void> Remove(const Handle& handle, std::stop_token stop) = 0;

  // Removes what writers that died left half-written where objects belong, which no List shows, and
  // returns how many that were. Only under the exclusive lock: then nobody else writes, except new
  // locks, whose leftovers are told by their age.
  virtual Result<std::uint64_t> RemoveLeftovers(std::stop_token) { return 0; }

  // --- Object lock, where the place has it and was opened with it ---
  // An object that is saved is then retained: whatever is asked for by whomever, the place keeps
  // its bytes until a time. Locks of the repository are not retained.

  // For how long what is saved now is retained; nothing when it is not.
  virtual std::optional<std::chrono::seconds> RetentionPeriod() const { return std::nullopt; }

  // Nothing when the object is not retained, or when we may not know.
  virtual Result<std::optional<TimePoint>> RetainedUntil(const Handle&, std::stop_token) {
    return std::nullopt;
  }

  // Retains the object until then at least: a later time that it has already stays.
  virtual Result<void> Retain(const Handle&, TimePoint, std::stop_token) {
    return Fail(Code::kNotSupported, Location() + " cannot retain objects");
  }

  // --- Versions: of what was removed or replaced, where the place keeps it ---

  // All versions of all objects of ours; those of one object one after the other, the newest first,
  // and apart from them its markers. NotSupported.
  virtual Result<void> ListVersions(const std::function<Result<void>(const ObjectVersion&)>&,
                                    std::stop_token) {
    return Fail(Code::kNotSupported, Location() + " keeps nothing of what was removed");
  }

  // Once and for all, so that the one before it is seen again. Denied while it is retained.
  virtual Result<void> RemoveVersion(const ObjectVersion&, std::stop_token) {
    return Fail(Code::kNotSupported, Location() + " keeps nothing of what was removed");
  }

  // Puts a copy of it on top of all others, retained as what is saved: for when those cannot be
  // removed.
  virtual Result<void> RestoreVersion(const ObjectVersion&, std::stop_token) {
    return Fail(Code::kNotSupported, Location() + " keeps nothing of what was removed");
  }

  // The place in words for messages, without credentials: "s3:https://host/bucket/prefix".
  virtual std::string Location() const = 0;
};

}  // namespace holdfast::storage
