#include "jobs/engine/volume_watcher.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "jobs/engine/cut_timer.h"
#include "jobs/engine/directory.h"
#include "jobs/engine/directory_watch.h"
#include "jobs/engine/exclude.h"
#include "jobs/engine/volume_walk.h"

namespace holdfast::engine {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A ctime may lie before the moment of the change by a tick of the kernel's clock, and by a second
// or two on file systems that store no fractions.
constexpr milliseconds kCoarsest{2'000};
// Whoever writes wakes us this often and no more.
constexpr milliseconds kPause{100};
// Scans beside the kernel's news take a 200th of the time at most, those in its stead a 20th.
constexpr int kRarely = 200;
constexpr int kOften = 20;
// A name that no pattern means in particular.
constexpr const char* kAnyName = "/\x01";

TimePoint ChangeTime(const struct stat& status) {
  return TimePoint(std::chrono::seconds(status.st_ctim.tv_sec) +
                   std::chrono::nanoseconds(status.st_ctim.tv_nsec));
}

// Readable once stop was requested.
class StopSignal {
 public:
  explicit StopSignal(std::stop_token stop)
      : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        callback_(std::move(stop), [this] { ::eventfd_write(fd_.get(), 1); }) {}

  int fd() const { return fd_.get(); }

 private:
  Fd fd_;
  std::stop_callback<std::function<void()>> callback_;
};

class Watcher {
 public:
  Watcher(const WatchOptions& options, const ExcludeList& excludes, Fd root, const Clock& clock,
          std::stop_token stop)
      : options_(options),
        excludes_(excludes),
        root_(std::move(root)),
        clock_(clock),
        stop_(stop),
        signal_(std::move(stop)),
        lag_(std::min(kCoarsest, options.quiet_period)),
        timer_(options.quiet_period, options.max_interval) {}

  Result<WatchReport> Run() {
    if (auto watch = DirectoryWatch::Open(options_.most_directories))
      watch_ = *std::move(watch);
    else
      note_ = watch.error().message;
    if (!options_.since) Note(clock_.Now());
    known_ = options_.since.value_or(clock_.Now());
    TRY_VOID(Scan());
    while (!IsDue()) {
      if (!Wait()) return Fail(Code::kCancelled, "the watch was stopped");
      TRY_VOID(Look());
    }
    const auto quiet = std::chrono::duration_cast<milliseconds>(Steady::now() - timer_.last());
    return WatchReport{changed_since_, clock_.Now() - lag_, quiet, note_};
  }

 private:
  // A change that is not older than `time`.
  void Note(TimePoint time) {
    if (!timer_.changed()) changed_since_ = time;
    timer_.Note(Steady::now());
  }

  bool IsDue() const {
    if (!timer_.changed()) return false;
    const Steady::time_point now = Steady::now();
    return now >= timer_.OverdueAt() || (sees_all_ && now >= timer_.QuietAt());
  }

  Steady::time_point WakeAt() const {
    if (!timer_.changed()) return next_scan_;
    Steady::time_point wake = std::min(next_scan_, timer_.OverdueAt());
    return watch_ ? std::min(wake, timer_.QuietAt()) : wake;
  }

  // Until something is to be looked at. False when stopped.
  bool Wait() const {
    const auto left =
        std::chrono::ceil<milliseconds>(std::max(WakeAt() - Steady::now(), Steady::duration(0)));
    pollfd polled[] = {{signal_.fd(), POLLIN, 0}, {watch_ ? watch_->fd() : -1, POLLIN, 0}};
    ::poll(polled, 2, static_cast<int>(left.count()));
    const milliseconds pause = std::min(kPause, options_.quiet_period / 4);
    if (polled[1].revents != 0) ::poll(polled, 1, static_cast<int>(pause.count()));
    return !stop_.stop_requested();
  }

  Result<void> Look() {
    if (watch_) TRY_VOID(TakeNews());
    const Steady::time_point now = Steady::now();
    const bool to_be_sure = overflowed_ && now >= timer_.QuietAt();
    sees_all_ = watch_ && !overflowed_;
    return now >= next_scan_ || to_be_sure ? Scan() : Result<void>();
  }

  Result<void> TakeNews() {
    const TimePoint now = clock_.Now();
    std::vector<std::string> came;
    const bool complete = watch_->Drain([&](const DirectoryWatch::Event& event) {
      if (excludes_.Excludes(event.path)) return;
      Note(now);
      if (event.directory) came.push_back(event.path);
    });
    if (!complete) {
      overflowed_ = true;
      note_ = "the kernel's queue of changes was full (sysctl fs.inotify.max_queued_events)";
      Note(now);
    }
    for (const std::string& path : came) TRY_VOID(WatchBelow(path));
    return {};
  }

  // A directory that came may hold others already.
  Result<void> WatchBelow(const std::string& path) {
    Fd directory = OpenBeneath(root_.get(), path.substr(1), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!directory.valid()) return {};
    VolumeWalk walk{excludes_, path};
    walk.enter = [this](int fd, const std::string& name) { Watch(fd, name); };
    TRY_VOID(WalkVolume(std::move(directory), walk, stop_));
    if (GaveUp()) next_scan_ = std::min(next_scan_, Steady::now() + options_.quiet_period);
    return {};
  }

  void Watch(int directory, const std::string& path) {
    if (!watch_ || refused_) return;
    const auto added = watch_->Add(directory, path);
    if (added || added.error().code != Code::kNoSpace) return;
    refused_ = true;
    note_ = added.error().message;
  }

  // A part of the directories is of no use, and takes what others could use.
  bool GaveUp() {
    if (refused_) watch_.reset();
    return refused_;
  }

  Result<void> Scan() {
    const Steady::time_point begun = Steady::now();
    const TimePoint begun_at = clock_.Now();
    bool changed = false;
    const auto look = [&](const struct stat& status, const std::string& path) {
      if (ChangeTime(status) > known_ && !(S_ISDIR(status.st_mode) && HoldsNothing(path)))
        changed = true;
    };
    VolumeWalk walk{excludes_};
    walk.enter = [this](int fd, const std::string& path) { Watch(fd, path); };
    walk.entry = look;
    TRY(Fd top, OpenAgain());
    struct stat status {};
    if (::fstat(top.get(), &status) == 0) look(status, "");
    TRY_VOID(WalkVolume(std::move(top), walk, stop_));
    if (changed) Note(known_);
    known_ = begun_at - lag_;
    overflowed_ = false;
    sees_all_ = true;
    const bool alone = GaveUp() || !watch_;
    const auto now = Steady::now();
    const Steady::duration least = alone ? options_.quiet_period : options_.max_interval;
    next_scan_ = now + std::max(least, (alone ? kOften : kRarely) * (now - begun));
    return {};
  }

  Result<Fd> OpenAgain() const {
    Fd fd = OpenBeneath(root_.get(), "", O_RDONLY | O_DIRECTORY);
    if (!fd.valid()) return tl::make_unexpected(FromErrno("open " + options_.source, errno));
    return fd;
  }

  // What comes and goes in such a directory changes it, and no backup.
  bool HoldsNothing(const std::string& path) const { return excludes_.Excludes(path + kAnyName); }

  const WatchOptions& options_;
  const ExcludeList& excludes_;
  const Fd root_;
  const Clock& clock_;
  const std::stop_token stop_;
  const StopSignal signal_;
  const milliseconds lag_;
  CutTimer timer_;
  TimePoint changed_since_;
  std::optional<DirectoryWatch> watch_;  // none: scans only
  bool refused_ = false;
  bool overflowed_ = false;  // since the last scan
  bool sees_all_ = false;    // what changed until the last look is known
  TimePoint known_;          // what is stamped later was not there at the last scan
  Steady::time_point next_scan_;
  std::string note_;
};

}  // namespace

Result<WatchReport> WatchVolume(const WatchOptions& options, const Clock& clock,
                                std::stop_token stop) {
  TRY(const ExcludeList excludes, ExcludeList::Parse(options.excludes));
  TRY(Fd root, OpenRoot(options.source));
  return Watcher(options, excludes, std::move(root), clock, std::move(stop)).Run();
}

}  // namespace holdfast::engine
