#include "jobs/storage/store_error.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace holdfast::storage {
namespace {

std::string Fill(std::string_view sentence, const StoreRefusal& refusal) {
  return fmt::format(fmt::runtime(sentence), fmt::arg("endpoint", refusal.endpoint),
                     fmt::arg("place", refusal.place), fmt::arg("action", refusal.action));
}

Code CodeForStatus(int status) {
  switch (status) {
    case 401:
    case 403:
      return Code::kDenied;
    case 408:
      return Code::kTimeout;
    case 409:
      return Code::kConflict;
    case 412:
      return Code::kAlreadyExists;
    case 429:
      return Code::kUnavailable;
    case 501:
      return Code::kNotSupported;
    case 507:
      return Code::kNoSpace;
    default:
      return status >= 500 ? Code::kUnavailable : Code::kInvalid;
  }
}

bool MayBeOfASecret(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("+/=_%.-").find(c) != std::string_view::npos;
}

// A store's sentence may quote what it was sent. Keys, tokens and signatures are long words, and
// the shortest has 40 characters; no word that helps anybody is as long.
std::string WithoutSecrets(std::string_view sentence) {
  constexpr std::size_t kLongest = 500;
  constexpr std::ptrdiff_t kLongWord = 32;
  std::string text;
  for (auto at = sentence.begin(); at != sentence.end() && text.size() < kLongest;) {
    const auto end = std::find_if_not(at, sentence.end(), MayBeOfASecret);
    if (end == at) {
      text += *at++;
      continue;
    }
    text += end - at < kLongWord ? std::string(at, end) : "...";
    at = end;
  }
  return text;
}

}  // namespace

std::string AnswerText(const StoreRefusal& refusal) {
  std::string text = std::to_string(refusal.status);
  if (!refusal.code.empty()) text += " " + WithoutSecrets(refusal.code);
  if (!refusal.message.empty()) text += " (" + WithoutSecrets(refusal.message) + ")";
  return text;
}

Error AbsentObject(const StoreRefusal& refusal) {
  return {Code::kNotFound,
          fmt::format("{} at {}: the object does not exist", refusal.action, refusal.endpoint)};
}

Error ErrorFor(const StoreRefusal& refusal, std::span<const Meaning> meanings) {
  for (const Meaning& meaning : meanings)
    if (meaning.word == refusal.code) return {meaning.code, Fill(meaning.sentence, refusal)};
  return {CodeForStatus(refusal.status), fmt::format("{} at {}: answered {}", refusal.action,
                                                     refusal.endpoint, AnswerText(refusal))};
}

}  // namespace holdfast::storage
