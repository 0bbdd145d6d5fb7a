#include "tests/e2e/cluster.h"

#include <cstdlib>
#include <stdexcept>

namespace holdfast::e2e {

std::string ClusterName() {
  const char* name = std::getenv("HOLDFAST_TEST_CLUSTER");
  if (name == nullptr) throw std::runtime_error("HOLDFAST_TEST_CLUSTER is not set; use make test");
  return name;
}

Output Cluster(std::vector<std::string> words) {
  words.insert(words.begin(), "tests/cluster/cluster");
  words.insert(words.end(), {"--name", ClusterName()});
  return RunProgram(words);
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace holdfast::e2e
