// What an informer knows about its watch, as an explicit state machine without I/O (API concepts,
// "Efficient detection of changes").
//
//            StartList              Listed
//   kEmpty ------------> kListing ----------> kWatching --.  Line: the resourceVersion moves on
//      ^                    |                     |   ^___|  Ended, Failed: watch on from there
//      |____________________|_____________________|
//          Failed (any)         Failed (kGone: history is lost; kNotFound: the resource is not
//                               served; kInvalid: the server refuses the version or talks nonsense)
//
// A failure, or a watch that ends before it said anything, makes the next Pause longer; a complete
// list and every line make it zero again.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "operator/kube/object_key.h"
#include "operator/kube/wait.h"

namespace holdfast::kube {

enum class WatchState { kEmpty, kListing, kWatching };

struct WatchEvent {
  enum class Type { kStore, kDrop, kBookmark };

  Type type = Type::kBookmark;
  ObjectKey key;  // empty for a bookmark
  Json object;
};

// {metadata.namespace, metadata.name} of any object.
ObjectKey KeyOf(const Json& object);

// One thread at a time.
class WatchMachine {
 public:
  WatchState state() const { return state_; }
  // Where to watch from; only in kWatching.
  const std::string& resource_version() const { return resource_version_; }

  // `known` are the objects that an earlier list or watch told of.
  void StartList(std::vector<ObjectKey> known);
  // An object of the list under way.
  void Seen(const ObjectKey& key);
  // The list is complete. Returns those of `known` that it did not have: they are gone.
  std::vector<ObjectKey> Listed(std::string resource_version);

  // One line of the watch. The Error of an ERROR event has the code of its Status; Invalid for a
  // line that is not an event. Either is to be given to Failed.
  Result<WatchEvent> Line(std::string_view line);
  // The server ended the watch, as it does after timeoutSeconds.
  void Ended();

  void Failed(const Error& error);

  // How long to wait before the next list or watch. Call once before each.
  std::chrono::milliseconds Pause();

 private:
  WatchState state_ = WatchState::kEmpty;
  std::string resource_version_;
  std::unordered_set<ObjectKey> missing_;  // known, and not seen in the list under way
  bool heard_ = false;                     // a line since the watch began
  bool failed_ = false;                    // since the last Pause
  // client-go's reflector uses the same bounds.
  Backoff backoff_{std::chrono::milliseconds(800), std::chrono::seconds(30)};
};

}  // namespace holdfast::kube
