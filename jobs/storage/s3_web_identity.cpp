#include <utility>

#include <fmt/format.h>

#include "jobs/storage/encoding.h"
#include "jobs/storage/expiring.h"
#include "jobs/storage/s3_credentials.h"
#include "jobs/storage/s3_xml.h"
#include "jobs/storage/store_error.h"
#include "jobs/storage/text_file.h"

namespace holdfast::storage {
namespace {

constexpr std::uint64_t kMaxAnswer = 64 << 10;

class FromWebIdentity final : public CredentialsSource {
 public:
  FromWebIdentity(WebIdentity identity, HttpOptions http, const Clock& clock)
      : identity_(std::move(identity)), http_(std::move(http)), keys_(clock) {}

  Result<Credentials> Get(const std::stop_token& stop) override {
    return keys_.Get([&] { return Fetch(stop); });
  }

  Result<bool> Renew(const Credentials& refused, const std::stop_token& stop) override {
    keys_.Drop(refused);
    TRY(const Credentials fresh, Get(stop));
    return fresh != refused;
  }

 private:
  using Lease = Expiring<Credentials>::Lease;

  Result<Lease> Fetch(const std::stop_token& stop) {
    TRY(std::string token, ReadTextFile(identity_.token_file));
    const std::string form = QueryText({{"Action", "AssumeRoleWithWebIdentity"},
                                        {"Version", "2011-06-15"},
                                        {"RoleArn", identity_.role_arn},
                                        {"RoleSessionName", identity_.session_name},
                                        {"WebIdentityToken", token}});
    Wipe(token);
    HttpRequest request{"POST", identity_.endpoint + "/", {}, AsBytes(form), kMaxAnswer};
    request.headers["content-type"] = "application/x-www-form-urlencoded";
    TRY(const HttpResponse response, http_.Send(request, stop));
    if (!response.IsSuccess()) return tl::make_unexpected(Refused(response));
    TRY(const S3SessionKeys keys, ParseAssumedRole(response.body));
    return Lease{{keys.access_key_id, keys.secret_access_key, keys.session_token}, keys.expiration};
  }

  Error Refused(const HttpResponse& response) const {
    const S3ErrorBody body = ParseS3Error(response.body);
    const StoreRefusal refusal{response.status,    body.code, body.message,
                               identity_.endpoint, "",        "AssumeRoleWithWebIdentity"};
    Error error = ErrorFor(refusal, {});
    if (error.code != Code::kInvalid && error.code != Code::kDenied) return error;
    return {Code::kDenied,
            fmt::format("{} does not let the service account's token take the role {}: answered "
                        "{}; correct AWS_ROLE_ARN or the role's trust policy",
                        identity_.endpoint, identity_.role_arn, AnswerText(refusal))};
  }

  const WebIdentity identity_;
  Http http_;
  Expiring<Credentials> keys_;
};

}  // namespace

std::shared_ptr<CredentialsSource> WebIdentityCredentials(WebIdentity identity, HttpOptions http,
                                                          const Clock& clock) {
  return std::make_shared<FromWebIdentity>(std::move(identity), std::move(http), clock);
}

}  // namespace holdfast::storage
