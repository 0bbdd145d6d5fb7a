#include "operator/access_review.h"

#include <string_view>

#include <spdlog/fmt/fmt.h>

#include "base/hash.h"
#include "base/log.h"

namespace holdfast::op {
namespace {

const kube::Resource kTokenReviews{"authentication.k8s.io", "v1", "tokenreviews", "TokenReview"};
const kube::Resource kSubjectAccessReviews{"authorization.k8s.io", "v1", "subjectaccessreviews",
                                           "SubjectAccessReview"};

constexpr std::chrono::seconds kLetIn{60};
constexpr std::chrono::seconds kRefused{10};
// Scrapers are few; more tokens than this are guesses.
constexpr std::size_t kMostRemembered = 64;

std::string BearerToken(const std::string& authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  return authorization.starts_with(kScheme) ? authorization.substr(kScheme.size()) : "";
}

// The user of a TokenReview's status as a SubjectAccessReview wants it.
Json AccessReviewOf(const Json& status, const std::string& path) {
  Json spec = {{"nonResourceAttributes", {{"path", path}, {"verb", "get"}}},
               {"user", FindString(status, {"user", "username"})},
               {"uid", FindString(status, {"user", "uid"})}};
  for (const char* field : {"groups", "extra"})
    if (const Json* value = Find(status, {"user", field})) spec[field] = *value;
  return {{"apiVersion", kSubjectAccessReviews.ApiVersion()},
          {"kind", kSubjectAccessReviews.kind},
          {"spec", std::move(spec)}};
}

bool IsTrue(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* found = Find(object, path);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

}  // namespace

std::optional<http::Answer> AccessReview::Refusal(const http::Request& request,
                                                  std::stop_token stop) {
  const std::string token = BearerToken(request.authorization);
  if (token.empty()) return http::Answer{401, "a bearer token is needed\n"};
  const std::string known_as = ShortHash(token, 64) + " " + request.path;
  const TimePoint now = clock_.Now();
  {
    const std::lock_guard lock(mutex_);
    const auto known = verdicts_.find(known_as);
    if (known != verdicts_.end() && now < known->second.expires) return known->second.refusal;
  }
  const auto reviewed = Review(token, request.path, stop);
  if (!reviewed) {
    Log(spdlog::level::warn, "metrics", "a token cannot be reviewed",
        {{"error", reviewed.error().message}});
    return http::Answer{503, "the API server does not review tokens now\n"};
  }
  const std::lock_guard lock(mutex_);
  if (verdicts_.size() >= kMostRemembered) verdicts_.clear();
  verdicts_[known_as] = {*reviewed, now + (*reviewed ? kRefused : kLetIn)};
  return *reviewed;
}

Result<std::optional<http::Answer>> AccessReview::Review(const std::string& token,
                                                         const std::string& path,
                                                         std::stop_token stop) const {
  const Json question = {{"apiVersion", kTokenReviews.ApiVersion()},
                         {"kind", kTokenReviews.kind},
                         {"spec", {{"token", token}}}};
  TRY(const Json token_review, api_.Create(kTokenReviews, "", question, stop));
  const Json* status = Find(token_review, {"status"});
  if (status == nullptr || !IsTrue(*status, {"authenticated"}))
    return http::Answer{401, "the API server does not know this token\n"};
  TRY(const Json access,
      api_.Create(kSubjectAccessReviews, "", AccessReviewOf(*status, path), stop));
  if (IsTrue(access, {"status", "allowed"})) return std::nullopt;
  return http::Answer{
      403, fmt::format("{} may not get {}\n", FindString(*status, {"user", "username"}), path)};
}

}  // namespace holdfast::op
