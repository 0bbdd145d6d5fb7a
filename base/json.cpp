#include "base/json.h"

#include <utility>
#include <vector>

namespace holdfast {

constexpr int kMaxDepth = 256;

namespace {

// Builds an object's objects, and passes over all else.
class ObjectsOnly final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }

  bool start_object(std::size_t) override {
    if (arrays_ == 0) {
      Json& place = open_.empty() ? root_ : (*open_.back())[name_];
      place = Json::object();
      open_.push_back(&place);
    }
    return ++depth_ <= kMaxDepth;
  }
  bool key(string_t& name) override {
    if (arrays_ == 0) name_ = std::move(name);
    return true;
  }
  bool end_object() override {
    if (arrays_ == 0) open_.pop_back();
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    ++arrays_;
    return ++depth_ <= kMaxDepth;
  }
  bool end_array() override {
    --arrays_;
    --depth_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override {
    return false;
  }

  Json& root() { return root_; }

 private:
  Json root_;
  std::vector<Json*> open_;
  std::string name_;
  int depth_ = 0;
  int arrays_ = 0;  // around what comes
};

}  // namespace

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

Result<Json> ParseJsonObjects(std::string_view text) {
  ObjectsOnly objects;
  if (!Json::sax_parse(text, &objects))
    return Fail(Code::kInvalid, "not valid JSON, or nested deeper than 256 levels");
  return std::move(objects.root());
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
