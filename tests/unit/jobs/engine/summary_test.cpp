#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/engine/verbs.h"

namespace holdfast::engine {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

protocol::MoverResult Restored(std::uint64_t files, std::uint64_t metadata_failures) {
  protocol::MoverResult result;
  result.verb = "restore";
  result.snapshot = std::string(64, 'a');
  result.files = files;
  result.metadata_failures = metadata_failures;
  return result;
}

TEST(SummaryTest, OneIsSingular) {
  EXPECT_THAT(Summary(Restored(1, 1)), HasSubstr("restored: 1 file, "));
  EXPECT_THAT(Summary(Restored(1, 1)),
              EndsWith("\n1 owner, mode, time or attribute could not be set\n"));
  EXPECT_THAT(Summary(Restored(2, 3)), HasSubstr("restored: 2 files, "));
  EXPECT_THAT(Summary(Restored(2, 3)),
              EndsWith("\n3 owners, modes, times or attributes could not be set\n"));
  EXPECT_THAT(Summary(Restored(2, 0)), Not(HasSubstr("could not be set")));
}

}  // namespace
}  // namespace holdfast::engine
