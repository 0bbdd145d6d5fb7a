// The watcher against the real kernel, on a disk and on tmpfs.
#include "jobs/engine/volume_watcher.h"

#include <atomic>
#include <functional>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "jobs/engine/cut_timer.h"
#include "jobs/engine/directory_watch.h"
#include "tests/unit/jobs/engine/trees.h"

namespace holdfast::engine {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

const SystemClock kClock;

// How many directories a process watches.
std::size_t WatchesOf(pid_t process) {
  const std::string folder = "/proc/" + std::to_string(process);
  std::size_t count = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder + "/fd", ignored)) {
    if (fs::read_symlink(entry.path(), ignored) != "anon_inode:inotify") continue;
    std::ifstream info(folder + "/fdinfo/" + entry.path().filename().string());
    for (std::string line; std::getline(info, line);) count += line.starts_with("inotify wd:");
  }
  return count;
}

// A condition that must come; there is no limit to how long it takes but the test's own.
void Await(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::sleep_for(milliseconds(1));
}

std::string Read(const std::string& path) {
  std::string text;
  std::ifstream(path) >> text;
  return text;
}

// A watch in a thread of its own. The kernel's news alone end it: the first scan but one would be
// in a day.
class Watching {
 public:
  explicit Watching(WatchOptions options) : options_(std::move(options)) {
    report_ = std::async(std::launch::async,
                         [this] { return WatchVolume(options_, kClock, stop_.get_token()); });
  }
  ~Watching() { stop_.request_stop(); }

  void AwaitWatches(std::size_t count) const {
    Await([&] { return WatchesOf(::getpid()) == count; });
  }
  void Stop() { stop_.request_stop(); }
  bool Ended() const { return report_.wait_for(milliseconds(0)) == std::future_status::ready; }
  Result<WatchReport> Report() { return report_.get(); }

 private:
  const WatchOptions options_;
  std::stop_source stop_;
  std::future<Result<WatchReport>> report_;
};

// Nothing that was there when it begins counts.
WatchOptions From(const std::string& source) {
  WatchOptions options;
  options.source = source;
  // What the test made is not older than this, and not stamped later.
  options.since = kClock.Now() + std::chrono::seconds(1);
  options.quiet_period = milliseconds(20);
  options.max_interval = std::chrono::hours(24);
  return options;
}

// --- What the kernel tells ---

struct Change {
  const char* name;
  void (*make)(const std::string& root);
};

const Change kChanges[] = {
    {"Create", [](const std::string& root) { WriteFile(root + "/a/new", ""); }},
    {"Write",
     [](const std::string& root) { std::ofstream(root + "/a/file", std::ios::app) << "more"; }},
    {"Overwrite",
     [](const std::string& root) {
       std::fstream(root + "/a/file", std::ios::in | std::ios::out) << "F";
     }},
    {"Truncate", [](const std::string& root) { fs::resize_file(root + "/a/file", 1); }},
    {"Delete", [](const std::string& root) { fs::remove(root + "/a/b/file"); }},
    {"Rename", [](const std::string& root) { fs::rename(root + "/a/file", root + "/a/other"); }},
    {"RenameOver",
     [](const std::string& root) { fs::rename(root + "/a/b/file", root + "/a/file"); }},
    {"MoveAway", [](const std::string& root) { fs::rename(root + "/a/file", root + "/../gone"); }},
    {"Mode", [](const std::string& root) { ::chmod((root + "/a/file").c_str(), 0600); }},
    {"Time", [](const std::string& root) { SetTime(root + "/a/file", 1, 0); }},
    {"HardLink",
     [](const std::string& root) { fs::create_hard_link(root + "/a/file", root + "/a/link"); }},
    {"SymbolicLink",
     [](const std::string& root) { fs::create_symlink("nowhere", root + "/a/link"); }},
    {"MakeDirectory", [](const std::string& root) { fs::create_directory(root + "/a/c"); }},
    {"RemoveDirectory", [](const std::string& root) { fs::remove_all(root + "/a/b"); }},
    {"ModeOfTheVolume", [](const std::string& root) { ::chmod(root.c_str(), 0700); }},
};

class VolumeWatcherChangeTest : public ::testing::TestWithParam<std::tuple<Change, const char*>> {};

TEST_P(VolumeWatcherChangeTest, EndsTheWatch) {
  const auto& [change, parent] = GetParam();
  const TempDir directory{fs::path(parent)};
  const std::string root = directory.Make("volume");
  directory.Make("volume/a/b");
  WriteFile(root + "/a/file", "file");
  WriteFile(root + "/a/b/file", "file");
  Watching watching(From(root));
  watching.AwaitWatches(3);
  EXPECT_FALSE(watching.Ended());
  const TimePoint before = kClock.Now();
  change.make(root);
  const auto report = watching.Report();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GE(report->changed_since, before);
  EXPECT_GE(report->quiet, milliseconds(20));
  EXPECT_EQ(report->note, "");
}

INSTANTIATE_TEST_SUITE_P(All, VolumeWatcherChangeTest,
                         ::testing::Combine(::testing::ValuesIn(kChanges),
                                            ::testing::Values("/tmp", "/dev/shm")),
                         [](const auto& test) {
                           const bool memory = std::string(std::get<1>(test.param)) == "/dev/shm";
                           return std::get<0>(test.param).name +
                                  std::string(memory ? "OnTmpfs" : "OnDisk");
                         });

TEST(VolumeWatcherTest, ReadingChangesNothing) {
  const TempDir volume;
  WriteFile(volume.path() + "/file", "content");
  Watching watching(From(volume.path()));
  watching.AwaitWatches(1);
  EXPECT_EQ(ReadFile(volume.path() + "/file"), "content");
  EXPECT_TRUE(ListNames(Fd(::open(volume.path().c_str(), O_RDONLY)).get()));
  const TimePoint before = kClock.Now();
  WriteFile(volume.path() + "/other", "");
  EXPECT_GE(watching.Report().value().changed_since, before);
}

// Three levels that are made elsewhere and come whole: nothing in them is told of.
TEST(VolumeWatcherTest, DirectoriesThatComeFullAreWatchedToTheBottom) {
  const TempDir directory;
  const std::string root = directory.Make("volume");
  directory.Make("else/one/two/three");
  WatchOptions options = From(root);
  options.quiet_period = std::chrono::hours(1);
  Watching watching(options);
  watching.AwaitWatches(1);
  fs::rename(directory.path() + "/else/one", root + "/one");
  watching.AwaitWatches(4);
  fs::create_directories(root + "/one/two/three/four/five");
  watching.AwaitWatches(6);
  fs::remove_all(root + "/one/two");
  watching.AwaitWatches(2);
  watching.Stop();
  EXPECT_EQ(watching.Report().error().code, Code::kCancelled);
}

TEST(VolumeWatcherTest, WhatPatternsLeaveOutDoesNotCount) {
  const TempDir volume;
  volume.Make("cache/deep");
  volume.Make("data");
  WatchOptions options = From(volume.path());
  options.excludes = {"/cache", "*.tmp"};
  Watching watching(options);
  watching.AwaitWatches(2);
  WriteFile(volume.path() + "/cache/deep/file", "");
  WriteFile(volume.path() + "/data/file.tmp", "");
  fs::remove(volume.path() + "/data/file.tmp");
  const TimePoint before = kClock.Now();
  WriteFile(volume.path() + "/data/file", "");
  EXPECT_GE(watching.Report().value().changed_since, before);
}

TEST(VolumeWatcherTest, WritingThatGoesOnIsCutOff) {
  const TempDir volume;
  WatchOptions options = From(volume.path());
  options.quiet_period = std::chrono::hours(1);
  options.max_interval = milliseconds(50);
  Watching watching(options);
  std::ofstream file(volume.path() + "/log");
  Await([&] {
    file << "line" << std::endl;
    return watching.Ended();
  });
  EXPECT_LT(watching.Report().value().quiet, std::chrono::hours(1));
}

TEST(VolumeWatcherTest, StopsWhenAsked) {
  const TempDir volume;
  Watching watching(From(volume.path()));
  watching.AwaitWatches(1);
  watching.Stop();
  EXPECT_EQ(watching.Report().error().code, Code::kCancelled);
}

TEST(VolumeWatcherTest, AVolumeThatIsNotThereIsSaidToBe) {
  const TempDir volume;
  const auto report = WatchVolume(From(volume.path() + "/none"), kClock, {});
  EXPECT_THAT(report.error().message, HasSubstr("does not exist"));
}

// --- What happened before ---

TEST(VolumeWatcherTest, WithoutASinceEverythingCountsAsChanged) {
  const TempDir volume;
  WatchOptions options = From(volume.path());
  options.since.reset();
  EXPECT_TRUE(WatchVolume(options, kClock, {}));
}

// By what one watch says the next begins: between them lies whatever time it takes to start it.
TEST(VolumeWatcherTest, OneWatchFollowsAnotherWithoutAGap) {
  const TempDir volume;
  volume.Make("a");
  WatchOptions options = From(volume.path());
  options.since.reset();
  const WatchReport first = WatchVolume(options, kClock, {}).value();

  const TimePoint between = kClock.Now();
  WriteFile(volume.path() + "/a/between", "");
  options.since = first.changed_until;
  const WatchReport second = WatchVolume(options, kClock, {}).value();
  EXPECT_EQ(second.changed_since, first.changed_until) << "not claimed to be younger";
  EXPECT_LE(second.changed_since, between);

  options.since = second.changed_until;
  Watching third(options);
  third.AwaitWatches(2);
  const TimePoint before = kClock.Now();
  fs::remove(volume.path() + "/a/between");
  EXPECT_GE(third.Report().value().changed_since, before) << "nothing is reported twice";
}

TEST(VolumeWatcherTest, ADeletionBeforeTheWatchIsFound) {
  const TempDir volume;
  volume.Make("a");
  WriteFile(volume.path() + "/a/file", "");
  WatchOptions options = From(volume.path());
  options.since = kClock.Now();
  Await([&] { return kClock.Now() > *options.since + milliseconds(20); });
  fs::remove(volume.path() + "/a/file");
  EXPECT_EQ(WatchVolume(options, kClock, {}).value().changed_since, *options.since);
}

TEST(VolumeWatcherTest, ADirectoryWhoseEntriesAreAllLeftOutChangesNothingByThem) {
  const TempDir volume;
  volume.Make("tmp");
  WatchOptions options = From(volume.path());
  options.excludes = {"/tmp/*"};
  options.since = kClock.Now();
  Await([&] { return kClock.Now() > *options.since + milliseconds(20); });
  WriteFile(volume.path() + "/tmp/file", "");
  Watching watching(options);
  watching.AwaitWatches(2);
  const TimePoint before = kClock.Now();
  WriteFile(volume.path() + "/file", "");
  EXPECT_GE(watching.Report().value().changed_since, before);
}

// --- What the kernel does not tell, or not any more ---

// Memory that is mapped from a file is written to without a word, but changes its ctime.
TEST(VolumeWatcherTest, WritesToMappedMemoryAreFoundByAScan) {
  const TempDir volume;
  WriteFile(volume.path() + "/mapped", std::string(4096, 'a'));
  const Fd file(::open((volume.path() + "/mapped").c_str(), O_RDWR));
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  WatchOptions options = From(volume.path());
  options.since = kClock.Now();
  options.max_interval = milliseconds(200);
  Await([&] { return kClock.Now() > *options.since + milliseconds(20); });
  Watching watching(options);
  watching.AwaitWatches(1);
  static_cast<volatile char*>(memory)[0] = 'b';
  ASSERT_EQ(::msync(memory, 4096, MS_SYNC), 0);
  const auto report = watching.Report();
  ::munmap(memory, 4096);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->note, "");
}

TEST(VolumeWatcherTest, MoreDirectoriesThanFitAreScannedInstead) {
  const TempDir volume;
  volume.Make("a/b/c/d");
  WatchOptions options = From(volume.path());
  options.most_directories = 3;
  Watching watching(options);
  Await([] { return WatchesOf(::getpid()) == 0; });
  WriteFile(volume.path() + "/a/b/c/d/file", "");
  const auto report = watching.Report();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->note, HasSubstr("more than 3 directories"));
}

// In a process of its own, whose user may watch no more than the limit says. Its exit code tells
// whether the note has the word.
template <typename Body>
pid_t Fork(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  return child;
}

bool HasEnded(pid_t child) {
  siginfo_t state{};
  return ::waitid(P_PID, static_cast<id_t>(child), &state, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         state.si_pid == child;
}

int ExitCodeOf(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + status;
}

int WatchNoting(const WatchOptions& options, const char* word) {
  const auto report = WatchVolume(options, kClock, {});
  if (!report) return 2;
  return report->note.find(word) == std::string::npos ? 1 : 0;
}

int WatchWithLimit(const WatchOptions& options, const char* name, const char* limit) {
  if (::unshare(CLONE_NEWUSER) != 0) return 3;
  if (!(std::ofstream(std::string("/proc/sys/user/") + name) << limit << std::flush)) return 4;
  return WatchNoting(options, name == std::string("max_inotify_watches") ? "max_user_watches"
                                                                         : "max_user_instances");
}

TEST(VolumeWatcherTest, WhereTheKernelGivesNoMoreWatchesScansFindTheChange) {
  const TempDir volume;
  volume.Make("a/b/c");
  WatchOptions options = From(volume.path());
  options.since = kClock.Now();
  const pid_t child = Fork([&] { return WatchWithLimit(options, "max_inotify_watches", "2"); });
  Await([&] { return kClock.Now() > *options.since + milliseconds(20); });
  WriteFile(volume.path() + "/a/b/c/file", "");
  EXPECT_EQ(ExitCodeOf(child), 0);
}

TEST(VolumeWatcherTest, WhereTheKernelGivesNoInstanceScansFindTheChange) {
  const TempDir volume;
  WatchOptions options = From(volume.path());
  options.since = kClock.Now();
  const pid_t child = Fork([&] { return WatchWithLimit(options, "max_inotify_instances", "0"); });
  Await([&] { return kClock.Now() > *options.since + milliseconds(20); });
  WriteFile(volume.path() + "/file", "");
  EXPECT_EQ(ExitCodeOf(child), 0);
}

// The watcher stands still while more happens than the kernel keeps, a directory among it of which
// it is never told; what is in that is watched nevertheless.
TEST(VolumeWatcherTest, AfterTooManyChangesNothingIsMissed) {
  const TempDir volume;
  WatchOptions options = From(volume.path());
  options.quiet_period = std::chrono::seconds(2);
  const pid_t child = Fork([&] { return WatchNoting(options, "max_queued_events"); });
  Await([&] { return WatchesOf(child) == 1; });
  ::kill(child, SIGSTOP);
  const int most = std::stoi(Read("/proc/sys/fs/inotify/max_queued_events"));
  const std::string a = volume.path() + "/a", b = volume.path() + "/b";
  WriteFile(a, "");
  for (int i = 0; i < most; ++i) fs::rename(i % 2 == 0 ? a : b, i % 2 == 0 ? b : a);
  volume.Make("late/deep");
  ::kill(child, SIGCONT);
  std::size_t watches = 0;
  Await([&] { return (watches = std::max(watches, WatchesOf(child))) == 3 || HasEnded(child); });
  EXPECT_EQ(watches, 3u);
  EXPECT_EQ(ExitCodeOf(child), 0);
}

TEST(DirectoryWatchTest, SaysWhenEventsWereLost) {
  const TempDir directory;
  DirectoryWatch watch = DirectoryWatch::Open(10).value();
  ASSERT_TRUE(watch.Add(Fd(::open(directory.path().c_str(), O_RDONLY)).get(), ""));
  std::vector<std::string> paths;
  const auto note = [&](const DirectoryWatch::Event& event) { paths.push_back(event.path); };
  WriteFile(directory.path() + "/file", "");
  EXPECT_TRUE(watch.Drain(note));
  EXPECT_THAT(paths, ::testing::Contains("/file"));
  const int most = std::stoi(Read("/proc/sys/fs/inotify/max_queued_events"));
  for (int i = 0; i <= most; ++i)  // the kernel merges those that are alike and follow one another
    ::chmod((directory.path() + (i % 2 == 0 ? "/file" : "")).c_str(), 0700);
  EXPECT_FALSE(watch.Drain(note));
  EXPECT_TRUE(watch.Drain(note)) << "and once only";
}

// --- When it is time ---

TEST(CutTimerTest, WaitsForQuietButNotForEver) {
  const CutTimer::Time start{};
  CutTimer timer(milliseconds(10), milliseconds(25));
  EXPECT_FALSE(timer.changed());
  timer.Note(start + milliseconds(100));
  EXPECT_TRUE(timer.changed());
  EXPECT_EQ(timer.QuietAt(), start + milliseconds(110));
  EXPECT_EQ(timer.OverdueAt(), start + milliseconds(125));
  timer.Note(start + milliseconds(120));
  EXPECT_EQ(timer.QuietAt(), start + milliseconds(130)) << "the last change counts";
  EXPECT_EQ(timer.OverdueAt(), start + milliseconds(125)) << "the first change counts";
}

}  // namespace
}  // namespace holdfast::engine
