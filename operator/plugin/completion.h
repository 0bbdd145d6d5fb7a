// What may come next on the command line: commands, options, values, names of objects in the
// cluster, and paths in a backup while a pod that reads it runs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "operator/plugin/object_name.h"

namespace holdfast::plugin {

// What is asked of the cluster; each may come back empty, and nothing is said of errors.
struct Completer {
  std::function<std::vector<std::string>(ObjectKind)> names;
  // What is in a directory of a source ("bk/nightly"); folders end in "/". Never starts a pod.
  std::function<std::vector<std::string>(const std::string& source, const std::string& directory)>
      entries;
};

// `words` are what stands behind the program's name, the last one unfinished (it may be empty).
std::vector<std::string> Complete(const std::vector<std::string>& words,
                                  const Completer& completer);

// As kubectl reads it from kubectl_complete-holdfast (Cobra's protocol): a candidate a line, and a
// last line ":4", or ":6" when no blank is to follow.
std::string CobraAnswer(const std::vector<std::string>& candidates);

// Shell code for kubectl-holdfast called by its own name. Empty for shells that are not known.
std::string CompletionScript(const std::string& shell);

}  // namespace holdfast::plugin
