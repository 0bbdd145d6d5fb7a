#include "jobs/gateway/doorman.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/log.h"
#include "jobs/protocol/args.h"
#include "jobs/storage/encoding.h"

namespace holdfast::gateway {
namespace {

constexpr std::chrono::seconds kKnown{60};
constexpr std::chrono::seconds kUnknown{10};
// A mover has one token, renewed once an hour; more than this are guesses.
constexpr std::size_t kMostRemembered = 4096;

std::string TokenIn(const std::string& authorization) {
  constexpr std::string_view kBearer = "Bearer ";
  constexpr std::string_view kBasic = "Basic ";
  if (authorization.starts_with(kBearer)) return authorization.substr(kBearer.size());
  if (!authorization.starts_with(kBasic)) return {};
  const auto pair = storage::FromBase64(std::string_view(authorization).substr(kBasic.size()));
  if (!pair) return {};
  const std::string_view text = AsText(*pair);
  const std::size_t colon = text.find(':');
  return colon == text.npos ? "" : std::string(text.substr(colon + 1));
}

// Of a service account; empty for any other user.
std::string NamespaceOf(std::string_view user) {
  constexpr std::string_view kAccount = "system:serviceaccount:";
  if (!user.starts_with(kAccount)) return {};
  user.remove_prefix(kAccount.size());
  return std::string(user.substr(0, user.find(':')));
}

}  // namespace

tl::expected<Pass, Doorman::Refusal> Doorman::Admit(const std::string& authorization,
                                                    const std::string& ns, std::stop_token stop) {
  const auto refuse = [](int status, std::string sentence) {
    return tl::make_unexpected(Refusal{status, std::move(sentence)});
  };
  const std::string token = TokenIn(authorization);
  if (token.empty())
    return refuse(401, fmt::format("a service account's token for the audience {} is needed, as a "
                                   "bearer token or as a password",
                                   protocol::kGatewayAudience));
  const auto visitor = Know(token, stop);
  if (!visitor) return tl::make_unexpected(visitor.error());
  const bool remover = !options_.remover.empty() && visitor->user == options_.remover;
  if (!remover && NamespaceOf(visitor->user) != ns)
    return refuse(403,
                  fmt::format("{} may not use the repository of namespace {}", visitor->user, ns));
  const auto& shared = visitor->definition.namespaces;
  if (std::ranges::find(shared, ns) == shared.end())
    return refuse(403, fmt::format("BackupRepository {} is not shared with namespace {}: it must "
                                   "stand in spec.shareWith.namespaces there",
                                   options_.definition, ns));
  return Pass{visitor->definition, remover};
}

tl::expected<Doorman::Visitor, Doorman::Refusal> Doorman::Know(const std::string& token,
                                                               std::stop_token stop) {
  const std::string known_as = ShortHash(token, 64);
  const TimePoint now = clock_.Now();
  {
    const std::lock_guard lock(mutex_);
    const auto known = verdicts_.find(known_as);
    if (known != verdicts_.end() && now < known->second.expires) return known->second.visitor;
  }
  auto visitor = Review(token, stop);
  if (!visitor && visitor.error().status == 503) return visitor;
  const std::lock_guard lock(mutex_);
  if (verdicts_.size() >= kMostRemembered)
    std::erase_if(verdicts_, [&](const auto& entry) { return entry.second.expires <= now; });
  if (verdicts_.size() >= kMostRemembered) verdicts_.clear();
  verdicts_.insert_or_assign(known_as, Verdict{visitor, now + (visitor ? kKnown : kUnknown)});
  return visitor;
}

tl::expected<Doorman::Visitor, Doorman::Refusal> Doorman::Review(const std::string& token,
                                                                 std::stop_token stop) {
  const auto refuse = [&](const Error& error) {
    if (error.code == Code::kDenied) return tl::make_unexpected(Refusal{401, error.message});
    Log(spdlog::level::warn, "gateway", "cannot tell who may come in", {{"error", error.message}});
    return tl::make_unexpected(Refusal{503, "the API server does not tell who may come in"});
  };
  const auto user = cluster_.UserOf(token, stop);
  if (!user) return refuse(user.error());
  const auto definition = cluster_.ReadDefinition(stop);
  if (!definition && IsAbsent(definition.error()))
    return tl::make_unexpected(
        Refusal{403, fmt::format("BackupRepository {}, which the gateway serves, does not exist",
                                 options_.definition)});
  if (!definition) return refuse(definition.error());
  return Visitor{*user, *definition};
}

}  // namespace holdfast::gateway
