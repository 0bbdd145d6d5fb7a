#include "jobs/storage/s3_xml.h"

#include <pugixml.hpp>

#include "jobs/storage/http.h"

namespace holdfast::storage {
namespace {

// Depth is not a danger here: pugixml parses and frees without recursion, and expands no entities
// but XML's own five.
Result<pugi::xml_node> Parse(pugi::xml_document& document, ByteView body, const char* root) {
  const pugi::xml_parse_result parsed = document.load_buffer(body.data(), body.size());
  if (!parsed)
    return Fail(Code::kUnavailable, std::string("the answer is not XML: ") + parsed.description());
  const pugi::xml_node node = document.child(root);
  if (!node) return Fail(Code::kUnavailable, std::string("the answer is XML without ") + root);
  return node;
}

S3Listing::Entry EntryOf(const pugi::xml_node& contents, bool encoded) {
  std::string key = contents.child_value("Key");
  return {encoded ? UrlDecode(std::move(key)) : std::move(key),
          contents.child("Size").text().as_ullong()};
}

}  // namespace

S3ErrorBody ParseS3Error(ByteView body) {
  pugi::xml_document document;
  const Result<pugi::xml_node> error = Parse(document, body, "Error");
  if (!error) return {};
  return {error->child_value("Code"), error->child_value("Message"), error->child_value("Region")};
}

Result<S3Listing> ParseS3Listing(ByteView body) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, Parse(document, body, "ListBucketResult"));
  const bool encoded = std::string_view(root.child_value("EncodingType")) == "url";
  S3Listing listing;
  for (const pugi::xml_node& contents : root.children("Contents"))
    listing.entries.push_back(EntryOf(contents, encoded));
  if (!root.child("IsTruncated").text().as_bool()) return listing;
  listing.next_token = root.child_value("NextContinuationToken");
  if (listing.next_token.empty())
    return Fail(Code::kUnavailable, "the listing goes on, but does not say where");
  return listing;
}

}  // namespace holdfast::storage
