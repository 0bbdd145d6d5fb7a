// Object lock: what is in use is retained, what is retained is not moved for nothing, and what an
// intruder removed comes back.
#include "jobs/engine/object_lock.h"

#include <sstream>

#include <gmock/gmock.h>

#include "jobs/engine/pruner.h"
#include "jobs/engine/undelete.h"
#include "jobs/storage/layout.h"
#include "tests/fakes/fault_backend.h"
#include "tests/fakes/versioned_store.h"
#include "tests/unit/jobs/engine/repositories.h"

namespace holdfast::engine {
namespace {

using std::chrono::days;
using std::chrono::hours;
using storage::FileType;
using storage::Handle;
using storage::ObjectVersion;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TimePoint Day(int day) { return ParseTime("2026-08-01T00:00:00Z").value() + days(day); }

// --- The decisions ---

Retained On(int day, std::optional<int> config_until) {
  Retained retained{days(30), Day(day), std::nullopt};
  if (config_until) retained.config_until = Day(*config_until);
  return retained;
}

TEST(RetainedTest, IsExtendedOnceHalfOfThePeriodIsOver) {
  EXPECT_FALSE(On(0, 30).ExtensionIsDue());
  EXPECT_FALSE(On(15, 30).ExtensionIsDue());
  EXPECT_TRUE(On(16, 30).ExtensionIsDue());
  EXPECT_TRUE(On(40, 30).ExtensionIsDue()) << "it was missed altogether";
  EXPECT_TRUE(On(0, std::nullopt).ExtensionIsDue()) << "the lock was just switched on";
  EXPECT_FALSE(On(0, 90).ExtensionIsDue()) << "the period was longer before";
}

TEST(RetainedTest, WhatIsInUseIsRetainedAsTheConfigIsOrForLonger) {
  EXPECT_EQ(On(0, 20).Until(Day(-100)), Day(20));
  EXPECT_EQ(On(0, 20).Until(Day(-5)), Day(25));
  EXPECT_EQ(On(0, std::nullopt).Until(Day(-5)), Day(25));
}

TEST(RetainedTest, IsMovedWhenItWouldBeRetainedAnewOtherwise) {
  EXPECT_TRUE(On(0, 30).IsHeldBack(Day(-100))) << "extended today";
  EXPECT_FALSE(On(16, 30).IsHeldBack(Day(-100)));
  EXPECT_TRUE(On(16, 30).IsHeldBack(Day(15))) << "stored yesterday";
  EXPECT_FALSE(On(0, std::nullopt).IsHeldBack(Day(-100))) << "never retained";
}

// --- A repository under object lock ---

class ObjectLockTest : public testing::Test {
 protected:
  ObjectLockTest() {
    store_.SetTime(Day(0));
    InitRepository(store_);
  }

  struct Saved {
    repo::Snapshot snapshot;
    Content content;
  };
  Saved SaveOn(int day, const Content& content) {
    store_.SetTime(Day(day));
    auto repository = OpenRepository(store_);
    return {SaveContent(*repository, content, ++hour_, "/data"), content};
  }
  void Forget(const Saved& saved) {
    EXPECT_TRUE(store_.Remove({FileType::kSnapshot, saved.snapshot.id.Hex()}, {}));
  }
  PruneReport PruneOn(int day) {
    store_.SetTime(Day(day));
    auto repository = OpenRepository(store_);
    PruneOptions options{.max_unused = UnusedLimit{0, 0}};
    options.retained = LookAtRetention(*repository, Day(day), {}).value();
    const auto snapshots = repository->ListSnapshots({}).value();
    const auto report = Prune(*repository, snapshots, options, meter_, {});
    EXPECT_TRUE(report) << report.error().message;
    return report.value_or(PruneReport{});
  }
  Result<ExtensionReport> ExtendOn(int day, storage::Backend& through) {
    store_.SetTime(Day(day));
    auto repository = OpenRepository(through);
    TRY(const auto retained, LookAtRetention(*repository, Day(day), {}));
    return ExtendRetention(*repository, *retained, meter_, {});
  }
  ExtensionReport ExtendOn(int day) {
    const auto report = ExtendOn(day, store_);
    EXPECT_TRUE(report) << report.error().message;
    return report.value_or(ExtensionReport{});
  }
  std::vector<Handle> AllObjects() {
    std::vector<Handle> handles;
    for (const FileType type : {FileType::kConfig, FileType::kKey, FileType::kSnapshot,
                                FileType::kIndex, FileType::kPack}) {
      const auto note = [&](const storage::FileInfo& info) -> Result<void> {
        handles.push_back({type, info.name});
        return {};
      };
      EXPECT_TRUE(store_.List(type, note, {}));
    }
    return handles;
  }
  void ExpectAllRetainedUntil(TimePoint until) {
    for (const Handle& handle : AllObjects())
      EXPECT_GE(store_.RetainedUntil(handle, {}).value().value_or(TimePoint{}), until)
          << storage::PathOf(handle).value();
  }
  void ExpectWhole(const Saved& saved) {
    auto repository = OpenRepository(store_);
    EXPECT_THAT(Differences(*repository, saved.snapshot, saved.content), IsEmpty());
  }

  fakes::VersionedStore store_{days(30)};
  Meter meter_;
  std::int64_t hour_ = 0;
};

TEST_F(ObjectLockTest, WhatIsYoungIsNotExtended) {
  SaveOn(1, {{"a1", 1}});
  const ExtensionReport report = ExtendOn(10);
  EXPECT_EQ(report.objects, 0u);
  EXPECT_EQ(report.until, Day(30));
  EXPECT_EQ(store_.retained(), 0);
}

TEST_F(ObjectLockTest, AllThatIsThereIsExtended) {
  SaveOn(1, {{"a1", 1}, {"b2", 2}});
  const ExtensionReport report = ExtendOn(20);
  EXPECT_EQ(report.objects, AllObjects().size());
  EXPECT_EQ(report.until, Day(50));
  ExpectAllRetainedUntil(Day(50));
  EXPECT_EQ(ExtendOn(21).objects, 0u) << "done";
}

TEST_F(ObjectLockTest, ALockThatIsSwitchedOnCoversWhatWasThere) {
  store_.SetPeriod(std::nullopt);
  SaveOn(0, {{"a1", 1}});
  EXPECT_FALSE(LookAtRetention(*OpenRepository(store_), Day(0), {}).value());
  store_.SetPeriod(days(7));
  EXPECT_EQ(ExtendOn(100).until, Day(107));
  ExpectAllRetainedUntil(Day(107));
}

TEST_F(ObjectLockTest, NoTimeIsEverShortened) {
  SaveOn(1, {{"a1", 1}});
  ExtendOn(20);
  const Saved young = SaveOn(45, {{"b2", 2}});
  store_.SetPeriod(days(4));
  EXPECT_EQ(ExtendOn(49).until, Day(53)) << "at the end of the longer period";
  ExpectAllRetainedUntil(Day(53));
  const Handle snapshot{FileType::kSnapshot, young.snapshot.id.Hex()};
  EXPECT_EQ(store_.RetainedUntil(snapshot, {}).value(), Day(75));
}

// Whatever it is that fails, the config is not extended before the rest, so that the next run does
// it all.
TEST_F(ObjectLockTest, InterruptedExtensionsStartAgain) {
  SaveOn(1, {{"a1", 1}, {"b2", 2}});
  std::uint64_t operations = 0;
  {
    fakes::FaultBackend counting(store_, {});
    auto repository = OpenRepository(counting);
    operations = counting.operations();
  }
  // The look at the config, five listings less the config's, and one more for each object.
  for (std::uint64_t at = operations + 1; at <= operations + 4 + AllObjects().size(); ++at) {
    SCOPED_TRACE(at);
    fakes::FaultBackend failing(store_, {.at = at, .dead_after = true});
    EXPECT_FALSE(ExtendOn(20, failing));
    EXPECT_LT(store_.RetainedUntil({FileType::kConfig, ""}, {}).value().value(), Day(31));
  }
  ExtendOn(20);
  ExpectAllRetainedUntil(Day(50));
}

TEST_F(ObjectLockTest, AStoreThatForgetsTheOrderIsNoticed) {
  SaveOn(1, {{"a1", 1}});
  store_.ForgetRetention();
  const auto report = ExtendOn(20, store_);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kNotSupported);
  EXPECT_THAT(report.error().message, HasSubstr("S3 Object Lock"));
}

// --- Prune ---

TEST_F(ObjectLockTest, PacksThatAreHeldForLongAreNotMoved) {
  Content first;
  for (int i = 0; i < 40; ++i) first["a" + std::to_string(i)] = 10 * i + 1;
  const Saved old = SaveOn(1, first);
  Content second = first;
  second.erase("a7");
  const Saved kept = SaveOn(2, second);
  Forget(old);
  const PruneReport early = PruneOn(10);
  EXPECT_EQ(early.packs_repacked, 0u);
  EXPECT_GT(early.bytes_retained, 1000u) << "what is unused in them";
  EXPECT_EQ(early.retained_until, Day(31)) << "the packs of the first";
  ExpectWhole(kept);
  const PruneReport due = PruneOn(20);
  EXPECT_GT(due.packs_repacked, 0u);
  EXPECT_GT(due.bytes_retained, 1000u) << "packs that the store keeps for eleven days yet";
  ExpectWhole(kept);
  ExtendOn(20);
  ExpectAllRetainedUntil(Day(50));
  EXPECT_EQ(PruneOn(21).bytes_retained, 0u);
}

TEST_F(ObjectLockTest, PacksThatNobodyUsesAreHiddenWhateverHoldsThem) {
  const Saved old = SaveOn(1, {{"a1", 1}});
  const Saved kept = SaveOn(1, {{"b2", 2}});
  Forget(old);
  const PruneReport report = PruneOn(2);
  EXPECT_GT(report.packs_removed, 0u);
  EXPECT_GE(report.bytes_retained, 1000u);
  EXPECT_EQ(report.retained_until, Day(31));
  ExpectWhole(kept);
}

TEST_F(ObjectLockTest, WithoutALockNothingIsHeldBack) {
  store_.SetPeriod(std::nullopt);
  Forget(SaveOn(1, {{"a1", 1}}));
  const PruneReport report = PruneOn(2);
  EXPECT_EQ(report.bytes_retained, 0u);
  EXPECT_EQ(report.retained_until, std::nullopt);
}

// --- Undelete ---

ObjectVersion V(const std::string& id, int day) {
  return {{FileType::kConfig, ""}, id, false, Day(day)};
}
ObjectVersion M(const std::string& id, int day) {
  return {{FileType::kConfig, ""}, id, true, Day(day)};
}

std::vector<std::string> Removed(const std::vector<ObjectVersion>& versions, int since) {
  std::vector<std::string> ids;
  for (const ObjectVersion& version : VersionsToRemove(versions, Day(since)))
    ids.push_back(version.id);
  return ids;
}

TEST(VersionsToRemoveTest, AnObjectIsAsItWasThen) {
  EXPECT_THAT(Removed({V("v", 1)}, 5), IsEmpty());
  EXPECT_THAT(Removed({V("v", 1), M("m", 6)}, 5), ElementsAre("m")) << "removed";
  EXPECT_THAT(Removed({V("evil", 6), V("v", 1)}, 5), ElementsAre("evil")) << "replaced";
  EXPECT_THAT(Removed({V("evil", 7), V("v", 1), M("m", 6)}, 5), ElementsAre("evil", "m"));
  EXPECT_THAT(Removed({V("v", 1), M("m", 4)}, 5), IsEmpty()) << "pruned before";
  EXPECT_THAT(Removed({V("evil", 6), V("v", 1), M("m", 4)}, 5), ElementsAre("evil"));
}

TEST(VersionsToRemoveTest, OfWhatIsNewerTheOldestVersionIsTheTrueOne) {
  EXPECT_THAT(Removed({V("v", 6)}, 5), IsEmpty());
  EXPECT_THAT(Removed({V("v", 6), M("m", 7)}, 5), ElementsAre("m"));
  EXPECT_THAT(Removed({V("evil", 8), V("v", 6), M("m", 7)}, 5), ElementsAre("evil", "m"));
  EXPECT_THAT(Removed({M("m", 7)}, 5), ElementsAre("m"));
}

TEST_F(ObjectLockTest, WhatAnIntruderDidIsUndone) {
  const Saved saved = SaveOn(1, {{"a1", 1}, {"b2", 2}});
  const Handle lock{FileType::kLock, std::string(64, 'a')};
  ASSERT_TRUE(store_.Save(lock, AsBytes("lock"), {}));
  const std::vector<Handle> objects = AllObjects();
  store_.SetTime(Day(5));
  ASSERT_TRUE(store_.Remove(lock, {}));
  for (const Handle& handle : objects) {
    if (handle.type == FileType::kIndex) store_.Overwrite(handle, AsBytes("garbage"));
    ASSERT_TRUE(store_.Remove(handle, {}));
  }
  ASSERT_THAT(AllObjects(), IsEmpty());

  const UndeleteOptions options{.since = Day(5) - hours(1)};
  std::ostringstream out;
  const auto dry = Undelete(store_, {options.since, true}, out, {});
  ASSERT_TRUE(dry) << dry.error().message;
  EXPECT_THAT(out.str(), HasSubstr("config was removed 2026-08-06T00:00:00Z"));
  EXPECT_THAT(out.str(), HasSubstr(" was replaced "));
  EXPECT_THAT(AllObjects(), IsEmpty()) << "a dry run";

  const auto done = Undelete(store_, options, out, {});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->markers, objects.size());
  EXPECT_EQ(done->markers, dry->markers);
  EXPECT_EQ(done->replaced, dry->replaced);
  EXPECT_THAT(AllObjects(), testing::ElementsAreArray(objects));
  ExpectWhole(saved);
  EXPECT_FALSE(store_.Stat(lock, {})) << "locks stay away";
  const auto again = Undelete(store_, options, out, {});
  EXPECT_EQ(again.value().markers + again.value().replaced, 0u);
}

// Garbage that the intruder has the store hold for a year stays below a copy of the true version.
TEST_F(ObjectLockTest, WhatAnIntruderHasTheStoreHoldIsCoveredAgain) {
  const Saved saved = SaveOn(1, {{"a1", 1}});
  const Handle config{FileType::kConfig, ""};
  const Handle gone{FileType::kPack, std::string(64, 'b')};
  ASSERT_TRUE(store_.Save(gone, AsBytes("pruned"), {}));
  store_.SetTime(Day(2));
  ASSERT_TRUE(store_.Remove(gone, {}));
  store_.SetTime(Day(5));
  store_.Overwrite(config, AsBytes("evil"), Day(365));
  ASSERT_TRUE(store_.Remove(config, {}));
  store_.Overwrite(gone, AsBytes("evil"), Day(365));
  std::ostringstream out;
  for (int run = 0; run < 2; ++run) {
    const auto report = Undelete(store_, {.since = Day(4)}, out, {});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->copied, 2u);
    ExpectWhole(saved);
    EXPECT_FALSE(store_.Stat(gone, {}));
  }
}

TEST(TrueVersionTest, IsTheOneThatWasSeenThen) {
  const auto of = [](const std::vector<ObjectVersion>& versions) {
    const auto found = TrueVersion(versions, Day(5));
    return found ? found->id : "none";
  };
  EXPECT_EQ(of({V("evil", 6), V("v", 1)}), "v");
  EXPECT_EQ(of({V("v2", 3), V("v1", 1)}), "v2");
  EXPECT_EQ(of({V("v", 1), M("m", 4)}), "none");
  EXPECT_EQ(of({V("v", 4), M("m", 1)}), "v");
  EXPECT_EQ(of({V("v", 4), M("m", 4)}), "v") << "in doubt it is there";
  EXPECT_EQ(of({V("evil", 8), V("v", 6)}), "v") << "of what is newer the oldest";
  EXPECT_EQ(of({M("m", 6)}), "none");
}

TEST_F(ObjectLockTest, PlacesWithoutVersionsSayThatTheyKeepNothing) {
  storage::Memory memory;
  std::ostringstream out;
  EXPECT_EQ(Undelete(memory, {}, out, {}).error().code, Code::kNotSupported);
}

}  // namespace
}  // namespace holdfast::engine
