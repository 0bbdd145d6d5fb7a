// How the decoders of index files and trees go through a document of simdjson's: member by member,
// null as absent (Go's "omitempty" and nil slices), unknown members left to the caller to pass
// over.
#pragma once

#include <string_view>

#include <simdjson.h>

#include "jobs/repo/id.h"

namespace holdfast::repo {

// Calls `visit(key, value)` for each member of an object that is not null. False when it says so,
// or for what is no JSON.
template <typename Visit>
bool ForEachMember(simdjson::ondemand::object json, const Visit& visit) {
  for (auto field : json) {
    std::string_view key;
    simdjson::ondemand::value content;
    bool null = false;
    if (field.unescaped_key().get(key) != 0 || field.value().get(content) != 0 ||
        content.is_null().get(null) != 0)
      return false;
    if (!null && !visit(key, content)) return false;
  }
  return true;
}

// Calls `visit(value)` for each item of a list. False as above, or for what is no list.
template <typename Visit>
bool ForEachItem(simdjson::ondemand::value json, const Visit& visit) {
  simdjson::ondemand::array list;
  if (json.get_array().get(list) != 0) return false;
  for (auto element : list) {
    simdjson::ondemand::value content;
    if (element.get(content) != 0 || !visit(content)) return false;
  }
  return true;
}

// False for what is no id.
inline bool ReadId(simdjson::ondemand::value json, Id& id) {
  std::string_view text;
  if (json.get_string().get(text) != 0) return false;
  const Result<Id> parsed = Id::Parse(text);
  if (parsed) id = *parsed;
  return parsed.has_value();
}

inline bool AtEnd(simdjson::ondemand::document& document) {
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

}  // namespace holdfast::repo
