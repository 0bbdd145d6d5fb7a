#include "controllers/mover_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/reasons.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers {
namespace {

using builders::At;
using ::testing::HasSubstr;

JobView Job() {
  JobView job;
  job.key = {"shop", "run-data-db-0"};
  return job;
}

PodView Pod(const std::string& name = "pod-1",
            const std::string& created = "2026-06-01T00:00:00Z") {
  PodView pod;
  pod.key = {"shop", name};
  pod.phase = "Pending";
  pod.created = At(created);
  return pod;
}

PodView Ended(PodView pod, int code, protocol::MoverResult result) {
  pod.phase = code == 0 ? "Succeeded" : "Failed";
  pod.exit_code = code;
  result.verb = "backup";
  result.exit = protocol::ExitCodeFromNumber(code);
  pod.termination_message = protocol::Encode(result);
  return pod;
}

TEST(MoverStateTest, NoPodYet) {
  EXPECT_EQ(StateOfMover(Job(), {}).message, "Job run-data-db-0 has made no pod yet");
}

TEST(MoverStateTest, TheSchedulersWordsAreTold) {
  PodView pod = Pod();
  pod.unscheduled_message = "0/3 nodes are available: 3 Insufficient cpu.";
  const auto state = StateOfMover(Job(), {pod});
  EXPECT_EQ(state.reason, reason::kUnschedulable);
  EXPECT_THAT(state.message, HasSubstr("3 Insufficient cpu"));
}

struct WaitingCase {
  const char* waiting;
  const char* reason;
};
class WaitingTest : public ::testing::TestWithParam<WaitingCase> {};
TEST_P(WaitingTest, HasAReason) {
  PodView pod = Pod();
  pod.waiting_reason = GetParam().waiting;
  pod.waiting_message = "secret \"s3\" not found";
  const auto state = StateOfMover(Job(), {pod});
  EXPECT_EQ(state.reason, GetParam().reason);
  EXPECT_EQ(state.message.find("secret \"s3\" not found") != std::string::npos,
            !state.reason.empty())
      << state.message;
}
INSTANTIATE_TEST_SUITE_P(
    Kubelet, WaitingTest,
    ::testing::Values(WaitingCase{"ImagePullBackOff", reason::kImageUnavailable},
                      WaitingCase{"ErrImageNeverPull", reason::kImageUnavailable},
                      WaitingCase{"InvalidImageName", reason::kImageUnavailable},
                      WaitingCase{"CreateContainerConfigError", reason::kPodMisconfigured},
                      WaitingCase{"RunContainerError", reason::kPodMisconfigured},
                      WaitingCase{"ContainerCreating", ""}));

TEST(MoverStateTest, TheNewestPodSpeaks) {
  JobView job = Job();
  job.complete = true;
  protocol::MoverResult good;
  good.snapshot = "abc";
  const auto state = StateOfMover(job, {Ended(Pod("b", "2026-06-01T00:05:00Z"), 0, good),
                                        Ended(Pod("a", "2026-06-01T00:00:00Z"), 20, {})});
  EXPECT_EQ(state.phase, MoverPhase::kSucceeded);
  EXPECT_EQ(state.result->snapshot, "abc");
  EXPECT_EQ(state.attempts, 2);
  EXPECT_EQ(state.reason, "");
}

// Kubernetes takes its time from the end of a process to that of its pod, and then to the Job's.
TEST(MoverStateTest, OneThatHasEndedRunsUntilItsPodIsOver) {
  for (const char* phase : {"Running", "Succeeded"}) {
    PodView pod = Ended(Pod(), 0, {});
    pod.phase = phase;
    const auto state = StateOfMover(Job(), {pod});
    EXPECT_EQ(state.phase, MoverPhase::kRunning) << phase;
    EXPECT_TRUE(state.ended) << phase;
    EXPECT_FALSE(state.result) << phase;
  }
  PodView pod = Ended(Pod(), 20, {});
  pod.phase = "Running";
  const auto state = StateOfMover(Job(), {pod});
  EXPECT_EQ(state.phase, MoverPhase::kRunning);
  EXPECT_FALSE(state.ended);
}

TEST(MoverStateTest, BetweenTwoAttemptsTheLastErrorIsTold) {
  protocol::MoverResult bad;
  bad.message = "the endpoint does not answer";
  const auto state = StateOfMover(Job(), {Ended(Pod(), 20, bad)});
  EXPECT_EQ(state.phase, MoverPhase::kWaiting);
  EXPECT_EQ(state.message, "attempt 1 failed, trying again: the endpoint does not answer");
  EXPECT_FALSE(state.result);
}

TEST(MoverStateTest, NoOtherAttemptIsPromisedWhereNoneComes) {
  protocol::MoverResult full;
  full.message = "the volume has 16.0 MiB";
  const int no_space = static_cast<int>(protocol::ExitCode::kNoSpace);
  const auto state = StateOfMover(Job(), {Ended(Pod(), no_space, full)});
  EXPECT_EQ(state.phase, MoverPhase::kWaiting);
  EXPECT_EQ(state.reason, "NoSpace");
  EXPECT_EQ(state.message, "the volume has 16.0 MiB");
}

TEST(MoverStateTest, OutOfMemorySaysWhatToRaise) {
  JobView job = Job();
  job.broken = true;
  PodView pod = Pod();
  pod.phase = "Failed";
  pod.exit_code = 137;
  pod.terminated_reason = "OOMKilled";
  const auto state = StateOfMover(job, {pod});
  EXPECT_EQ(state.phase, MoverPhase::kFailed);
  EXPECT_EQ(state.reason, reason::kOutOfMemory);
  EXPECT_THAT(state.message, HasSubstr("spec.mover.resources.limits.memory"));
}

TEST(MoverStateTest, TheDeadlineIsTold) {
  JobView job = Job();
  job.broken = true;
  job.reason = "DeadlineExceeded";
  EXPECT_EQ(StateOfMover(job, {}).reason, reason::kDeadlineExceeded);
}

TEST(MoverStateTest, AFailureKeepsItsResult) {
  JobView job = Job();
  job.broken = true;
  protocol::MoverResult bad;
  bad.message = "no key opens with this password";
  const auto state = StateOfMover(job, {Ended(Pod(), 12, bad)});
  EXPECT_EQ(state.reason, "WrongPassword");
  EXPECT_EQ(state.message, "no key opens with this password");
  EXPECT_TRUE(state.result);
}

TEST(MoverStateTest, APodThatVanishedSaysSo) {
  JobView job = Job();
  job.broken = true;
  job.message = "Job has reached the specified backoff limit";
  const auto state = StateOfMover(job, {});
  EXPECT_EQ(state.reason, reason::kNoResult);
  EXPECT_THAT(state.message, HasSubstr("gone and left no result"));
}

// A pod with a dump beside the mover.
PodView DumpPod(const char* waiting = "") {
  PodView pod = Pod();
  pod.running = true;
  pod.dump.emplace();
  pod.dump->waiting_reason = waiting;
  return pod;
}

protocol::MoverResult DumpFailure(const std::string& message) {
  protocol::MoverResult result;
  result.message = message;
  return result;
}

constexpr int kDumpFailed = static_cast<int>(protocol::ExitCode::kDumpFailed);

TEST(MoverStateTest, ADumpsImageThatCannotBePulledIsToldWhileTheMoverWaits) {
  PodView pod = DumpPod("ImagePullBackOff");
  pod.dump->waiting_message = "Back-off pulling image \"nope\"";
  const auto state = StateOfMover(Job(), {pod});
  EXPECT_EQ(state.phase, MoverPhase::kWaiting);
  EXPECT_EQ(state.reason, reason::kImageUnavailable);
  EXPECT_THAT(state.message, HasSubstr("the dump's image cannot be pulled"));
  EXPECT_THAT(state.message, HasSubstr("Back-off pulling image \"nope\""));
}

// The pod stays Pending, so that the Job would wait for its deadline.
TEST(MoverStateTest, AMoverThatGaveItUpHasFailed) {
  for (const auto& [waiting, why] :
       {std::pair("ErrImagePull", reason::kImageUnavailable),
        std::pair("CreateContainerConfigError", reason::kPodMisconfigured)}) {
    PodView pod =
        Ended(DumpPod(waiting), kDumpFailed, DumpFailure("the dump wrote nothing within 30s"));
    pod.phase = "Pending";
    pod.running = false;
    const auto state = StateOfMover(Job(), {pod});
    EXPECT_EQ(state.phase, MoverPhase::kFailed) << waiting;
    EXPECT_EQ(state.reason, why);
    EXPECT_THAT(state.message, HasSubstr(waiting));
    EXPECT_THAT(state.message, HasSubstr("wrote nothing within 30s"));
  }
}

TEST(MoverStateTest, AFailedDumpsLastWordsAreTold) {
  JobView job = Job();
  job.broken = true;
  PodView pod =
      Ended(DumpPod(), kDumpFailed, DumpFailure("the dump's command ended with exit code 1"));
  pod.running = false;
  pod.dump->termination_message = "pg_dump: error: connection refused";
  auto state = StateOfMover(job, {pod});
  EXPECT_EQ(state.reason, "DumpFailed");
  EXPECT_EQ(state.message,
            "the dump's command ended with exit code 1; the end of what it said: pg_dump: error: "
            "connection refused");
  pod.dump->termination_message = "first " + std::string(3000, 'x') + " last";
  state = StateOfMover(job, {pod});
  EXPECT_LT(state.message.size(), 1200u);
  EXPECT_TRUE(state.message.ends_with("x last"));
  pod.dump->termination_message.clear();
  pod.dump->terminated_reason = "OOMKilled";
  EXPECT_THAT(StateOfMover(job, {pod}).message,
              HasSubstr("raise resources.limits.memory of the dump"));
}

// What the mover itself failed of is not the dump's doing, though that ends too.
TEST(MoverStateTest, ADumpsWordsAreNotTakenForTheMovers) {
  JobView job = Job();
  job.broken = true;
  PodView pod =
      Ended(DumpPod(), static_cast<int>(protocol::ExitCode::kDenied), DumpFailure("no access"));
  pod.running = false;
  pod.dump->termination_message = "the mover does not listen any more";
  EXPECT_EQ(StateOfMover(job, {pod}).message, "no access");
}

// As the kubelet writes it: sorted by name, and with an init container.
TEST(MoverStateTest, ContainersAreToldApart) {
  Json object = {{"metadata", {{"name", "p"}, {"namespace", "shop"}}},
                 {"status",
                  {{"phase", "Pending"},
                   {"containerStatuses",
                    {{{"name", "dump"},
                      {"state", {{"waiting", {{"reason", "ErrImagePull"}, {"message", "no"}}}}}},
                     {{"name", "mover"}, {"state", {{"running", Json::object()}}}}}}}}};
  PodView pod = DecodePod(object).value();
  EXPECT_TRUE(pod.running);
  EXPECT_EQ(pod.waiting_reason, "");
  ASSERT_TRUE(pod.dump);
  EXPECT_EQ(pod.dump->waiting_reason, "ErrImagePull");
  for (Json& status : object["status"]["containerStatuses"])
    status["state"] = {{"waiting", {{"reason", "PodInitializing"}}}};
  object["status"]["initContainerStatuses"] = {
      {{"name", "install-dump"}, {"state", {{"waiting", {{"reason", "ImagePullBackOff"}}}}}}};
  pod = DecodePod(object).value();
  EXPECT_EQ(pod.waiting_reason, "ImagePullBackOff");
  EXPECT_THAT(StateOfMover(Job(), {pod}).message, HasSubstr("the mover's image cannot be pulled"));
}

}  // namespace
}  // namespace holdfast::controllers
