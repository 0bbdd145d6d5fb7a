#include "jobs/gateway/range_header.h"
#include "jobs/gateway/target.h"
#include "jobs/storage/layout.h"
#include "tests/fuzz/target.h"

using holdfast::fuzz::Require;
using namespace holdfast::gateway;

// Whatever is accepted names an object of one namespace and nothing else.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto range = ParseRange(text))
    Require(range->length == 0 || range->offset + range->length > range->offset,
            "a range has an end");
  const auto target = ParseTarget(text);
  if (!target) return 0;
  Require(
      target->ns.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos,
      "a namespace is a name");
  std::string again = "/" + target->ns;
  if (target->kind == Target::Kind::kPassword) again += "/password";
  if (target->kind == Target::Kind::kListing)
    again += "/" + std::string(holdfast::storage::FolderOf(target->object.type)) + "/";
  if (target->kind == Target::Kind::kObject) {
    Require(holdfast::storage::PathOf(target->object).has_value(), "an object has a place");
    again += target->object.name.empty()
                 ? "/config"
                 : "/" + std::string(holdfast::storage::FolderOf(target->object.type)) + "/" +
                       target->object.name;
  }
  Require(text == again || text == again + "/", "there is one path for each object");
  return 0;
}
