// How S3 stores an object: in one request, or, when it is large, in parts that become the object
// at once ("Uploading and copying objects using multipart upload" in the S3 user guide).
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/hex.h"
#include "base/log.h"
#include "jobs/storage/s3.h"

namespace holdfast::storage {

namespace {

// A pack's name is the sum that the store checks: it is not computed again, and a pack that is not
// what its name says, whatever happened to it in memory, is refused.
StoreCall PutCall(const std::string& key, const Handle& handle, ByteView data) {
  StoreCall call{"PUT", key};
  call.body = data;
  if (handle.type != FileType::kPack) return call;
  call.body_sha256.emplace();
  std::ranges::copy(FromHex(handle.name).value(), call.body_sha256->begin());
  return call;
}

}  // namespace

struct S3::Upload {
  std::string key;
  std::string id;
  bool guarded = false;
  bool summed = false;  // the store checks the parts' sums once more
};

Result<void> S3::Replace(const Handle& handle, ByteView data, std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  StoreCall call = PutCall(key, handle, data);
  AddRetention(handle, call);
  return Put(std::move(call), false, stop);
}

Result<void> S3::Save(const Handle& handle, ByteView data, std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  const auto put = [&](bool guarded) {
    if (data.size() > options_.parts.threshold) return PutInParts(handle, key, data, guarded, stop);
    StoreCall call = PutCall(key, handle, data);
    AddRetention(handle, call);
    return Put(std::move(call), guarded, stop);
  };
  const bool guarded = guarded_put_;
  Result<void> saved = put(guarded);
  if (saved || !guarded || saved.error().code != Code::kNotSupported) return saved;
  guarded_put_ = false;
  return put(false);
}

Result<void> S3::Put(StoreCall call, bool guarded, const std::stop_token& stop) {
  if (guarded) call.headers["if-none-match"] = "*";
  TRY_VOID(Demand(call, stop));
  return {};
}

Result<void> S3::PutInParts(const Handle& handle, const std::string& key, ByteView data,
                            bool guarded, const std::stop_token& stop) {
  TRY(const Upload upload, Begin(handle, key, guarded, stop));
  std::vector<S3Part> parts(PartCount(data.size(), options_.parts));
  const auto send = [&](std::size_t index, ByteView part,
                        const std::stop_token& parts_stop) -> Result<void> {
    TRY(parts[index], PutPart(upload, index, part, parts_stop));
    return {};
  };
  Result<void> stored = SendInParts(data, options_.parts, send, stop);
  if (stored) stored = Complete(upload, parts, stop);
  if (!stored) Abort(upload, stop.stop_requested());
  return stored;
}

Result<S3::Upload> S3::Begin(const Handle& handle, const std::string& key, bool guarded,
                             const std::stop_token& stop) {
  StoreCall call{"POST", key};
  call.query["uploads"] = "";
  const bool summed = guarded || options_.object_lock;
  if (summed) call.headers["x-amz-checksum-algorithm"] = "SHA256";
  AddRetention(handle, call);
  TRY(const HttpResponse response, Demand(call, stop));
  Result<std::string> id = ParseS3UploadId(response.body);
  if (!id) return tl::make_unexpected(WithContext("POST " + key, id.error()));
  return Upload{key, *std::move(id), guarded, summed};
}

Result<S3Part> S3::PutPart(const Upload& upload, std::size_t index, ByteView part,
                           const std::stop_token& stop) {
  StoreCall call{"PUT", upload.key};
  call.query = {{"partNumber", std::to_string(index + 1)}, {"uploadId", upload.id}};
  call.body = part;
  TRY(const HttpResponse response, Demand(call, stop));
  S3Part stored{response.Header("etag"),
                upload.summed ? response.Header("x-amz-checksum-sha256") : ""};
  if (stored.etag.empty())
    return Fail(Code::kUnavailable, "PUT " + upload.key + ": the answer does not name the part");
  return stored;
}

// An answer of 200 is not yet success: S3 sends it to keep the connection while it puts the parts
// together, and then says in the body how that ended. Its errors there are those of a status 500.
Result<void> S3::Complete(const Upload& upload, const std::vector<S3Part>& parts,
                          const std::stop_token& stop) {
  const std::string body = CompleteUploadXml(parts);
  StoreCall call{"POST", upload.key};
  call.query["uploadId"] = upload.id;
  call.headers["content-type"] = "application/xml";
  if (upload.guarded) call.headers["if-none-match"] = "*";
  call.body = AsBytes(body);
  TRY(HttpResponse response, Demand(call, stop));
  const Result<void> completed = ParseS3Completed(response.body);
  if (completed) return {};
  response.status = 500;
  Error error = ErrorOf(call, response);
  if (ParseS3Error(response.body).code.empty())
    error = WithContext("POST " + upload.key, completed.error());
  return tl::make_unexpected(std::move(error));
}

// Nobody waits for this but the caller's end, so that the stop which caused it does not apply.
void S3::Abort(const Upload& upload, bool in_haste) {
  using std::chrono::milliseconds;
  StoreCall call{"DELETE", upload.key};
  call.query["uploadId"] = upload.id;
  call.time_limit = in_haste ? milliseconds(800) : milliseconds(10'000);
  const Result<HttpResponse> aborted = Demand(call, {});
  if (aborted) return;
  Log(spdlog::level::warn, "storage",
      "parts of an upload stay at the store; a lifecycle rule for incomplete uploads removes them",
      {{"object", upload.key}, {"error", aborted.error().message}});
}

}  // namespace holdfast::storage
