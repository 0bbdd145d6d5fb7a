// A pod that reads the repository (Restore, target.browse), and commands of the mover in it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crds/types/restore.h"
#include "operator/plugin/session.h"

namespace holdfast::plugin {

// One that runs already is used as it is, and stays. One that was made for this goes with it, also
// after a stop, unless it was made to stay.
class Browser {
 public:
  struct Wish {
    std::string repository;
    bool keep = false;           // leave it for `period`, for commands to come
    std::string period = "10m";  // at most
  };

  // Waits until the pod runs, and says why it does not. Unavailable when the Restore ended.
  static Result<Browser> Open(const Session& session, const Wish& wish);
  // Of the session's namespace; nullopt when none runs. Makes none.
  static Result<std::optional<Browser>> Running(const Session& session,
                                                const std::string& repository);

  Browser(Browser&& other) noexcept;
  Browser& operator=(Browser&&) = delete;
  ~Browser();

  // "holdfast-mover WORDS..." in the pod; its output goes to `sink` piece by piece. An exit code
  // other than 0 is an Error with the mover's own words, by protocol::ExitCode.
  Result<void> Run(std::vector<std::string> words, const kube::ExecSink& sink) const;
  // The output as a whole, at most 64 MiB.
  Result<std::string> Output(std::vector<std::string> words) const;

 private:
  Browser(const Session& session, std::string restore, std::string pod, bool remove)
      : session_(&session), restore_(std::move(restore)), pod_(std::move(pod)), remove_(remove) {}

  const Session* session_;
  std::string restore_;
  std::string pod_;
  bool remove_;
};

// The Restore that asks for the pod.
Json BrowseRestore(const Browser::Wish& wish);
// The pod of one of `restores` that reads `repository` and stays for a while yet; nullptr for none.
const crds::Restore* RunningBrowse(const std::vector<crds::Restore>& restores,
                                   const std::string& repository, TimePoint now);

}  // namespace holdfast::plugin
