// Whether a cache may be believed about what this process alone writes. Caches see writes late
// (cache.h); decided by an older state, the same thing is done and told twice. Versions tell: one
// resource's resourceVersions are ordered numbers (API concepts, "Resource versions"), every answer
// to a write has one, and a watch tells up to which one it has come.
//
// What an earlier leader wrote counts too. It had stopped before this process began to write, so
// that the first version that this process learns of its own writes is above all of that: before
// the cache has come there, nothing in it is believed.
//
// Threads: safe from many threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "operator/kube/object_key.h"

namespace holdfast::kube {

class Freshness {
 public:
  // By the cache's informer: all of `ns`, or of every namespace when it is empty, is in the cache
  // as of that version.
  void Reached(const std::string& ns, std::string_view version);
  // The same by a list that is complete. Returns what was awaited until now: it came with the list,
  // but was not believed before.
  std::vector<ObjectKey> Completed(const std::string& ns, std::string_view version);

  // By whoever writes: the answer to a write of the object.
  void Wrote(const ObjectKey& key, std::string_view version);
  // A write of it whose outcome is not known: the cache is not believed before Read.
  void Lost(const ObjectKey& key);
  // The object was read from the API server and had that version; empty when it was not there.
  void Read(const ObjectKey& key, std::string_view version);
  // All objects of `ns` were listed, as the latest that there were, with the list's version.
  void Listed(const std::string& ns, std::string_view version);

  // Whether the cache has all that was written of the object before now by this process or an
  // earlier leader.
  bool Shows(const ObjectKey& key) const;
  // The same of all objects of `ns`.
  bool ShowsAll(const std::string& ns) const;
  // Whether a write of the object is on its way to the cache: it will be news there, so that who
  // waits for news need not ask.
  bool Awaits(const ObjectKey& key) const;
  // A list at least as new as this version shows all that was written in `ns`; empty when no such
  // version is known, and only the latest will do.
  std::string Needed(const std::string& ns) const;

 private:
  using Version = std::uint64_t;
  static constexpr Version kNever = UINT64_MAX;

  static Version Parse(std::string_view text);
  void ReachedLocked(const std::string& ns, Version version);
  Version ReachedIn(const std::string& ns) const;
  bool IsPast(const std::string& ns, Version version) const;
  bool IsComing(const ObjectKey& key, Version version) const;
  void Note(const ObjectKey& key, Version version);

  mutable std::mutex mutex_;
  std::map<std::string, Version> reached_;
  Version first_ = kNever;                // above all that earlier leaders wrote
  std::map<ObjectKey, Version> written_;  // what the cache may not show yet
  std::size_t sweep_at_ = 64;
};

}  // namespace holdfast::kube
