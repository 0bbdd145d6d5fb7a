// restic's REST protocol, version 2, over any storage backend: for each namespace a repository of
// its own, which its service accounts may read and add to. What is no lock only the remover
// removes; nothing is replaced. docs/design/0012 says why.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/http/server.h"
#include "jobs/gateway/doorman.h"
#include "jobs/gateway/target.h"
#include "jobs/storage/backend.h"

namespace holdfast::gateway {

// The password of a namespace's repository: 64 hex digits that follow from the master secret, the
// definition ("namespace/name") and the namespace.
std::string DerivePassword(std::string_view master_secret, std::string_view definition,
                           std::string_view ns);

// Where a namespace's repository is: "<place>/namespaces/<namespace>".
std::string LocationFor(const Definition& definition, const std::string& ns);

// At most this much of an object is in memory of an answer to GET, in bytes.
inline constexpr std::uint64_t kPiece = 8 << 20;
// restic makes packs of at most 128 MiB, if asked to, and one blob more.
inline constexpr std::uint64_t kMaxObject = 160 << 20;

// Threads: safe from many threads.
class Gateway {
 public:
  // The backend at a namespace's location, as the definition says that it is reached.
  using Open = std::function<Result<std::shared_ptr<storage::Backend>>(const Definition& definition,
                                                                       const std::string& ns)>;

  struct Options {
    std::string definition;  // "namespace/name"
    std::string master_secret;
    // Objects must be named by the SHA-256 of their content, as restic's are. Only tests, of
    // objects that are none of restic's, do without.
    bool verify_names = true;
  };

  // `doorman` must outlive it.
  Gateway(Doorman& doorman, Options options, Open open)
      : doorman_(doorman), options_(std::move(options)), open_(std::move(open)) {}

  // To be asked before a request's body is read.
  std::optional<http::Answer> Refusal(const http::Request& request, std::stop_token stop);
  http::Answer Handle(const http::Request& request, std::stop_token stop);

 private:
  struct Opened {
    Definition definition;
    std::shared_ptr<storage::Backend> backend;
  };

  Result<std::shared_ptr<storage::Backend>> BackendOf(const Definition& definition,
                                                      const std::string& ns);
  http::Answer Serve(const http::Request& request, const Target& target,
                     const std::shared_ptr<storage::Backend>& backend, std::stop_token stop) const;
  http::Answer Add(const http::Request& request, const Target& target, storage::Backend& backend,
                   std::stop_token stop) const;

  Doorman& doorman_;
  const Options options_;
  const Open open_;
  std::mutex mutex_;
  std::map<std::string, Opened> opened_;  // by namespace; guarded by mutex_
};

}  // namespace holdfast::gateway
