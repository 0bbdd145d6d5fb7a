// Restore drills: a repository shows that its backups can be restored, or says why not.
#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class DrillsTest : public EndToEnd {
 protected:
  static constexpr const char* kEveryMinute =
      R"({"spec":{"drill":{"schedule":"* * * * *","deadline":"5m"}}})";

  Json LastDrill() const {
    const Json repository = kubectl_.Get("bkr", "offsite");
    const Json* drill = Find(repository, {"status", "lastDrill"});
    return drill == nullptr ? Json::object() : *drill;
  }
  bool Drilled(const std::string& state) const {
    return WaitUntil("a drill has " + state, seconds(180),
                     [&] { return FindString(LastDrill(), {"state"}) == state; });
  }
  std::string Claims() const {
    return kubectl_.Must({"get", "pvc", "-o", "jsonpath={.items[*].metadata.name}"});
  }
  std::string Drills() const {
    return kubectl_.Must({"get", "rst", "-l", "holdfast.dev/verb=drill", "-o",
                          "jsonpath={.items[*].metadata.name}"});
  }
  bool NothingIsLeft() const {
    return WaitUntil("Restore and scratch claim are gone", seconds(60),
                     [&] { return Drills().empty() && Claims() == "data-app-0 data-app-1"; });
  }
  std::string Events(const std::string& reason) const {
    return kubectl_.Must({"get", "events", "--field-selector=reason=" + reason, "-o",
                          "jsonpath={.items[*].message}"});
  }
};

TEST_F(DrillsTest, VolumesAreRestoredInTurnAndWhatCannotBeIsTold) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(2, 2));
  ASSERT_TRUE(BackedUp("first"));
  kubectl_.Must({"patch", "bkr", "offsite", "--type=merge", "-p", kEveryMinute});

  ASSERT_TRUE(Drilled("Succeeded"));
  const Json first = LastDrill();
  EXPECT_EQ(FindString(first, {"claim"}), "data-app-0") << first;
  EXPECT_EQ(FindString(first, {"policy"}), "app") << first;
  EXPECT_GT(first.value("bytes", std::int64_t{0}), 2 << 20) << first;
  EXPECT_NE(Events("DrillPassed").find("data-app-0 of BackupPolicy app"), std::string::npos);
  ASSERT_TRUE(WaitUntil("it is the other's turn", seconds(120), [&] {
    return FindString(LastDrill(), {"claim"}) == "data-app-1" &&
           FindString(LastDrill(), {"state"}) == "Succeeded";
  }));

  // Somebody else's forget: the Backup is a record of what is no longer there.
  const Output listed = Restic({"snapshots", "--json", "--no-lock"});
  ASSERT_TRUE(listed.ok()) << listed.text;
  std::vector<std::string> forget = {"forget"};
  const Json snapshots = ParseJson(listed.text).value_or(Json::array());
  for (const Json& snapshot : snapshots) forget.push_back(FindString(snapshot, {"id"}));
  const Output forgotten = Restic(forget);
  ASSERT_TRUE(forgotten.ok()) << forgotten.text;
  ASSERT_TRUE(Drilled("Failed"));
  EXPECT_NE(Events("DrillFailed").find("could not be restored"), std::string::npos);
  kubectl_.Must({"patch", "bkr", "offsite", "--type=json", "-p",
                 R"([{"op":"remove","path":"/spec/drill"}])"});
  EXPECT_TRUE(NothingIsLeft()) << Drills() << " " << Claims();
  EXPECT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "Reachable", seconds(10)));
}

}  // namespace
}  // namespace holdfast::e2e
