// What an object store's refusal means here, in a Code and a sentence that says what to change: the
// part that S3, Azure and Google have in common. Their own codes stand in s3_error, azure_error and
// gcs_error.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::storage {

struct StoreRefusal {
  int status = 0;
  std::string code;      // the store's own word for it; empty when the answer has none
  std::string message;   // the store's sentence
  std::string endpoint;  // "https://host"
  std::string place;     // the bucket or container
  std::string action;    // "PUT prefix/keys/0123..."
};

// One of a store's words.
struct Meaning {
  std::string_view word;
  Code code;
  std::string_view sentence;  // {endpoint}, {place}, {action} are filled in
};

// The first meaning that has the refusal's code; otherwise what its status means.
Error ErrorFor(const StoreRefusal& refusal, std::span<const Meaning> meanings);

Error AbsentObject(const StoreRefusal& refusal);

// "503 SlowDown (please reduce your request rate)", with long words left out: a store may quote a
// token that it was sent.
std::string AnswerText(const StoreRefusal& refusal);

}  // namespace holdfast::storage
