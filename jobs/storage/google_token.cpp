#include "jobs/storage/google_token.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "jobs/storage/encoding.h"
#include "jobs/storage/expiring.h"
#include "jobs/storage/google_jwt.h"
#include "jobs/storage/store_clock.h"
#include "jobs/storage/store_error.h"
#include "jobs/storage/text_file.h"

namespace holdfast::storage {
namespace {

using Lease = Expiring<std::string>::Lease;

constexpr std::uint64_t kMaxAnswer = 64 << 10;
constexpr const char* kScope = "https://www.googleapis.com/auth/devstorage.read_write";
constexpr const char* kGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";

class Fixed final : public TokenSource {
 public:
  explicit Fixed(std::string token) : token_(std::move(token)) {}
  Result<std::string> Get(const std::stop_token& /*stop*/) override { return token_; }
  void Drop(const std::string& /*refused*/) override {}

 private:
  const std::string token_;
};

// "access_token" and "expires_in" (RFC 6749 section 5.1). The answer is never quoted: it is secret.
Result<Lease> ReadToken(const HttpResponse& response, const std::string& endpoint, TimePoint now) {
  const Json json = ParseJson(AsText(response.body)).value_or(Json());
  std::string token = FindString(json, {"access_token"});
  const std::optional<std::int64_t> seconds = FindInt(json, {"expires_in"});
  if (token.empty() || !seconds || *seconds <= 0)
    return Fail(Code::kUnavailable, endpoint + " answered without a token");
  return Lease{std::move(token), now + std::chrono::seconds(*seconds)};
}

struct ServiceAccount {
  std::string email;
  std::string key_id;
  std::string private_key;
  std::string token_uri;
};

Result<ServiceAccount> ReadServiceAccount(const std::string& path) {
  TRY(std::string text, ReadTextFile(path));
  const Result<Json> json = ParseJson(text);
  Wipe(text);
  if (!json) return Fail(Code::kInvalid, path + " is no JSON; it must be a service account's key");
  ServiceAccount account{FindString(*json, {"client_email"}), FindString(*json, {"private_key_id"}),
                         FindString(*json, {"private_key"}), FindString(*json, {"token_uri"})};
  if (FindString(*json, {"type"}) != "service_account" || account.email.empty() ||
      account.private_key.empty() || !account.token_uri.starts_with("http"))
    return Fail(Code::kInvalid,
                path +
                    " is no service account's key: it must have type \"service_account\", "
                    "client_email, private_key and token_uri");
  return account;
}

class FromServiceAccount final : public TokenSource {
 public:
  FromServiceAccount(std::string key_file, HttpOptions http, const Clock& clock)
      : key_file_(std::move(key_file)), http_(std::move(http)), clock_(clock), tokens_(clock_) {}

  Result<std::string> Get(const std::stop_token& stop) override {
    return tokens_.Get([&] { return Fetch(stop); });
  }
  void Drop(const std::string& refused) override { tokens_.Drop(refused); }

 private:
  Result<Lease> Fetch(const std::stop_token& stop) {
    TRY(const ServiceAccount account, ReadServiceAccount(key_file_));
    TRY(HttpResponse response, Ask(account, stop));
    const bool too_skewed = !response.IsSuccess() && clock_.Learn(response);
    if (too_skewed) {
      TRY(response, Ask(account, stop));
    }
    if (!response.IsSuccess()) return tl::make_unexpected(Refused(account, response));
    return ReadToken(response, account.token_uri, clock_.Now());
  }

  Result<HttpResponse> Ask(const ServiceAccount& account, const std::stop_token& stop) {
    constexpr std::int64_t kLifetime = 3600;  // seconds; the longest that Google allows
    const std::int64_t now =
        std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch()).count();
    const Json header{{"alg", "RS256"}, {"typ", "JWT"}, {"kid", account.key_id}};
    const Json claims{{"iss", account.email},
                      {"scope", kScope},
                      {"aud", account.token_uri},
                      {"iat", now},
                      {"exp", now + kLifetime}};
    Result<std::string> jwt = SignedJwt(header, claims, account.private_key);
    if (!jwt) return tl::make_unexpected(WithContext(key_file_, jwt.error()));
    const std::string form = QueryText({{"grant_type", kGrant}, {"assertion", *jwt}});
    HttpRequest request{"POST", account.token_uri, {}, AsBytes(form), kMaxAnswer};
    request.headers["content-type"] = "application/x-www-form-urlencoded";
    return http_.Send(request, stop);
  }

  // "error" and "error_description" (RFC 6749 section 5.2).
  Error Refused(const ServiceAccount& account, const HttpResponse& response) const {
    const Json json = ParseJson(AsText(response.body)).value_or(Json());
    StoreRefusal refusal{response.status,
                         FindString(json, {"error"}),
                         FindString(json, {"error_description"}),
                         account.token_uri,
                         "",
                         "POST"};
    Error error = ErrorFor(refusal, {});
    if (error.code != Code::kInvalid && error.code != Code::kDenied) return error;
    return {Code::kDenied,
            fmt::format("{} gives no token to {}: answered {}; correct the service account's key "
                        "in {}",
                        account.token_uri, account.email, AnswerText(refusal), key_file_)};
  }

  const std::string key_file_;
  Http http_;
  StoreClock clock_;
  Expiring<std::string> tokens_;
};

class FromMetadata final : public TokenSource {
 public:
  FromMetadata(std::string endpoint, HttpOptions http, const Clock& clock)
      : endpoint_(std::move(endpoint)), http_(std::move(http)), clock_(clock), tokens_(clock) {}

  Result<std::string> Get(const std::stop_token& stop) override {
    return tokens_.Get([&] { return Fetch(stop); });
  }
  void Drop(const std::string& refused) override { tokens_.Drop(refused); }

 private:
  Result<Lease> Fetch(const std::stop_token& stop) {
    HttpRequest request{"GET",
                        endpoint_ + "/computeMetadata/v1/instance/service-accounts/default/token",
                        {{"metadata-flavor", "Google"}},
                        {},
                        kMaxAnswer};
    const Result<HttpResponse> response = http_.Send(request, stop);
    if (!response)
      return tl::make_unexpected(
          WithContext("there are no Google credentials (GOOGLE_APPLICATION_CREDENTIALS is not "
                      "set), and the metadata server gives none",
                      response.error()));
    if (response->status == 404)
      return Fail(Code::kDenied,
                  "no service account is attached to this machine or pod: attach "
                  "one, or set GOOGLE_APPLICATION_CREDENTIALS");
    if (!response->IsSuccess())
      return tl::make_unexpected(ErrorFor({response->status, "", "", endpoint_, "", "token"}, {}));
    return ReadToken(*response, endpoint_, clock_.Now());
  }

  const std::string endpoint_;
  Http http_;
  const Clock& clock_;
  Expiring<std::string> tokens_;
};

}  // namespace

std::unique_ptr<TokenSource> FixedToken(std::string token) {
  return std::make_unique<Fixed>(std::move(token));
}

std::unique_ptr<TokenSource> ServiceAccountTokens(std::string key_file, HttpOptions http,
                                                  const Clock& clock) {
  return std::make_unique<FromServiceAccount>(std::move(key_file), std::move(http), clock);
}

std::unique_ptr<TokenSource> MetadataTokens(std::string endpoint, HttpOptions http,
                                            const Clock& clock) {
  http.use_proxy = false;  // the server is this machine's own
  return std::make_unique<FromMetadata>(std::move(endpoint), std::move(http), clock);
}

}  // namespace holdfast::storage
