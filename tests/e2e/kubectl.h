// kubectl as a user runs it, for end-to-end tests.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"

namespace holdfast::e2e {

struct Output {
  int exit_code = 0;
  std::string text;  // standard output and error together

  bool ok() const { return exit_code == 0; }
};

// Runs a program with `input` on its standard input.
Output RunProgram(const std::vector<std::string>& words, const std::string& input = "");

// `text` with `to` wherever it has `from`; a text that has none fails the test.
std::string Replaced(std::string text, const std::string& from, const std::string& to);

// One namespace of the cluster that a kubeconfig names; without one, that which KUBECONFIG names.
class Kubectl {
 public:
  explicit Kubectl(std::string ns, std::string kubeconfig = "");

  Output Run(std::vector<std::string> words, const std::string& input = "") const;
  // Throws std::runtime_error with kubectl's words unless it succeeds: for steps that a test only
  // needs, not checks.
  std::string Must(std::vector<std::string> words, const std::string& input = "") const;
  void Apply(const std::string& yaml) const;
  // The object as JSON; null when there is none.
  Json Get(const std::string& kind, const std::string& name) const;
  // status.conditions[type]; null when absent.
  Json Condition(const std::string& kind, const std::string& name, const std::string& type) const;
  // Runs `script` with sh in a pod; throws when it fails.
  std::string Shell(const std::string& pod, const std::string& script) const;

  const std::string& ns() const { return ns_; }

 private:
  std::string ns_;
  std::string kubeconfig_;
};

// Waits until `done`; fails the test and returns false when it takes longer than `limit`.
bool WaitUntil(const std::string& what, std::chrono::seconds limit,
               const std::function<bool()>& done);

}  // namespace holdfast::e2e
