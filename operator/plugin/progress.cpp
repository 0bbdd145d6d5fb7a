#include "operator/plugin/progress.h"

#include <spdlog/fmt/fmt.h>

#include "base/quantity.h"
#include "operator/plugin/time_words.h"

namespace holdfast::plugin {
namespace {

using crds::RunState;

std::string Took(std::optional<TimePoint> from, std::optional<TimePoint> to, TimePoint now) {
  if (!from) return "";
  return HumanDuration(std::chrono::duration_cast<std::chrono::seconds>(to.value_or(now) - *from));
}

std::string StepLine(const crds::RestoreStep& step, TimePoint now) {
  return fmt::format("{:<14} {:<10} {:>7}  {}", step.name, crds::NameOf(step.state),
                     Took(step.start_time, step.completion_time, now), step.message);
}

template <typename Volume>
std::string VolumeLine(const Volume& volume) {
  const auto percent = PercentOf(volume.progress);
  std::string text = fmt::format("  {:<28} ", volume.claim);
  if (volume.state == RunState::kSucceeded)
    text += ProgressBar(100) + "  " + HumanBytes(static_cast<std::uint64_t>(volume.bytes));
  else if (volume.state == RunState::kRunning)
    text += ProgressBar(percent.value_or(0));
  else
    text += fmt::format("{:<30}", crds::NameOf(volume.state));
  return volume.message.empty() ? text : text + "  " + volume.message;
}

template <typename Status>
std::string SumLine(const Status& status) {
  std::string text = status.progress;
  if (!status.throughput.empty()) text += (text.empty() ? "" : ", ") + status.throughput;
  if (!status.eta.empty()) text += (text.empty() ? "" : ", ") + ("still " + status.eta);
  return text;
}

std::string MessageOf(const crds::Conditions& conditions) {
  const crds::Condition* ready = crds::FindCondition(conditions, crds::kReady);
  return ready == nullptr ? "" : ready->message;
}

std::string SeeAgain(const std::string& ns, const char* kind, const std::string& name) {
  return fmt::format("See it again with: kubectl holdfast status -n {} {}/{} --wait", ns, kind,
                     name);
}

bool IsOver(const crds::Restore& restore) {
  return restore.status.phase == crds::RestorePhase::kSucceeded ||
         restore.status.phase == crds::RestorePhase::kFailed ||
         crds::IsTrue(restore.status.conditions, crds::kStalled);
}
bool Succeeded(const crds::Restore& restore) {
  return restore.status.phase == crds::RestorePhase::kSucceeded;
}
bool IsOver(const crds::Backup& backup) {
  return backup.status.phase != crds::BackupPhase::kPending &&
         backup.status.phase != crds::BackupPhase::kRunning;
}
bool Succeeded(const crds::Backup& backup) {
  return backup.status.phase == crds::BackupPhase::kSucceeded;
}

template <typename Kind>
Result<Json> Follow(const Session& session, const std::string& name, const char* kind) {
  Json last;
  Milestones milestones;
  bool succeeded = false;
  std::string message;
  const auto look = [&](const Json& object) -> Result<bool> {
    TRY(const Kind now, crds::Decode<Kind>(object));
    last = object;
    message = MessageOf(now.status.conditions);
    succeeded = Succeeded(now);
    if (session.screen.settings().live)
      session.screen.Live(Lines(now, session.clock.Now()));
    else
      for (const std::string& line : milestones.Next(now)) session.screen.Note(line);
    return IsOver(now);
  };
  const kube::Resource& resource = controllers::ResourceOf<Kind>();
  const auto done = AwaitObject(session, resource, name, look);
  session.screen.KeepLive();
  if (!done && done.error().code == Code::kCancelled)
    session.screen.Note(resource.kind + " " + name + " goes on. " +
                        SeeAgain(session.ns, kind, name));
  TRY_VOID(done);
  if (succeeded) return last;
  return Fail(Code::kInternal,
              fmt::format("{} {} did not succeed: {}", resource.kind, name, message));
}

}  // namespace

std::vector<std::string> Lines(const crds::Restore& restore, TimePoint now) {
  std::vector<std::string> lines;
  for (const crds::RestoreStep& step : restore.status.steps) {
    lines.push_back(StepLine(step, now));
    if (step.name != "Restore") continue;
    for (const crds::VolumeRestore& volume : restore.status.volumes)
      lines.push_back(VolumeLine(volume));
    if (step.state == RunState::kRunning)
      if (const std::string sum = SumLine(restore.status); !sum.empty())
        lines.push_back("  " + sum);
  }
  if (const std::string message = MessageOf(restore.status.conditions); !message.empty())
    lines.push_back(message);
  return lines;
}

std::vector<std::string> Lines(const crds::Backup& backup, TimePoint) {
  std::vector<std::string> lines;
  for (const crds::VolumeBackup& volume : backup.status.volumes)
    lines.push_back(VolumeLine(volume));
  if (const std::string sum = SumLine(backup.status); !sum.empty()) lines.push_back("  " + sum);
  if (const std::string message = MessageOf(backup.status.conditions); !message.empty())
    lines.push_back(message);
  return lines;
}

void Milestones::Say(const std::string& line, std::vector<std::string>& lines) {
  if (!line.empty() && said_.insert(line).second) lines.push_back(line);
}

std::vector<std::string> Milestones::Next(const crds::Restore& restore) {
  std::vector<std::string> lines;
  for (const crds::RestoreStep& step : restore.status.steps) {
    const std::string what = step.message.empty() ? "" : ": " + step.message;
    if (step.state == RunState::kRunning)
      Say(step.name + what, lines);
    else if (step.state != RunState::kPending)
      Say(fmt::format("{} {}{}", step.name, crds::NameOf(step.state),
                      step.completion_time
                          ? " after " + Took(step.start_time, step.completion_time, TimePoint{})
                          : what),
          lines);
    if (step.name != "Restore") continue;
    for (const crds::VolumeRestore& volume : restore.status.volumes)
      if (volume.state != RunState::kPending)
        Say(fmt::format("  {} {}{}", volume.claim, crds::NameOf(volume.state),
                        volume.message.empty() ? "" : ": " + volume.message),
            lines);
  }
  Say(MessageOf(restore.status.conditions), lines);
  return lines;
}

std::vector<std::string> Milestones::Next(const crds::Backup& backup) {
  std::vector<std::string> lines;
  for (const crds::VolumeBackup& volume : backup.status.volumes)
    if (volume.state != RunState::kPending)
      Say(fmt::format("{} {}{}", volume.claim, crds::NameOf(volume.state),
                      volume.message.empty() ? "" : ": " + volume.message),
          lines);
  Say(MessageOf(backup.status.conditions), lines);
  return lines;
}

Result<Json> FollowRestore(const Session& session, const std::string& name) {
  return Follow<crds::Restore>(session, name, "rst");
}

Result<Json> FollowBackup(const Session& session, const std::string& name) {
  return Follow<crds::Backup>(session, name, "bk");
}

}  // namespace holdfast::plugin
