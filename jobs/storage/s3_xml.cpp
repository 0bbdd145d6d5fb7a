#include "jobs/storage/s3_xml.h"

#include "jobs/storage/xml.h"

namespace holdfast::storage {
namespace {

bool IsEncoded(const pugi::xml_node& root) {
  return std::string_view(root.child_value("EncodingType")) == "url";
}

std::string NameIn(const pugi::xml_node& node, const char* child, bool encoded) {
  std::string name = node.child_value(child);
  return encoded ? UrlDecode(std::move(name)) : name;
}

ListingPage::Entry EntryOf(const pugi::xml_node& contents, bool encoded) {
  return {NameIn(contents, "Key", encoded), contents.child("Size").text().as_ullong(),
          ParseTime(contents.child_value("LastModified")).value_or(TimePoint{})};
}

}  // namespace

S3ErrorBody ParseS3Error(ByteView body) {
  pugi::xml_document document;
  if (!document.load_buffer(body.data(), body.size())) return {};
  pugi::xml_node error = document.child("Error");
  if (!error) error = document.child("ErrorResponse").child("Error");
  return {error.child_value("Code"), error.child_value("Message"), error.child_value("Region")};
}

Result<ListingPage> ParseS3Listing(ByteView body) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, ParseXml(document, body, "ListBucketResult"));
  const bool encoded = IsEncoded(root);
  ListingPage listing;
  for (const pugi::xml_node& contents : root.children("Contents"))
    listing.entries.push_back(EntryOf(contents, encoded));
  if (!root.child("IsTruncated").text().as_bool()) return listing;
  listing.next = root.child_value("NextContinuationToken");
  if (listing.next.empty())
    return Fail(Code::kUnavailable, "the listing goes on, but does not say where");
  return listing;
}

Result<S3VersionsPage> ParseS3Versions(ByteView body) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, ParseXml(document, body, "ListVersionsResult"));
  const bool encoded = IsEncoded(root);
  S3VersionsPage page;
  for (const pugi::xml_node& node : root.children()) {
    const std::string_view kind = node.name();
    const bool is_marker = kind == "DeleteMarker";
    if (!is_marker && kind != "Version") continue;
    const Result<TimePoint> stored = ParseTime(node.child_value("LastModified"));
    if (!stored) return Fail(Code::kUnavailable, "a version without its time");
    page.entries.push_back(
        {NameIn(node, "Key", encoded), node.child_value("VersionId"), is_marker, *stored});
  }
  if (!root.child("IsTruncated").text().as_bool()) return page;
  page.next_key = NameIn(root, "NextKeyMarker", encoded);
  page.next_id = root.child_value("NextVersionIdMarker");
  if (page.next_key.empty())
    return Fail(Code::kUnavailable, "the listing goes on, but does not say where");
  return page;
}

std::string RetentionXml(std::string_view mode, TimePoint until) {
  pugi::xml_document document;
  pugi::xml_node retention = document.append_child("Retention");
  retention.append_attribute("xmlns") = "http://s3.amazonaws.com/doc/2006-03-01/";
  retention.append_child("Mode").text() = std::string(mode).c_str();
  retention.append_child("RetainUntilDate").text() = FormatTime(until).c_str();
  return XmlText(document);
}

Result<std::string> ParseS3UploadId(ByteView body) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, ParseXml(document, body, "InitiateMultipartUploadResult"));
  std::string id = root.child_value("UploadId");
  if (id.empty()) return Fail(Code::kUnavailable, "the answer names no upload");
  return id;
}

std::string CompleteUploadXml(const std::vector<S3Part>& parts) {
  pugi::xml_document document;
  pugi::xml_node upload = document.append_child("CompleteMultipartUpload");
  upload.append_attribute("xmlns") = "http://s3.amazonaws.com/doc/2006-03-01/";
  unsigned number = 0;
  for (const S3Part& part : parts) {
    pugi::xml_node node = upload.append_child("Part");
    node.append_child("PartNumber").text() = ++number;
    node.append_child("ETag").text() = part.etag.c_str();
    if (!part.sha256.empty()) node.append_child("ChecksumSHA256").text() = part.sha256.c_str();
  }
  return XmlText(document);
}

Result<void> ParseS3Completed(ByteView body) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, ParseXml(document, body, "CompleteMultipartUploadResult"));
  if (*root.child_value("ETag") == '\0')
    return Fail(Code::kUnavailable, "the answer does not say what was stored");
  return {};
}

Result<S3SessionKeys> ParseAssumedRole(ByteView body) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, ParseXml(document, body, "AssumeRoleWithWebIdentityResponse"));
  const pugi::xml_node keys = root.child("AssumeRoleWithWebIdentityResult").child("Credentials");
  const Result<TimePoint> expiration = ParseTime(keys.child_value("Expiration"));
  S3SessionKeys found{keys.child_value("AccessKeyId"), keys.child_value("SecretAccessKey"),
                      keys.child_value("SessionToken"), expiration.value_or(TimePoint{})};
  if (!expiration || found.access_key_id.empty() || found.secret_access_key.empty())
    return Fail(Code::kUnavailable, "the answer has no keys, or does not say until when");
  return found;
}

}  // namespace holdfast::storage
