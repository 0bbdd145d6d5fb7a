#include "operator/kube/watch.h"

#include <iterator>
#include <utility>

#include "operator/kube/status_error.h"

namespace holdfast::kube {

ObjectKey KeyOf(const Json& object) {
  return {FindString(object, {"metadata", "namespace"}), FindString(object, {"metadata", "name"})};
}

void WatchMachine::StartList(std::vector<ObjectKey> known) {
  state_ = WatchState::kListing;
  missing_ = {std::make_move_iterator(known.begin()), std::make_move_iterator(known.end())};
}

void WatchMachine::Seen(const ObjectKey& key) { missing_.erase(key); }

std::vector<ObjectKey> WatchMachine::Listed(std::string resource_version) {
  std::vector<ObjectKey> gone(missing_.begin(), missing_.end());
  missing_ = {};
  state_ = WatchState::kWatching;
  resource_version_ = std::move(resource_version);
  heard_ = false;
  failed_ = false;
  backoff_.Reset();
  return gone;
}

Result<WatchEvent> WatchMachine::Line(std::string_view line) {
  TRY(Json event, ParseJson(line));
  const std::string type = FindString(event, {"type"});
  const Json* object = Find(event, {"object"});
  if (object == nullptr || !object->is_object())
    return Fail(Code::kInvalid, "a watch event without an object");
  if (type == "ERROR") return tl::unexpected(ErrorFromStatus(*object));

  WatchEvent result;
  if (type == "ADDED" || type == "MODIFIED")
    result.type = WatchEvent::Type::kStore;
  else if (type == "DELETED")
    result.type = WatchEvent::Type::kDrop;
  else if (type != "BOOKMARK")
    return Fail(Code::kInvalid, "a watch event of type " + type);

  std::string version = FindString(*object, {"metadata", "resourceVersion"});
  if (version.empty()) return Fail(Code::kInvalid, "a watch event without a resourceVersion");
  resource_version_ = std::move(version);
  heard_ = true;
  backoff_.Reset();
  if (type == "BOOKMARK") return result;
  result.key = KeyOf(*object);
  result.object = std::move(event["object"]);
  return result;
}

void WatchMachine::Ended() { failed_ = !std::exchange(heard_, false); }

void WatchMachine::Failed(const Error& error) {
  failed_ = true;
  heard_ = false;
  const bool start_over = state_ != WatchState::kWatching || error.code == Code::kGone ||
                          error.code == Code::kNotFound || error.code == Code::kInvalid;
  if (!start_over) return;
  state_ = WatchState::kEmpty;
  missing_ = {};
}

std::chrono::milliseconds WatchMachine::Pause() {
  return std::exchange(failed_, false) ? backoff_.Next() : std::chrono::milliseconds(0);
}

}  // namespace holdfast::kube
