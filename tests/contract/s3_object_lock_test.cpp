// S3 Object Lock and versions: what is asked for, by a scripted server, and what comes of it, by a
// real one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/storage/encoding.h"
#include "jobs/storage/layout.h"
#include "tests/contract/gateway.h"
#include "tests/contract/s3_scene.h"

namespace holdfast::storage {
namespace {

using std::chrono::hours;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const TimePoint kNow = kClock.Now();
const Handle kLockFile{FileType::kLock, ObjectName(2)};

// A server that is told to retain objects for 30 days.
struct LockScene {
  explicit LockScene(std::vector<Answer> script, PartOptions parts = {})
      : server(std::move(script)), s3(Options(server.endpoint(), parts), kClock) {}

  static S3Options Options(const std::string& endpoint, const PartOptions& parts) {
    S3Options options = OptionsFor(endpoint);
    options.object_lock = {ObjectLockMode::kCompliance, hours(30 * 24)};
    options.parts = parts;
    return options;
  }
  SeenRequest Request(std::size_t index) const { return server.requests().at(index); }

  ScriptedServer server;
  S3 s3;
};

const auto kRetains = AllOf(HasSubstr("x-amz-object-lock-mode: COMPLIANCE"),
                            HasSubstr("x-amz-object-lock-retain-until-date: 2026-08-31T12:00:00Z"));

TEST(S3ObjectLockTest, WhatIsStoredIsRetainedAndSignedSo) {
  for (const FileType type : {FileType::kConfig, FileType::kKey, FileType::kSnapshot,
                              FileType::kIndex, FileType::kPack}) {
    LockScene scene({Reply(200)});
    const std::string name = type == FileType::kConfig ? "" : ObjectName(1);
    ASSERT_TRUE(scene.s3.Save({type, name}, AsBytes("abc"), {}));
    const std::string head = scene.Request(0).head;
    EXPECT_THAT(head, kRetains);
    EXPECT_THAT(head, HasSubstr("x-amz-checksum-sha256: ")) << "S3 refuses a lock without a sum";
    EXPECT_THAT(head, HasSubstr("x-amz-object-lock-mode;x-amz-object-lock-retain-until-date"))
        << "among the signed headers";
  }
}

TEST(S3ObjectLockTest, LocksOfTheRepositoryAreNotRetained) {
  LockScene scene({Reply(200)});
  ASSERT_TRUE(scene.s3.Save(kLockFile, AsBytes("abc"), {}));
  EXPECT_THAT(scene.Request(0).head, Not(HasSubstr("x-amz-object-lock")));
}

TEST(S3ObjectLockTest, WithoutTheOptionNothingIsRetained) {
  Scene scene({Reply(200)});
  ASSERT_TRUE(scene.s3.Save(kPack, AsBytes("abc"), {}));
  EXPECT_THAT(scene.server.requests().at(0).head, Not(HasSubstr("x-amz-object-lock")));
  EXPECT_EQ(scene.s3.RetentionPeriod(), std::nullopt);
  EXPECT_EQ(scene.s3.Retain(kPack, kNow, {}).error().code, Code::kNotSupported);
}

TEST(S3ObjectLockTest, TheConfigIsReplacedByOneThatIsRetained) {
  LockScene scene({Reply(200)});
  ASSERT_TRUE(scene.s3.Replace(kConfig, AsBytes("abc"), {}));
  EXPECT_THAT(scene.Request(0).head, kRetains);
}

TEST(S3ObjectLockTest, UploadsInPartsAreRetainedFromTheirBeginning) {
  LockScene scene({Reply(200, {},
                         "<InitiateMultipartUploadResult><UploadId>u</UploadId>"
                         "</InitiateMultipartUploadResult>"),
                   Reply(200, {{"ETag", "e"}, {"x-amz-checksum-sha256", "sum"}}),
                   Reply(200, {{"ETag", "e"}, {"x-amz-checksum-sha256", "sum"}}),
                   Reply(200, {},
                         "<CompleteMultipartUploadResult><ETag>x</ETag>"
                         "</CompleteMultipartUploadResult>")},
                  {.threshold = 2, .part_size = 2, .at_once = 1});
  ASSERT_TRUE(scene.s3.Save(kPack, AsBytes("abc"), {}));
  EXPECT_THAT(scene.Request(0).head, kRetains);
  EXPECT_THAT(scene.Request(1).head, Not(HasSubstr("x-amz-object-lock")));
  EXPECT_THAT(scene.Request(3).head, Not(HasSubstr("x-amz-object-lock")));
}

// A store that knows no If-None-Match still gets the sums.
TEST(S3ObjectLockTest, SumsAreSentWhateverTheStoreKnows) {
  LockScene scene({Refusal(501, "NotImplemented"), Reply(200)});
  ASSERT_TRUE(scene.s3.Save(kPack, AsBytes("abc"), {}));
  EXPECT_THAT(scene.Request(1).head, Not(HasSubstr("if-none-match")));
  EXPECT_THAT(scene.Request(1).head, AllOf(kRetains, HasSubstr("x-amz-checksum-sha256")));
}

// --- Retaining for longer ---

TEST(S3ObjectLockTest, ATimeIsMovedByOneRequest) {
  LockScene scene({Reply(200)});
  ASSERT_TRUE(scene.s3.Retain(kConfig, kNow, {}));
  EXPECT_EQ(scene.Request(0).method, "PUT");
  EXPECT_THAT(scene.Request(0).target, HasSubstr("/bucket/config?retention="));
  EXPECT_EQ(scene.Request(0).body, RetentionXml("COMPLIANCE", kNow));
  EXPECT_THAT(scene.Request(0).head,
              HasSubstr("content-md5: " + Base64(Md5(AsBytes(scene.Request(0).body)))));
  EXPECT_THAT(scene.Request(0).head, Not(HasSubstr("bypass")));
}

TEST(S3ObjectLockTest, ALaterTimeStays) {
  LockScene scene({Refusal(403, "AccessDenied"),
                   Reply(200, {{"x-amz-object-lock-mode", "COMPLIANCE"},
                               {"x-amz-object-lock-retain-until-date", "2026-08-01T12:00:01Z"}})});
  EXPECT_TRUE(scene.s3.Retain(kConfig, kNow, {}));
}

TEST(S3ObjectLockTest, ObjectsKeepTheirMode) {
  LockScene scene({Refusal(403, "AccessDenied"),
                   Reply(200, {{"x-amz-object-lock-mode", "GOVERNANCE"},
                               {"x-amz-object-lock-retain-until-date", "2026-07-01T12:00:00Z"}}),
                   Reply(200)});
  EXPECT_TRUE(scene.s3.Retain(kConfig, kNow, {}));
  EXPECT_EQ(scene.Request(2).body, RetentionXml("GOVERNANCE", kNow));
}

TEST(S3ObjectLockTest, ARefusalOfAnEarlierTimeIsOne) {
  LockScene scene({Refusal(403, "AccessDenied"),
                   Reply(200, {{"x-amz-object-lock-mode", "COMPLIANCE"},
                               {"x-amz-object-lock-retain-until-date", "2026-07-01T12:00:00Z"}})});
  const auto retained = scene.s3.Retain(kConfig, kNow, {});
  ASSERT_FALSE(retained);
  EXPECT_EQ(retained.error().code, Code::kDenied);
  EXPECT_THAT(retained.error().message, HasSubstr("s3:PutObjectRetention"));
}

TEST(S3ObjectLockTest, OutagesAreWorthRepeating) {
  LockScene scene({Refusal(503, "SlowDown")});
  EXPECT_EQ(scene.s3.Retain(kConfig, kNow, {}).error().code, Code::kUnavailable);
}

TEST(S3ObjectLockTest, ListingsOfVersionsThatDoNotAdvanceEnd) {
  const Answer page = Reply(200, {},
                            "<ListVersionsResult><IsTruncated>true</IsTruncated>"
                            "<NextKeyMarker>config</NextKeyMarker></ListVersionsResult>");
  LockScene scene({page, page, page});
  const auto listed =
      scene.s3.ListVersions([](const ObjectVersion&) { return Result<void>(); }, {});
  ASSERT_FALSE(listed);
  EXPECT_THAT(listed.error().message, HasSubstr("does not advance"));
}

TEST(S3ObjectLockTest, ACopyThatFailsAfterAllIsAnError) {
  const ObjectVersion version{kConfig, "v&1", false, kNow};
  LockScene scene({Refusal(200, "InternalError"), Reply(200, {}, "<CopyObjectResult/>")});
  EXPECT_EQ(scene.s3.RestoreVersion(version, {}).error().code, Code::kUnavailable);
  EXPECT_TRUE(scene.s3.RestoreVersion(version, {}));
  EXPECT_THAT(scene.Request(1).head,
              AllOf(HasSubstr("x-amz-copy-source: bucket/config?versionId=v%261"),
                    Not(HasSubstr("x-amz-checksum"))));
}

// --- A real server ---

class LockedBucketTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto gateway = Gateway::Shared(Gateway::Transport::kPlain);
    ASSERT_TRUE(gateway) << gateway.error().message;
    const auto options = (*gateway)->FreshLockedOptions(hours(30 * 24));
    ASSERT_TRUE(options) << options.error().message;
    options_ = *options;
    plain_ = (*gateway)->FreshOptions();
    s3_ = std::make_unique<S3>(options_, clock_);
  }

  Handle Store(FileType type, const std::string& text) {
    const Handle handle{type, type == FileType::kConfig ? "" : NameOf(AsBytes(text))};
    const auto saved = s3_->Save(handle, AsBytes(text), {});
    EXPECT_TRUE(saved) << saved.error().message;
    return handle;
  }
  std::string Load(const Handle& handle) {
    const auto loaded = s3_->Load(handle, 0, 0, {});
    return loaded ? std::string(AsText(*loaded)) : loaded.error().message;
  }
  std::optional<TimePoint> Until(const Handle& handle) {
    const auto until = s3_->RetainedUntil(handle, {});
    EXPECT_TRUE(until) << until.error().message;
    return until.value_or(std::nullopt);
  }
  std::vector<ObjectVersion> Versions() {
    std::vector<ObjectVersion> versions;
    const auto note = [&](const ObjectVersion& version) -> Result<void> {
      versions.push_back(version);
      return {};
    };
    const auto listed = s3_->ListVersions(note, {});
    EXPECT_TRUE(listed) << listed.error().message;
    return versions;
  }
  // As somebody with the same keys and another program. Not packs: the store checks their names.
  void Overwrite(const Handle& handle, const std::string& text) {
    S3Options options = options_;
    options.object_lock.reset();
    ASSERT_TRUE(S3(options, clock_).Replace(handle, AsBytes(text), {}));
  }

  SystemClock clock_;
  S3Options options_, plain_;
  std::unique_ptr<S3> s3_;
};

TEST_F(LockedBucketTest, ObjectsAreRetainedAndLocksAreNot) {
  const TimePoint before = clock_.Now() + hours(30 * 24) - std::chrono::seconds(1);
  for (const FileType type :
       {FileType::kConfig, FileType::kKey, FileType::kSnapshot, FileType::kIndex, FileType::kPack})
    EXPECT_GE(Until(Store(type, "content")), before);
  EXPECT_EQ(Until(Store(FileType::kLock, "content")), std::nullopt);
}

TEST_F(LockedBucketTest, LargeObjectsAreRetainedToo) {
  options_.parts = {.threshold = 250'000, .part_size = std::size_t{5} << 20, .at_once = 2};
  S3 in_parts(options_, clock_);
  const Bytes data = Pattern(std::size_t{6} << 20, 1);
  const Handle handle{FileType::kPack, NameOf(data)};
  const auto saved = in_parts.Save(handle, data, {});
  ASSERT_TRUE(saved) << saved.error().message;
  EXPECT_NE(Until(handle), std::nullopt);
}

TEST_F(LockedBucketTest, WhatIsRetainedCanBeHiddenAndNotDestroyed) {
  const Handle pack = Store(FileType::kPack, "content");
  ASSERT_TRUE(s3_->Remove(pack, {}));
  EXPECT_EQ(s3_->Stat(pack, {}).error().code, Code::kNotFound);
  const auto versions = Versions();
  ASSERT_EQ(versions.size(), 2u);
  const ObjectVersion& stored = versions[versions[0].is_marker ? 1 : 0];
  EXPECT_EQ(s3_->RemoveVersion(stored, {}).error().code, Code::kDenied);
  ASSERT_TRUE(s3_->RemoveVersion(versions[versions[0].is_marker ? 0 : 1], {}));
  EXPECT_EQ(Load(pack), "content");
}

TEST_F(LockedBucketTest, RemovingAVersionTwiceIsSuccess) {
  const Handle pack = Store(FileType::kPack, "content");
  ASSERT_TRUE(s3_->Remove(pack, {}));
  for (const ObjectVersion& version : Versions()) {
    if (!version.is_marker) continue;
    EXPECT_TRUE(s3_->RemoveVersion(version, {}));
    EXPECT_TRUE(s3_->RemoveVersion(version, {}));
  }
}

TEST_F(LockedBucketTest, TimesMoveOnAndNeverBack) {
  const Handle config = Store(FileType::kConfig, "content");
  const TimePoint later = clock_.Now() + hours(60 * 24);
  const auto moved = s3_->Retain(config, later, {});
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_GE(Until(config), later - std::chrono::seconds(1));
  const auto back = s3_->Retain(config, clock_.Now() + hours(1), {});
  EXPECT_TRUE(back) << back.error().message;
  EXPECT_GE(Until(config), later - std::chrono::seconds(1));
}

TEST_F(LockedBucketTest, WhatWasStoredBeforeTheLockCanBeRetained) {
  const Handle config{FileType::kConfig, ""};
  Overwrite(config, "content");
  EXPECT_EQ(Until(config), std::nullopt);
  const TimePoint until = clock_.Now() + hours(24);
  ASSERT_TRUE(s3_->Retain(config, until, {}));
  EXPECT_GE(Until(config), until - std::chrono::seconds(1));
}

TEST_F(LockedBucketTest, ObjectsStayInTheirMode) {
  const Handle config = Store(FileType::kConfig, "content");
  options_.object_lock->mode = ObjectLockMode::kCompliance;
  S3 stricter(options_, clock_);
  const TimePoint later = clock_.Now() + hours(60 * 24);
  const auto moved = stricter.Retain(config, later, {});
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_GE(Until(config), later - std::chrono::seconds(1));
}

TEST_F(LockedBucketTest, ABucketWithoutLockIsRefusedWithASentence) {
  plain_.object_lock = options_.object_lock;
  for (const PartOptions& parts : {PartOptions{}, PartOptions{.threshold = 2}}) {
    plain_.parts = parts;
    const auto saved =
        S3(plain_, clock_).Save({FileType::kIndex, ObjectName(1)}, AsBytes("abc"), {});
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error().code, Code::kInvalid);
    EXPECT_THAT(saved.error().message, HasSubstr("turn on versioning and Object Lock"));
  }
}

TEST_F(LockedBucketTest, ListsVersionsPageByPage) {
  for (int i = 0; i < 600; ++i) {
    const Handle handle{FileType::kIndex, ObjectName(i)};
    Overwrite(handle, "content");
    ASSERT_TRUE(s3_->Remove(handle, {}));
  }
  EXPECT_EQ(Versions().size(), 1200u);
}

// A store may tell a second's versions in any order, but each of one object newest first.
TEST_F(LockedBucketTest, WithoutWhatWasPutOnTopTheTrueVersionIsBack) {
  const Handle index = Store(FileType::kIndex, "true");
  Overwrite(index, "evil");
  Overwrite(index, "worse");
  ASSERT_TRUE(s3_->Remove(index, {}));
  std::vector<ObjectVersion> stored;
  for (const ObjectVersion& version : Versions()) {
    if (version.is_marker) {
      ASSERT_TRUE(s3_->RemoveVersion(version, {}));
    } else {
      stored.push_back(version);
    }
  }
  ASSERT_EQ(stored.size(), 3u);
  EXPECT_EQ(Load(index), "worse");
  ASSERT_TRUE(s3_->RemoveVersion(stored[0], {}));
  EXPECT_EQ(Load(index), "evil");
  ASSERT_TRUE(s3_->RemoveVersion(stored[1], {}));
  EXPECT_EQ(Load(index), "true");
}

TEST_F(LockedBucketTest, AVersionIsCopiedOverOneThatIsHeld) {
  const Handle index = Store(FileType::kIndex, "true");
  const std::vector<ObjectVersion> before = Versions();
  ASSERT_EQ(before.size(), 1u);
  ASSERT_TRUE(s3_->Replace(index, AsBytes("evil"), {}));
  const std::vector<ObjectVersion> after = Versions();
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(s3_->RemoveVersion(after[0], {}).error().code, Code::kDenied);
  const auto restored = s3_->RestoreVersion(before[0], {});
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(Load(index), "true");
  EXPECT_NE(Until(index), std::nullopt) << "the copy is retained, too";
}

}  // namespace
}  // namespace holdfast::storage
