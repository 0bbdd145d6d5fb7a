// Random trees through both programs. Left out, as Debian's restic 0.14 cannot do it: targets of
// symbolic links that are not UTF-8 (linktarget_raw came with 0.16), and paths beyond PATH_MAX;
// sockets come back with neither program.
#include <gmock/gmock.h>

#include "tests/integration/mover/run.h"
#include "tests/unit/jobs/engine/random_tree.h"

namespace holdfast::engine {
namespace {

using ::testing::IsEmpty;

class RandomTreesInteropTest : public MoverTest, public testing::WithParamInterface<std::uint32_t> {
 protected:
  void SetUp() override {
    MoverTest::SetUp();
    ASSERT_EQ(::geteuid(), 0u) << "needs root for owners and devices";
    RandomTree(source_, GetParam(), {.raw_links = false}).RemoveSockets();
  }
};

TEST_P(RandomTreesInteropTest, ResticReadsWhatWeWrite) {
  MoverSucceeds({"init"});
  MoverSucceeds(BackupWords());
  ResticSucceeds({"check", "--read-data"});
  ResticSucceeds({"restore", "latest", "--target", target_});
  EXPECT_THAT(TreeComparer::Compare(source_, target_ + "/shop/data-0"), IsEmpty());
}

TEST_P(RandomTreesInteropTest, WeReadWhatResticWrites) {
  ResticSucceeds({"init"});
  ResticSucceeds({"backup", source_});
  MoverSucceeds({"check", "--read-data"});
  MoverSucceeds({"restore", "latest:" + source_, "--target=" + target_});
  EXPECT_THAT(TreeComparer::Compare(source_, target_), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTreesInteropTest, testing::Range(100U, 105U));

}  // namespace
}  // namespace holdfast::engine
