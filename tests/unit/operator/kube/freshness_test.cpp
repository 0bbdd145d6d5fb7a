#include "operator/kube/freshness.h"

#include <gtest/gtest.h>

namespace holdfast::kube {
namespace {

const ObjectKey kA{"shop", "a"};
const ObjectKey kB{"shop", "b"};
const ObjectKey kElsewhere{"blog", "a"};

class FreshnessTest : public ::testing::Test {
 protected:
  Freshness freshness_;
};

TEST_F(FreshnessTest, NothingIsBelievedBeforeTheFirstWriteOfOurOwn) {
  freshness_.Reached("", "100");
  EXPECT_FALSE(freshness_.Shows(kA)) << "an earlier leader may have written version 101";
  EXPECT_FALSE(freshness_.ShowsAll("shop"));
  EXPECT_EQ(freshness_.Needed("shop"), "");
  freshness_.Wrote(kB, "120");
  EXPECT_FALSE(freshness_.Shows(kA));
  EXPECT_EQ(freshness_.Needed("shop"), "120");
  freshness_.Reached("", "120");
  EXPECT_TRUE(freshness_.Shows(kA));
  EXPECT_TRUE(freshness_.Shows(kElsewhere));
  EXPECT_TRUE(freshness_.ShowsAll("shop"));
}

TEST_F(FreshnessTest, AWriteHidesItsObjectUntilTheCacheHasIt) {
  freshness_.Wrote(kA, "10");
  freshness_.Reached("", "10");
  freshness_.Wrote(kA, "12");
  EXPECT_FALSE(freshness_.Shows(kA));
  EXPECT_TRUE(freshness_.Awaits(kA));
  EXPECT_TRUE(freshness_.Shows(kB)) << "nobody wrote that";
  EXPECT_FALSE(freshness_.ShowsAll("shop"));
  EXPECT_TRUE(freshness_.ShowsAll("blog"));
  EXPECT_EQ(freshness_.Needed("shop"), "12");
  EXPECT_EQ(freshness_.Needed("blog"), "10");
  freshness_.Reached("", "11");
  EXPECT_FALSE(freshness_.Shows(kA)) << "somebody else's write came before";
  freshness_.Reached("", "13");
  EXPECT_TRUE(freshness_.Shows(kA));
  EXPECT_FALSE(freshness_.Awaits(kA));
}

TEST_F(FreshnessTest, AListTellsWhatWasAwaitedUntilThen) {
  freshness_.Wrote(kA, "10");
  freshness_.Wrote(kElsewhere, "11");
  freshness_.Lost(kB);
  EXPECT_EQ(freshness_.Completed("shop", "10"), std::vector{kA});
  EXPECT_TRUE(freshness_.Completed("shop", "11").empty());
  EXPECT_EQ(freshness_.Completed("", "12"), std::vector{kElsewhere});
}

TEST_F(FreshnessTest, NewsThatCameBeforeTheAnswerCounts) {
  freshness_.Reached("", "10");
  freshness_.Wrote(kA, "10");
  EXPECT_TRUE(freshness_.Shows(kA));
}

TEST_F(FreshnessTest, AfterALostWriteOnlyAReadHelps) {
  freshness_.Wrote(kA, "10");
  freshness_.Lost(kA);
  freshness_.Reached("", "1000");
  EXPECT_FALSE(freshness_.Shows(kA));
  EXPECT_FALSE(freshness_.Awaits(kA)) << "it may never have happened";
  EXPECT_EQ(freshness_.Needed("shop"), "") << "only the latest list is new enough";
  freshness_.Read(kA, "1001");
  EXPECT_FALSE(freshness_.Shows(kA));
  freshness_.Reached("", "1001");
  EXPECT_TRUE(freshness_.Shows(kA));
}

TEST_F(FreshnessTest, WhatWasReadToBeGoneIsBelieved) {
  freshness_.Wrote(kB, "10");
  freshness_.Reached("", "10");
  freshness_.Lost(kA);
  freshness_.Read(kA, "");
  EXPECT_TRUE(freshness_.Shows(kA));
}

TEST_F(FreshnessTest, AReadOfAnOldObjectTellsNothingOfTheOthers) {
  freshness_.Reached("", "100");
  freshness_.Read(kA, "50");
  EXPECT_FALSE(freshness_.Shows(kA));
}

TEST_F(FreshnessTest, TheLatestListIsAsGoodAsAWrite) {
  freshness_.Lost(kA);
  freshness_.Listed("shop", "200");
  EXPECT_EQ(freshness_.Needed("shop"), "200");
  freshness_.Reached("", "200");
  EXPECT_TRUE(freshness_.ShowsAll("shop"));
  EXPECT_TRUE(freshness_.Shows(kElsewhere));
}

TEST_F(FreshnessTest, EachNamespaceHasAWatchOfItsOwn) {
  freshness_.Wrote(kA, "10");
  freshness_.Reached("blog", "10");
  EXPECT_FALSE(freshness_.Shows(kA));
  EXPECT_TRUE(freshness_.Shows(kElsewhere));
  freshness_.Reached("shop", "10");
  EXPECT_TRUE(freshness_.Shows(kA));
}

TEST_F(FreshnessTest, VersionsThatGoBackMakeItStartOver) {
  freshness_.Wrote(kA, "5000");
  freshness_.Reached("", "40");
  freshness_.Reached("", "30");
  EXPECT_FALSE(freshness_.Shows(kA));
  EXPECT_FALSE(freshness_.Awaits(kA)) << "version 5000 may be years away";
  freshness_.Wrote(kA, "41");
  freshness_.Reached("", "41");
  EXPECT_TRUE(freshness_.Shows(kA));
}

TEST_F(FreshnessTest, WhatIsNoNumberIsNeverBelieved) {
  freshness_.Wrote(kA, "v2-x");
  freshness_.Reached("", "v2-x");
  freshness_.Reached("", "7");
  EXPECT_FALSE(freshness_.Shows(kA));
  EXPECT_FALSE(freshness_.Shows(kB));
}

TEST_F(FreshnessTest, TensOfThousandsOfWritesAreForgottenOnceTheyAreSeen) {
  for (int i = 1; i <= 20'000; ++i) {
    const ObjectKey key{"shop", "backup-" + std::to_string(i)};
    freshness_.Wrote(key, std::to_string(i));
    EXPECT_TRUE(freshness_.Awaits(key));
    freshness_.Reached("", std::to_string(i));
    EXPECT_TRUE(freshness_.Shows(key));
  }
  EXPECT_TRUE(freshness_.ShowsAll("shop"));
}

}  // namespace
}  // namespace holdfast::kube
