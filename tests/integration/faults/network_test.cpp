// The network between operator and API server is cut, or connections die without a word.
#include <spdlog/fmt/fmt.h>

#include "tests/e2e/kubectl.h"
#include "tests/integration/faults/scene.h"

namespace holdfast::faults {
namespace {

using Timer = std::chrono::steady_clock;

// A network namespace for one operator, with a cable to the API server's bridge.
class Cable {
 public:
  explicit Cable(const ControlPlane& plane) : name_(plane.bridge() + "cut") {
    Remove();
    Ip({"netns", "add", name_});
    Ip({"link", "add", name_, "master", plane.bridge(), "up", "type", "veth", "peer", "name",
        "eth0", "netns", name_});
    Ip({"-n", name_, "address", "add", plane.FreeAddress() + "/24", "dev", "eth0"});
    Ip({"-n", name_, "link", "set", "lo", "up"});
    Ip({"-n", name_, "link", "set", "eth0", "up"});
  }
  ~Cable() { Remove(); }
  Cable(const Cable&) = delete;
  Cable& operator=(const Cable&) = delete;

  void Cut() { Ip({"link", "set", name_, "down"}); }
  void Mend() { Ip({"link", "set", name_, "up"}); }
  std::vector<std::string> Enter() const { return {"nsenter", "--net=/run/netns/" + name_}; }

 private:
  static void Ip(std::vector<std::string> words) {
    words.insert(words.begin(), "ip");
    const e2e::Output done = e2e::RunProgram(words);
    if (!done.ok()) throw std::runtime_error("ip: " + done.text);
  }
  // The cable goes with its end.
  void Remove() {
    e2e::RunProgram({"ip", "link", "delete", name_});
    e2e::RunProgram({"ip", "netns", "delete", name_});
  }

  const std::string name_;
};

class NetworkTest : public FaultTest {};

TEST_F(NetworkTest, TheLinkIsDownForAMinute) {
  MakeApp();
  Cable cable(plane());
  OperatorOptions options;
  options.prefix = cable.Enter();
  OperatorProcess& one = StartOperator(options);
  ASSERT_TRUE(Works());

  const auto cut = Timer::now();
  cable.Cut();
  MakeBackup("meanwhile");
  EXPECT_TRUE(Await(seconds(60), [&] { return one.Logged("watch backups"); }))
      << "the dead connections were not noticed while the link was down";
  ASSERT_TRUE(Await(seconds(120), [&] { return Timer::now() - cut >= seconds(60); }));
  cable.Mend();
  const auto mended = Timer::now();
  EXPECT_TRUE(BackupSucceeds("meanwhile", seconds(120)));
  RecordProperty(
      "seconds_after_the_link_was_up",
      static_cast<int>(std::chrono::duration_cast<seconds>(Timer::now() - mended).count()));
  EXPECT_TRUE(Works());
  EXPECT_TRUE(one.Running());
}

TEST_F(NetworkTest, ConnectionsAreHalfOpen) {
  MakeApp();
  FaultProxy proxy(plane());
  OperatorProcess& one = StartOperator(Through(proxy));
  ASSERT_TRUE(Works());
  const auto frozen = Timer::now();
  proxy.Freeze();
  MakeBackup("unheard-of");
  EXPECT_TRUE(BackupSucceeds("unheard-of", seconds(200)));
  RecordProperty(
      "seconds",
      static_cast<int>(std::chrono::duration_cast<seconds>(Timer::now() - frozen).count()));
  EXPECT_TRUE(one.Running());
}

}  // namespace
}  // namespace holdfast::faults
