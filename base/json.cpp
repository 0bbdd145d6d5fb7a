#include "base/json.h"

namespace holdfast {

constexpr int kMaxDepth = 256;

Result<Json> ParseJson(std::string_view text) {
  bool too_deep = false;
  const auto depth_limit = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  Json value = Json::parse(text, depth_limit, /*allow_exceptions=*/false);
  if (too_deep) return Fail(Code::kInvalid, "JSON nested deeper than 256 levels");
  if (value.is_discarded()) return Fail(Code::kInvalid, "not valid JSON");
  return value;
}

std::string DumpJson(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json* Find(const Json& value, std::initializer_list<std::string_view> path) {
  const Json* at = &value;
  for (const std::string_view step : path) {
    if (!at->is_object()) return nullptr;
    const auto member = at->find(std::string(step));
    if (member == at->end()) return nullptr;
    at = &*member;
  }
  return at;
}

std::string FindString(const Json& value, std::initializer_list<std::string_view> path) {
  const Json* found = Find(value, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<std::int64_t> FindInt(const Json& value,
                                    std::initializer_list<std::string_view> path) {
  const Json* found = Find(value, path);
  if (found == nullptr || !found->is_number_integer()) return std::nullopt;
  return found->get<std::int64_t>();
}

}  // namespace holdfast
