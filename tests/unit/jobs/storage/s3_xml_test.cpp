#include "jobs/storage/s3_xml.h"

#include <gtest/gtest.h>

#include "jobs/storage/http.h"

namespace holdfast::storage {
namespace {

TEST(S3XmlTest, ReadsAListing) {
  const auto listing = ParseS3Listing(AsBytes(
      R"(<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
         <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
         <NextContinuationToken>to&amp;ken</NextContinuationToken>
         <Contents><Key>a+b%2Bc/%C3%A4</Key><Size>5368709120</Size></Contents>
         <Contents><Key>d</Key><Size>0</Size></Contents></ListBucketResult>)"));
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->next, "to&ken");
  ASSERT_EQ(listing->entries.size(), 2u);
  EXPECT_EQ(listing->entries[0].key, "a b+c/\xC3\xA4");
  EXPECT_EQ(listing->entries[0].size, 5'368'709'120u);
}

TEST(S3XmlTest, KeysAreDecodedOnlyWhenEncoded) {
  const auto listing = ParseS3Listing(
      AsBytes("<ListBucketResult><Contents><Key>a+b%20</Key></Contents></ListBucketResult>"));
  EXPECT_EQ(listing.value().entries.at(0).key, "a+b%20");
}

TEST(S3XmlTest, ListingsTellWhenObjectsWereStored) {
  const auto listing = ParseS3Listing(
      AsBytes("<ListBucketResult><Contents><Key>a</Key><LastModified>2026-08-01T12:00:00.000Z"
              "</LastModified></Contents><Contents><Key>b</Key></Contents></ListBucketResult>"));
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->entries[0].stored, ParseTime("2026-08-01T12:00:00Z").value());
  EXPECT_EQ(listing->entries[1].stored, TimePoint{});
}

TEST(S3XmlTest, ReadsVersionsAndMarkers) {
  const auto page = ParseS3Versions(AsBytes(
      R"(<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
         <NextKeyMarker>b%2F1</NextKeyMarker><NextVersionIdMarker>v9</NextVersionIdMarker>
         <Version><Key>a+b</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest>
           <LastModified>2026-08-01T12:00:00.000Z</LastModified><Size>5</Size></Version>
         <DeleteMarker><Key>a+b</Key><VersionId>v2</VersionId>
           <LastModified>2026-08-02T12:00:00.000Z</LastModified></DeleteMarker>
         </ListVersionsResult>)"));
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->next_key, "b/1");
  EXPECT_EQ(page->next_id, "v9");
  ASSERT_EQ(page->entries.size(), 2u);
  EXPECT_EQ(page->entries[0].key, "a b");
  EXPECT_EQ(page->entries[0].id, "v1");
  EXPECT_FALSE(page->entries[0].is_marker);
  EXPECT_TRUE(page->entries[1].is_marker);
  EXPECT_EQ(page->entries[1].stored, ParseTime("2026-08-02T12:00:00Z").value());
}

TEST(S3XmlTest, OtherVersionsAreWorthRepeating) {
  for (const char* body :
       {"", "<html/>", "<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>",
        "<ListVersionsResult><Version><Key>a</Key></Version></ListVersionsResult>"})
    EXPECT_EQ(ParseS3Versions(AsBytes(body)).error().code, Code::kUnavailable) << body;
}

TEST(S3XmlTest, RetentionHasAModeAndATime) {
  EXPECT_EQ(RetentionXml("COMPLIANCE", ParseTime("2026-08-01T12:00:00.5Z").value()),
            "<?xml version=\"1.0\"?>"
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>COMPLIANCE</Mode>"
            "<RetainUntilDate>2026-08-01T12:00:00Z</RetainUntilDate></Retention>");
}

TEST(S3XmlTest, ReadsAnError) {
  const S3ErrorBody error = ParseS3Error(
      AsBytes("<Error><Code>C</Code><Message>M</Message><Region>eu-west-1</Region></Error>"));
  EXPECT_EQ(error.code, "C");
  EXPECT_EQ(error.message, "M");
  EXPECT_EQ(error.region, "eu-west-1");
}

TEST(S3XmlTest, OtherBodiesAreNoError) {
  for (const char* body : {"", "<html><Code>x</Code></html>", "<Error><Code>x", "\xff\xfe"})
    EXPECT_EQ(ParseS3Error(AsBytes(body)).code, "") << body;
}

// A document that nests a hundred thousand deep must not exhaust the stack.
TEST(S3XmlTest, DeepNestingIsHarmless) {
  std::string body;
  for (int i = 0; i < 100'000; ++i) body += "<a>";
  EXPECT_FALSE(ParseS3Listing(AsBytes(body)));
  std::string closed = body;
  for (int i = 0; i < 100'000; ++i) closed += "</a>";
  EXPECT_FALSE(ParseS3Listing(AsBytes(closed)));
}

TEST(S3XmlTest, UploadIsCompletedByNumberAndTag) {
  EXPECT_EQ(CompleteUploadXml({{"\"a&b\"", "sum"}, {"c", ""}}),
            "<?xml version=\"1.0\"?>"
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "<Part><PartNumber>1</PartNumber><ETag>\"a&amp;b\"</ETag>"
            "<ChecksumSHA256>sum</ChecksumSHA256></Part>"
            "<Part><PartNumber>2</PartNumber><ETag>c</ETag></Part></CompleteMultipartUpload>");
}

TEST(S3XmlTest, OnlyTheRightDocumentMeansCompleted) {
  EXPECT_TRUE(
      ParseS3Completed(AsBytes("\n  <CompleteMultipartUploadResult><ETag>x</ETag>"
                               "</CompleteMultipartUploadResult>")));
  for (const char* body : {"", "  ", "<Error><Code>InternalError</Code></Error>",
                           "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>",
                           "<CompleteMultipartUploadResult><ETag>x</ETag>"})
    EXPECT_EQ(ParseS3Completed(AsBytes(body)).error().code, Code::kUnavailable) << body;
}

TEST(S3XmlTest, ReadsTheKeysOfARole) {
  const auto keys = ParseAssumedRole(AsBytes(
      "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
      "<AccessKeyId>id</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
      "<SessionToken>token</SessionToken><Expiration>2026-08-01T13:00:00Z</Expiration>"
      "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"));
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->session_token, "token");
  EXPECT_EQ(keys->expiration, ParseTime("2026-08-01T13:00:00Z").value());
  EXPECT_FALSE(ParseAssumedRole(AsBytes("<AssumeRoleWithWebIdentityResponse/>")));
}

TEST(HttpTextTest, Dates) {
  EXPECT_EQ(ParseHttpDate("Sat, 01 Aug 2026 15:00:00 GMT"),
            ParseTime("2026-08-01T15:00:00Z").value());
  EXPECT_EQ(ParseHttpDate(""), std::nullopt);
  EXPECT_EQ(ParseHttpDate("soon"), std::nullopt);
}

TEST(HttpTextTest, UrlDecoding) {
  EXPECT_EQ(UrlDecode("a+b%2B%2f"), "a b+/");
  EXPECT_EQ(UrlDecode("%"), "%");
  EXPECT_EQ(UrlDecode(""), "");
}

}  // namespace
}  // namespace holdfast::storage
