#include "jobs/gateway/gateway.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/hex.h"
#include "base/log.h"
#include "jobs/gateway/range_header.h"
#include "jobs/storage/layout.h"

namespace holdfast::gateway {
namespace {

using http::Answer;
using http::Request;
using storage::Backend;
using storage::FileType;
using storage::Handle;

constexpr const char* kBinary = "application/octet-stream";
constexpr const char* kVersion2 = "application/vnd.x.restic.rest.v2";

Answer Say(int status, std::string_view sentence) { return {status, std::string(sentence) + "\n"}; }

// What a store says of keys and places is not for tenants: it is in the log.
Answer AnswerFor(const Error& error, const std::string& ns) {
  switch (error.code) {
    case Code::kNotFound:
      return Say(404, "there is no such object");
    case Code::kAlreadyExists:
      return Say(403, "the object is there already, and nothing is replaced");
    case Code::kNoSpace:
      return Say(413, "the store behind the gateway is full");
    default:
      break;
  }
  Log(spdlog::level::warn, "gateway", "the store does not do as asked",
      {{"namespace", ns}, {"error", error.message}});
  if (IsRetryable(error) || error.code == Code::kCancelled)
    return Say(503, "the store behind the gateway does not answer now");
  return Say(502, "the store behind the gateway refuses; its log says why");
}

// One piece of an object, without a copy.
Result<std::string> LoadPiece(Backend& backend, const Handle& object, std::uint64_t offset,
                              std::uint64_t length, const std::stop_token& stop) {
  std::string piece(length, '\0');
  TRY_VOID(backend.LoadInto(object, offset,
                            {reinterpret_cast<std::uint8_t*>(piece.data()), piece.size()}, stop));
  return piece;
}

// The bytes [offset, offset + left) in pieces; none any more after an error, of which the log
// tells.
std::function<std::string()> Pieces(std::shared_ptr<Backend> backend, Handle object,
                                    std::uint64_t offset, std::uint64_t left, std::string ns,
                                    std::stop_token stop) {
  return [=]() mutable -> std::string {
    const std::uint64_t length = std::min(left, kPiece);
    if (length == 0) return {};
    auto piece = LoadPiece(*backend, object, offset, length, stop);
    if (!piece) static_cast<void>(AnswerFor(piece.error(), ns));
    offset += length;
    left -= length;
    return piece ? *std::move(piece) : std::string();
  };
}

Answer BadRange() { return Say(416, "the object has no such range"); }

// What was asked for must be told to be there before the first byte goes out.
Answer Load(const Request& request, const Handle& object, const std::string& ns,
            const std::shared_ptr<Backend>& backend, std::stop_token stop) {
  const auto asked = ParseRange(request.range);
  std::uint64_t offset = asked ? asked->offset : 0;
  std::uint64_t length = asked ? asked->length : 0;
  if (length == 0 || length > kPiece) {
    const auto info = backend->Stat(object, stop);
    if (!info) return AnswerFor(info.error(), ns);
    if (asked && (offset >= info->size || length > info->size - offset)) return BadRange();
    if (length == 0) length = info->size - offset;
  }
  auto first = length == 0 ? std::string()
                           : LoadPiece(*backend, object, offset, std::min(length, kPiece), stop);
  if (!first && first.error().code == Code::kCorrupt) return BadRange();
  if (!first) return AnswerFor(first.error(), ns);
  Answer answer{asked ? 206 : 200, *std::move(first), kBinary};
  answer.length = length;
  if (asked)
    answer.headers["Content-Range"] = fmt::format("bytes {}-{}/*", offset, offset + length - 1);
  const std::uint64_t loaded = answer.body.size();
  if (loaded < length)
    answer.next_piece = Pieces(backend, object, offset + loaded, length - loaded, ns, stop);
  return answer;
}

Answer Stat(const Handle& object, const std::string& ns, Backend& backend, std::stop_token stop) {
  const auto info = backend.Stat(object, std::move(stop));
  if (!info) return AnswerFor(info.error(), ns);
  Answer answer{200, "", kBinary};
  answer.length = info->size;
  return answer;
}

// Names of objects need no escaping. About 90 bytes each.
Answer List(FileType type, const std::string& ns, Backend& backend, std::stop_token stop) {
  Answer answer{200, "[", kVersion2};
  const auto listed = backend.List(
      type,
      [&](const storage::FileInfo& info) -> Result<void> {
        if (answer.body.size() > 1) answer.body += ',';
        answer.body += fmt::format(R"({{"name":"{}","size":{}}})", info.name, info.size);
        return {};
      },
      std::move(stop));
  if (!listed) return AnswerFor(listed.error(), ns);
  answer.body += ']';
  return answer;
}

Answer Remove(const Handle& object, const std::string& ns, Backend& backend, std::stop_token stop) {
  const auto removed = backend.Remove(object, std::move(stop));
  if (!removed) return AnswerFor(removed.error(), ns);
  if (object.type != FileType::kLock)
    Log(spdlog::level::info, "gateway", "removed",
        {{"namespace", ns}, {"object", storage::PathOf(object).value_or("")}});
  return {};
}

}  // namespace

std::string DerivePassword(std::string_view master_secret, std::string_view definition,
                           std::string_view ns) {
  // Neither name has a zero in it, so that no two pairs are the same text.
  std::string purpose = "holdfast repository password";
  for (const std::string_view name : {definition, ns}) (purpose += '\0') += name;
  return ToHex(HkdfSha256(AsBytes(master_secret), AsBytes(purpose)));
}

std::string LocationFor(const Definition& definition, const std::string& ns) {
  const char* slash = definition.location.ends_with('/') ? "" : "/";
  return fmt::format("{}{}namespaces/{}", definition.location, slash, ns);
}

std::optional<Answer> Gateway::Refusal(const Request& request, std::stop_token stop) {
  const auto target = ParseTarget(request.path);
  if (!target)
    return Say(404, "there is no such path; it is /NAMESPACE/ and what restic puts there");
  const auto pass = doorman_.Admit(request.authorization, target->ns, std::move(stop));
  if (!pass) return Say(pass.error().status, pass.error().sentence);
  const bool lock = target->kind == Target::Kind::kObject && target->object.type == FileType::kLock;
  const bool object = target->kind == Target::Kind::kObject;
  if (request.method == "DELETE" && !(object && (lock || pass->may_remove)))
    return Say(403,
               "locks may be removed and nothing else: this repository is append-only, and "
               "forget and prune are the operator's");
  return std::nullopt;
}

// Who may come in is known by now, and remembered: between the two nothing changes, but a minute
// may end.
Answer Gateway::Handle(const Request& request, std::stop_token stop) {
  if (auto refusal = Refusal(request, stop)) return *std::move(refusal);
  const Target target = *ParseTarget(request.path);
  const auto pass = doorman_.Admit(request.authorization, target.ns, stop);
  if (!pass) return Say(pass.error().status, pass.error().sentence);
  if (target.kind == Target::Kind::kPassword)
    return request.method == "GET"
               ? Say(200, DerivePassword(options_.master_secret, options_.definition, target.ns))
               : Say(405, "GET is served here");
  const auto backend = BackendOf(pass->definition, target.ns);
  if (!backend) return AnswerFor(backend.error(), target.ns);
  return Serve(request, target, *backend, std::move(stop));
}

Answer Gateway::Serve(const Request& request, const Target& target,
                      const std::shared_ptr<Backend>& backend, std::stop_token stop) const {
  const std::string& method = request.method;
  switch (target.kind) {
    case Target::Kind::kRepository:
      // Folders are made with their first object.
      if (method == "POST") return {};
      break;
    case Target::Kind::kListing:
      if (method == "GET") return List(target.object.type, target.ns, *backend, std::move(stop));
      break;
    case Target::Kind::kObject:
      if (method == "GET") return Load(request, target.object, target.ns, backend, std::move(stop));
      if (method == "HEAD") return Stat(target.object, target.ns, *backend, std::move(stop));
      if (method == "POST") return Add(request, target, *backend, std::move(stop));
      if (method == "DELETE") return Remove(target.object, target.ns, *backend, std::move(stop));
      break;
    case Target::Kind::kPassword:
      break;
  }
  return Say(405, "restic's REST protocol has no such request");
}

// Most stores would replace what is there. Between looking and storing somebody else may store the
// same object: then it has the same content too, as its name says, but for a config that two make
// at the same moment.
Answer Gateway::Add(const Request& request, const Target& target, Backend& backend,
                    std::stop_token stop) const {
  const storage::Handle& object = target.object;
  const ByteView content = AsBytes(request.body);
  if (options_.verify_names && object.type != FileType::kConfig &&
      ToHex(Sha256(content)) != object.name)
    return Say(400, "the content is not what its name says");
  const auto there = backend.Stat(object, stop);
  if (there) return AnswerFor({Code::kAlreadyExists, ""}, target.ns);
  if (!IsAbsent(there.error())) return AnswerFor(there.error(), target.ns);
  const auto saved = backend.Save(object, content, std::move(stop));
  return saved ? Answer{} : AnswerFor(saved.error(), target.ns);
}

Result<std::shared_ptr<Backend>> Gateway::BackendOf(const Definition& definition,
                                                    const std::string& ns) {
  const std::lock_guard lock(mutex_);
  const auto found = opened_.find(ns);
  if (found != opened_.end() && found->second.definition == definition)
    return found->second.backend;
  if (definition.location.empty())
    return Fail(Code::kUnavailable, "the operator has not looked at the definition yet");
  TRY(auto backend, open_(definition, ns));
  opened_.insert_or_assign(ns, Opened{definition, backend});
  return backend;
}

}  // namespace holdfast::gateway
