// What S3 Object Lock and versions of objects add ("Locking objects with Object Lock" and
// "Retaining multiple versions of objects with S3 Versioning" in the S3 user guide).
#include <utility>

#include "jobs/storage/encoding.h"
#include "jobs/storage/layout.h"
#include "jobs/storage/range.h"
#include "jobs/storage/s3.h"
#include "jobs/storage/s3_error.h"

namespace holdfast::storage {
namespace {

constexpr const char* kRetainUntil = "x-amz-object-lock-retain-until-date";
constexpr const char* kCopySource = "x-amz-copy-source";
// A page has at most 1000 versions, each with a name of at most 1 KiB, three times that when
// encoded, an id of as much, and other elements.
constexpr std::uint64_t kMaxPage = 8 << 20;

const char* ModeName(ObjectLockMode mode) {
  return mode == ObjectLockMode::kCompliance ? "COMPLIANCE" : "GOVERNANCE";
}

struct Retention {
  std::string mode;
  std::optional<TimePoint> until;
};

Retention RetentionIn(const HttpResponse& response) {
  const Result<TimePoint> until = ParseTime(response.Header(kRetainUntil));
  return {response.Header(kObjectLockMode), until ? std::optional(*until) : std::nullopt};
}

StoreCall VersionsCall(const std::string& root, const S3VersionsPage& last) {
  StoreCall call{"GET", ""};
  call.query = {{"versions", ""}, {"encoding-type", "url"}, {"max-keys", "1000"}, {"prefix", root}};
  if (!last.next_key.empty()) call.query["key-marker"] = last.next_key;
  if (!last.next_id.empty()) call.query["version-id-marker"] = last.next_id;
  call.max_body = kMaxPage;
  return call;
}

}  // namespace

void S3::AddRetention(const Handle& handle, StoreCall& call) const {
  if (!options_.object_lock || handle.type == FileType::kLock) return;
  call.headers[kObjectLockMode] = ModeName(options_.object_lock->mode);
  call.headers[kRetainUntil] = FormatTime(clock_.Now() + options_.object_lock->period);
}

std::optional<std::chrono::seconds> S3::RetentionPeriod() const {
  if (!options_.object_lock) return std::nullopt;
  return options_.object_lock->period;
}

Result<std::optional<TimePoint>> S3::RetainedUntil(const Handle& handle, std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  TRY(const HttpResponse response, Demand(StatCall(key), stop));
  return RetentionIn(response).until;
}

// Not every store takes another sum than MD5 here.
Result<void> S3::PutRetention(const std::string& key, std::string_view mode, TimePoint until,
                              const std::stop_token& stop) {
  const std::string body = RetentionXml(mode, until);
  StoreCall call{"PUT", key};
  call.query["retention"] = "";
  call.headers["content-type"] = "application/xml";
  call.headers["content-md5"] = Base64(Md5(AsBytes(body)));
  call.body = AsBytes(body);
  TRY_VOID(Demand(call, stop));
  return {};
}

// To ask first would cost a request for each object. The store refuses to shorten a time or to
// change a mode, and only then is it looked at.
Result<void> S3::Retain(const Handle& handle, TimePoint until, std::stop_token stop) {
  if (!options_.object_lock) return Backend::Retain(handle, until, stop);
  TRY(const std::string key, KeyOf(handle));
  const std::string mode = ModeName(options_.object_lock->mode);
  const Result<void> put = PutRetention(key, mode, until, stop);
  if (put) return {};
  const bool refused = put.error().code == Code::kDenied || put.error().code == Code::kInvalid;
  if (!refused) return put;
  const Result<HttpResponse> response = Demand(StatCall(key), stop);
  if (!response) return put;
  const Retention found = RetentionIn(*response);
  if (found.until && *found.until >= until) return {};
  if (found.mode.empty() || found.mode == mode) return put;
  return PutRetention(key, found.mode, until, stop);
}

Result<void> S3::ListVersions(const std::function<Result<void>(const ObjectVersion&)>& visit,
                              std::stop_token stop) {
  const std::string root = Root();
  S3VersionsPage page;
  while (true) {
    TRY(const HttpResponse response, Demand(VersionsCall(root, page), stop));
    Result<S3VersionsPage> parsed = ParseS3Versions(response.body);
    if (!parsed)
      return tl::make_unexpected(
          WithContext("list versions at " + address().endpoint, parsed.error()));
    for (S3VersionsPage::Entry& entry : parsed->entries) {
      TRY_VOID(CheckStop(stop));
      if (!entry.key.starts_with(root)) continue;
      auto handle = HandleOf(std::string_view(entry.key).substr(root.size()));
      if (!handle) continue;
      TRY_VOID(visit({*std::move(handle), std::move(entry.id), entry.is_marker, entry.stored}));
    }
    if (parsed->next_key.empty()) return {};
    if (parsed->next_key == page.next_key && parsed->next_id == page.next_id)
      return Fail(Code::kUnavailable,
                  "the listing of versions at " + address().endpoint + " does not advance");
    page = *std::move(parsed);
  }
}

Result<void> S3::RemoveVersion(const ObjectVersion& version, std::stop_token stop) {
  TRY(const std::string key, KeyOf(version.handle));
  StoreCall call{"DELETE", key};
  call.query["versionId"] = version.id;
  const Result<HttpResponse> removed = Demand(call, stop);
  if (removed || IsAbsent(removed.error())) return {};
  return tl::make_unexpected(removed.error());
}

// The store copies, and may answer 200 before it knows how that ends, as for uploads in parts.
Result<void> S3::RestoreVersion(const ObjectVersion& version, std::stop_token stop) {
  TRY(const std::string key, KeyOf(version.handle));
  StoreCall call{"PUT", key};
  call.headers[kCopySource] =
      UriEncode(address().place + "/" + key, true) + "?versionId=" + UriEncode(version.id, false);
  AddRetention(version.handle, call);
  TRY(HttpResponse response, Demand(call, stop));
  if (ParseS3Error(response.body).code.empty()) return {};
  response.status = 500;
  return tl::make_unexpected(ErrorOf(call, response));
}

}  // namespace holdfast::storage
