// Files that change, grow, shrink, vanish, turn into something else or cannot be read while they
// are backed up: each is counted, and listed when it is not in the snapshot. Nothing is timed: the
// store calls back when the first pack of a large file arrives, and the backup, whose buffers are
// full by then, waits for as long as the store does.
#include <functional>
#include <thread>

#include <gmock/gmock.h>
#include <sys/syscall.h>

#include "jobs/engine/tree_walk.h"
#include "tests/unit/jobs/engine/vault.h"

namespace holdfast::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Calls `then` once, before the first pack is stored.
class CallingBack final : public storage::Backend {
 public:
  explicit CallingBack(storage::Backend& inner) : inner_(inner) {}

  std::function<void()> then;

  Result<void> Save(const storage::Handle& handle, ByteView data, std::stop_token stop) override {
    if (handle.type == storage::FileType::kPack && then) std::exchange(then, nullptr)();
    return inner_.Save(handle, data, stop);
  }
  Result<Bytes> Load(const storage::Handle& handle, std::uint64_t offset, std::uint64_t length,
                     std::stop_token stop) override {
    return inner_.Load(handle, offset, length, stop);
  }
  Result<storage::FileInfo> Stat(const storage::Handle& handle, std::stop_token stop) override {
    return inner_.Stat(handle, stop);
  }
  Result<void> List(storage::FileType type,
                    const std::function<Result<void>(const storage::FileInfo&)>& visit,
                    std::stop_token stop) override {
    return inner_.List(type, visit, stop);
  }
  Result<void> Remove(const storage::Handle& handle, std::stop_token stop) override {
    return inner_.Remove(handle, stop);
  }
  std::string Location() const override { return inner_.Location(); }

 private:
  storage::Backend& inner_;
};

// Of the large file whose reading the change interrupts: many times what all buffers hold.
constexpr std::size_t kLarge = 24'000'000;

class ChangingFilesTest : public testing::Test {
 protected:
  ChangingFilesTest() : volume_(place_.Make("volume")), target_(place_.Make("target")) {
    MakeRepository(memory_);
    // One upload at a time, in packs of a megabyte: the change happens while a tenth is read.
    repo::RepositoryOptions options{.pack_size = 1'000'000, .uploads = 1};
    auto key = repo::FindKey(memory_, "pw", {}).value();
    repository_ = repo::Repository::Open(storage_, std::move(key->master), options, {}).value();
    WriteFile(At("m large"), Noise(kLarge, 1));
  }

  std::string At(const std::string& name) const { return volume_ + "/" + name; }

  // One thread: the large file "m large" is read before those of smaller names are opened.
  ArchiveReport BackUpWhile(std::function<void()> change) {
    storage_.then = std::move(change);
    Meter meter;
    ArchiveOptions options{volume_, {"prod", kVolume}, {}, {}};
    options.threads = 1;
    auto report = Archive(*repository_, {}, options, meter, SystemClock(), {});
    EXPECT_TRUE(report) << report.error().message;
    EXPECT_FALSE(storage_.then) << "the change never happened";
    return *report;
  }
  std::optional<repo::Node> Stored(const ArchiveReport& report, const std::string& name) {
    const auto node =
        FindNode(*repository_, report.snapshot.tree, std::string(kVolume) + "/" + name, {});
    return node ? std::optional(*node) : std::nullopt;
  }
  // What was stored comes back, whatever it was; the snapshot is sound.
  void ExpectSound(const ArchiveReport& report) {
    Meter meter;
    const auto check = Check(*repository_, {report.snapshot}, DataSubset::All(), meter, {});
    ASSERT_TRUE(check) << check.error().message;
    EXPECT_THAT(check->damage.first(), IsEmpty());
    const auto restored = RestoreInto(*repository_, report.snapshot, target_);
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_THAT(restored->failed.first(), IsEmpty());
  }

  TempDir place_{QuickPlace()};
  const std::string volume_, target_;
  storage::Memory memory_;
  CallingBack storage_{memory_};
  std::unique_ptr<repo::Repository> repository_;
};

TEST_F(ChangingFilesTest, AFileThatStaysIsNeither) {
  const ArchiveReport report = BackUpWhile([] {});
  EXPECT_EQ(report.changed_while_read, 0u);
  EXPECT_EQ(report.unreadable.count(), 0u);
  ExpectSound(report);
}

TEST_F(ChangingFilesTest, AFileWrittenWhileItIsRead) {
  const ArchiveReport report = BackUpWhile([&] {
    const Fd file(::open(At("m large").c_str(), O_WRONLY));
    EXPECT_EQ(::pwrite(file.get(), "changed", 7, 0), 7);
  });
  EXPECT_EQ(report.changed_while_read, 1u);
  EXPECT_EQ(report.unreadable.count(), 0u);
  EXPECT_EQ(Stored(report, "m large")->size, kLarge);
  ExpectSound(report);
}

TEST_F(ChangingFilesTest, AFileThatGrows) {
  const ArchiveReport report = BackUpWhile(
      [&] { std::ofstream(At("m large"), std::ios::app) << std::string(1'000'000, 'x'); });
  EXPECT_EQ(report.changed_while_read, 1u);
  EXPECT_EQ(Stored(report, "m large")->size, kLarge + 1'000'000) << "the size of what was read";
  ExpectSound(report);
  EXPECT_EQ(ReadFile(target_ + "/m large"), ReadFile(At("m large")));
}

TEST_F(ChangingFilesTest, AFileThatShrinks) {
  const ArchiveReport report =
      BackUpWhile([&] { EXPECT_EQ(::truncate(At("m large").c_str(), 1000), 0); });
  EXPECT_EQ(report.changed_while_read, 1u);
  EXPECT_LT(Stored(report, "m large")->size, kLarge) << "the size of what was read";
  ExpectSound(report);
}

TEST_F(ChangingFilesTest, AFileThatIsRemovedWhileItIsRead) {
  const ArchiveReport report = BackUpWhile([&] { ::unlink(At("m large").c_str()); });
  EXPECT_EQ(report.unreadable.count(), 0u) << "it was open, and is whole";
  ExpectSound(report);
  EXPECT_EQ(ReadFile(target_ + "/m large"), Noise(kLarge, 1));
}

// Those below are looked at before the change and opened after it.
TEST_F(ChangingFilesTest, FilesThatVanishOrTurnIntoSomethingElse) {
  for (const char* name : {"a gone", "b fifo", "c directory", "d link", "e socket"})
    WriteFile(At(name), Noise(600'000, 2));
  WriteFile(place_.path() + "/outside", "not of this volume");
  const ArchiveReport report = BackUpWhile([&] {
    for (const char* name : {"a gone", "b fifo", "c directory", "d link", "e socket"})
      ::unlink(At(name).c_str());
    EXPECT_EQ(::mkfifo(At("b fifo").c_str(), 0600), 0);
    EXPECT_EQ(::mkdir(At("c directory").c_str(), 0700), 0);
    EXPECT_EQ(::symlink("../outside", At("d link").c_str()), 0);
    EXPECT_EQ(::mknod(At("e socket").c_str(), S_IFSOCK | 0600, 0), 0);
  });
  std::vector<std::string> problems = report.unreadable.first();
  std::ranges::sort(problems);
  EXPECT_THAT(problems, ElementsAre(HasSubstr("/a gone: vanished while the backup ran"),
                                    HasSubstr("/b fifo: "), HasSubstr("/c directory: "),
                                    HasSubstr("/d link: "), HasSubstr("/e socket: ")));
  for (const std::string& problem : problems) EXPECT_THAT(problem, HasSubstr(kVolume));
  EXPECT_EQ(report.snapshot.summary->total_files_processed, 1u);
  EXPECT_FALSE(Stored(report, "a gone"));
  EXPECT_FALSE(Stored(report, "d link"));
  ExpectSound(report);
}

// A directory is listed in slices of 1024 names; the next is looked at when one is stored.
TEST_F(ChangingFilesTest, NamesThatVanishBeforeTheyAreLookedAt) {
  for (int i = 0; i < 1100; ++i) WriteFile(At("a" + std::to_string(i)), "");
  for (const char* name : {"z gone", "z grown", "z fifo"}) WriteFile(At(name), "small");
  std::filesystem::rename(At("m large"), At("a large"));
  const ArchiveReport report = BackUpWhile([&] {
    ::unlink(At("z gone").c_str());
    ::unlink(At("z fifo").c_str());
    EXPECT_EQ(::mkfifo(At("z fifo").c_str(), 0600), 0);
    WriteFile(At("z grown"), Noise(700'000, 3));
  });
  EXPECT_THAT(report.unreadable.first(),
              ElementsAre(std::string(kVolume) + "/z gone: vanished while the backup ran"));
  EXPECT_EQ(Stored(report, "z fifo")->type, repo::NodeType::kFifo);
  ExpectSound(report);
  EXPECT_EQ(ReadFile(target_ + "/z grown"), Noise(700'000, 3));
}

TEST_F(ChangingFilesTest, DirectoriesThatVanishOrAreExchanged) {
  for (const char* name : {"gone", "file", "link"}) {
    place_.Make("volume/" + std::string(name));
    WriteFile(At(std::string(name) + "/inner"), "inner");
  }
  WriteFile(place_.Make("outside") + "/secret", "not of this volume");
  const ArchiveReport report = BackUpWhile([&] {
    for (const char* name : {"gone", "file", "link"}) std::filesystem::remove_all(At(name));
    WriteFile(At("file"), "a file now");
    EXPECT_EQ(::symlink("../outside", At("link").c_str()), 0);
  });
  EXPECT_THAT(report.unreadable.first(), SizeIs(3));
  EXPECT_FALSE(Stored(report, "link/secret"));
  EXPECT_EQ(report.snapshot.summary->total_files_processed, 1u);
  ExpectSound(report);
}

// Threads have users of their own in Linux, and those that this one starts inherit its.
TEST_F(ChangingFilesTest, FilesThatMayNotBeRead) {
  ASSERT_EQ(::geteuid(), 0u) << "needs root to become somebody else";
  WriteFile(At("a closed"), Noise(600'000, 4));
  WriteFile(At("small closed"), "x");
  WriteFile(place_.Make("volume/dir") + "/inner", "x");
  ::chmod(place_.path().c_str(), 0755);
  for (const char* name : {"a closed", "small closed", "dir"}) ::chmod(At(name).c_str(), 0);
  ArchiveReport report;
  std::jthread([&] {
    constexpr uid_t kNobody = 65534;
    ASSERT_EQ(::syscall(SYS_setresuid, kNobody, kNobody, kNobody), 0);
    report = BackUpWhile([] {});
  }).join();
  EXPECT_THAT(report.unreadable.first(), SizeIs(3));
  EXPECT_EQ(report.snapshot.summary->total_files_processed, 1u);
  ExpectSound(report);
}

}  // namespace
}  // namespace holdfast::engine
