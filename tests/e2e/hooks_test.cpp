// Hooks around a backup on a real cluster: in which order they run, and that what was frozen is
// thawed whatever happens. The hooks write into the volume that is backed up, so that a snapshot
// tells when it was taken.
#include <sstream>

#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

// A reader so slow that a test can step in while the pods are held.
constexpr const char* kSlow = "{uploadPerSecond: 4Mi, downloadPerSecond: 4Mi}";

// One hook, a line of sh.
std::string Hook(const std::string& script, const std::string& more = "") {
  return "{command: [sh, -c, '" + script + "']" + more + "}";
}

class HooksTest : public EndToEnd {
 protected:
  void PolicyWithHooks(const std::string& pre, const std::string& post,
                       const std::string& more = "") const {
    kubectl_.Apply(
        PolicyYaml("  hooks:\n    pre: [" + pre + "]\n    post: [" + post + "]\n" + more));
  }
  // Marks each volume; `thaws` counts.
  void PolicyThatMarks() const {
    PolicyWithHooks(Hook("echo frozen > /data/state; echo I am $HOSTNAME; echo careful >&2"),
                    Hook("echo thawed > /data/state; echo x >> /data/thaws"));
  }
  void BackUp(const std::string& name) const { kubectl_.Apply(BackupYaml(name)); }

  std::string In(const std::string& pod, const std::string& file) const {
    return kubectl_.Shell(pod, "cat /data/" + file + " 2>/dev/null || true");
  }
  Json Runs(const std::string& backup) const {
    return kubectl_.Get("bk", backup)["status"]["hooks"]["runs"];
  }
  std::string Message(const std::string& backup, std::size_t volume) const {
    return FindString(kubectl_.Get("bk", backup)["status"]["volumes"][volume], {"message"});
  }
  bool AwaitHeld(const std::string& backup, const std::string& pod) const {
    return WaitUntil("a mover of " + backup + " reads while " + pod + " is held", seconds(90), [&] {
      const Json status = kubectl_.Get("bk", backup)["status"];
      for (const Json& volume : status.value("volumes", Json::array()))
        if (FindString(volume, {"state"}) == "Running") return In(pod, "state") == "frozen\n";
      return false;
    });
  }
};

TEST_F(HooksTest, RunInOrderAndTellHowTheyEnded) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(2, 1));

  PolicyThatMarks();
  BackUp("well");
  ASSERT_TRUE(WaitForPhase("bk", "well", "Succeeded", seconds(90)));
  const Json status = kubectl_.Get("bk", "well")["status"];
  for (const char* ordinal : {"0", "1"}) {
    const std::string pod = std::string("app-") + ordinal;
    const std::string snapshot = FindString(status["volumes"][std::stoul(ordinal)], {"snapshot"});
    const std::string path = "/" + kubectl_.ns() + "/data-" + pod + "/state";
    EXPECT_EQ(Restic({"--quiet", "dump", snapshot, path}).text, "frozen\n")
        << "read between pre and post";
    EXPECT_EQ(In(pod, "state"), "thawed\n");
  }
  const Json runs = Runs("well");
  ASSERT_EQ(runs.size(), 4u);
  EXPECT_EQ(FindInt(runs[0], {"exitCode"}), 0);
  EXPECT_EQ(FindString(runs[0], {"stdout"}), "I am app-0\n");
  EXPECT_EQ(FindString(runs[0], {"stderr"}), "careful\n");
  EXPECT_EQ(FindString(runs[0], {"container"}), "app");
  EXPECT_EQ(FindString(runs[1], {"stage"}), "Post");
  EXPECT_LE(FindString(runs[2], {"completionTime"}), FindString(runs[1], {"startTime"}))
      << "all pods are frozen before one is thawed";
  EXPECT_EQ(Find(kubectl_.Get("bk", "well"), {"metadata", "finalizers"}), nullptr);
  const std::string events =
      kubectl_.Must({"get", "events", "--field-selector=reason=HookSucceeded"});
  EXPECT_NE(events.find("in pod app-1 succeeded"), std::string::npos) << events;

  // One pod's pre hook fails; the other goes on.
  PolicyWithHooks(Hook("echo no room >&2; test $HOSTNAME = app-1 || exit 3"),
                  Hook("echo after > /data/post-of-bad"));
  BackUp("bad");
  ASSERT_TRUE(WaitForPhase("bk", "bad", "PartiallyFailed", seconds(90)));
  EXPECT_NE(Message("bad", 0).find("it ended with exit code 3"), std::string::npos)
      << Message("bad", 0);
  EXPECT_EQ(FindString(Runs("bad")[0], {"stderr"}), "no room\n");
  EXPECT_EQ(In("app-0", "post-of-bad"), "after\n") << "post hooks run all the same";

  // One that takes too long, and one that does not exist: both may fail.
  PolicyWithHooks(Hook("sleep 120", ", timeout: 1s, onError: Continue") +
                      ", {command: [no-such-program], onError: Continue}",
                  "{command: ['true'], container: app}");
  BackUp("slow");
  ASSERT_TRUE(WaitForPhase("bk", "slow", "Succeeded", seconds(90)));
  const Json slow = Runs("slow");
  EXPECT_EQ(Find(slow[0], {"exitCode"}), nullptr) << slow;
  EXPECT_NE(FindString(slow[0], {"message"}).find("not ended after 1s"), std::string::npos) << slow;
  EXPECT_NE(FindString(slow[1], {"message"}).find("no-such-program"), std::string::npos) << slow;
}

TEST_F(HooksTest, WhatWasFrozenIsThawedWhateverHappens) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 24, kSlow));

  PolicyThatMarks();
  BackUp("killed");
  ASSERT_TRUE(AwaitHeld("killed", "app-0"));
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  ASSERT_TRUE(WaitForPhase("bk", "killed", "Succeeded", seconds(120)));
  EXPECT_EQ(In("app-0", "state"), "thawed\n");
  EXPECT_EQ(In("app-0", "thaws"), "x\n");
  WaitForOperator();

  kubectl_.Shell("app-0",
                 "rm /data/thaws; dd if=/dev/urandom of=/data/big bs=1M count=24 2>/dev/null");
  BackUp("deleted");
  ASSERT_TRUE(AwaitHeld("deleted", "app-0"));
  kubectl_.Must({"delete", "bkp", "app"});
  kubectl_.Must({"delete", "bk", "deleted", "--wait=false"});
  ASSERT_TRUE(WaitUntil("Backup deleted is gone", seconds(60),
                        [&] { return kubectl_.Get("bk", "deleted").is_null(); }));
  EXPECT_EQ(In("app-0", "thaws"), "x\n");

  kubectl_.Shell("app-0",
                 "rm /data/thaws; dd if=/dev/urandom of=/data/big bs=1M count=24 2>/dev/null");
  PolicyWithHooks(Hook("echo frozen > /data/state"),
                  Hook("echo thawed > /data/state; echo x >> /data/thaws"), "    deadline: 3s\n");
  BackUp("late");
  ASSERT_TRUE(WaitForPhase("bk", "late", "Failed", seconds(90)));
  EXPECT_EQ(In("app-0", "thaws"), "x\n");
  EXPECT_NE(Message("late", 0).find("spec.hooks.deadline"), std::string::npos)
      << Message("late", 0);
}

// Whoever may write policies but not exec into pods does not gain that right by hooks.
TEST_F(HooksTest, AreWrittenOnlyByThoseWhoMayExec) {
  kubectl_.Must({"create", "role", "author", "--verb=get,create,patch,update",
                 "--resource=backuppolicies.holdfast.dev"});
  kubectl_.Must({"create", "rolebinding", "author", "--role=author", "--user=jane"});
  const auto apply = [&](const std::string& yaml) {
    return kubectl_.Run({"--as=jane", "apply", "-f", "-"}, yaml);
  };
  const std::string with_hooks = PolicyYaml("  hooks: {pre: [{command: [id]}]}\n");
  // The policy takes a moment to come into force after it was installed.
  ASSERT_TRUE(WaitUntil("hooks of one without pods/exec are refused", seconds(30), [&] {
    return apply(with_hooks).text.find("jane may not create pods/exec") != std::string::npos;
  }));
  const Output without = apply(PolicyYaml());
  EXPECT_TRUE(without.ok()) << without.text;

  kubectl_.Must({"create", "role", "exec", "--verb=create", "--resource=pods/exec"});
  kubectl_.Must({"create", "rolebinding", "exec", "--role=exec", "--user=jane"});
  const Output allowed = apply(with_hooks);
  EXPECT_TRUE(allowed.ok()) << allowed.text;

  kubectl_.Must({"delete", "rolebinding", "exec"});
  const Output suspended =
      apply(PolicyYaml("  suspend: true\n  hooks: {pre: [{command: [id]}]}\n"));
  EXPECT_TRUE(suspended.ok()) << "hooks that stay as they are: " << suspended.text;
  std::string elsewhere = with_hooks;
  elsewhere.replace(elsewhere.find("statefulSet: app"), 16, "statefulSet: vault");
  EXPECT_FALSE(apply(elsewhere).ok()) << "the same hooks in other pods";
}

}  // namespace
}  // namespace holdfast::e2e
