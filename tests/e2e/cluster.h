// The program that keeps the clusters of the tests (tests/cluster/README.md).
#pragma once

#include <string>
#include <vector>

#include "tests/e2e/kubectl.h"

namespace holdfast::e2e {

// The cluster of the tests, by HOLDFAST_TEST_CLUSTER. Throws std::runtime_error when that is not
// set.
std::string ClusterName();

// Runs tests/cluster/cluster for that cluster.
Output Cluster(std::vector<std::string> words);

std::string FirstLine(const std::string& text);

}  // namespace holdfast::e2e
