#include "operator/kube/exec.h"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/exec_server.h"

namespace holdfast::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using ::testing::HasSubstr;

constexpr unsigned char kStdout = 1;
constexpr unsigned char kStderr = 2;
constexpr unsigned char kStatus = 3;
constexpr unsigned char kClosed = 255;

constexpr const char* kSuccess = R"({"metadata":{},"status":"Success"})";
constexpr const char* kExit42 =
    R"({"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code",)"
    R"("reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"42"}]}})";
constexpr const char* kNoSuchProgram =
    R"({"metadata":{},"status":"Failure","message":"exec: \"nope\": executable file not found",)"
    R"("reason":"InternalError","details":{"causes":[{"message":"exec"}]},"code":500})";

ExecRequest Command(std::vector<std::string> command) {
  ExecRequest request;
  request.pod = {"shop", "db-0"};
  request.container = "postgres";
  request.command = std::move(command);
  request.timeout = minutes(1);
  return request;
}

// What one execution gave.
struct Ended {
  Result<int> code = 0;
  std::string out;
  std::string err;
};

Ended Execute(const ClientConfig& config, const ExecRequest& request, std::stop_token stop = {}) {
  Ended ended;
  const auto executor = MakeExecutor([&] { return Result<ClientConfig>(config); });
  const auto into = [](std::string& text) {
    return [&text](std::string_view bytes) -> Result<void> {
      text += bytes;
      return {};
    };
  };
  ended.code = executor->Run(request, into(ended.out), into(ended.err), stop);
  return ended;
}

Code CodeOf(const Ended& ended) { return ended.code ? Code::kCorrupt : ended.code.error().code; }

TEST(ExecTest, DeliversBothStreamsAndTheExitCode) {
  const ExecServer server([](ExecPeer& peer) {
    for (const unsigned char channel : {kStdout, kStderr, kStatus}) peer.Send(channel, "");
    peer.SendEmpty();
    peer.Send(kStdout, "one ");
    peer.Send(kStderr, "careful");
    peer.Send(kStdout, "two");
    peer.Send(kClosed, "\x01");
    peer.Send(kStatus, kExit42);
    peer.Close();
  });
  const Ended ended = Execute(server.config(), Command({"sh", "-c", "echo 'a&b' > /tmp/x"}));
  EXPECT_EQ(ended.code, 42) << (ended.code ? "" : ended.code.error().message);
  EXPECT_EQ(ended.out, "one two");
  EXPECT_EQ(ended.err, "careful");
  ASSERT_EQ(server.seen().size(), 1u);
  EXPECT_EQ(server.seen()[0].target,
            "/api/v1/namespaces/shop/pods/db-0/exec?stdout=true&stderr=true&container=postgres"
            "&command=sh&command=-c&command=echo%20%27a%26b%27%20%3E%20%2Ftmp%2Fx");
  EXPECT_EQ(server.seen()[0].authorization, "Bearer secret");
  EXPECT_EQ(server.seen()[0].protocols, "v5.channel.k8s.io, v4.channel.k8s.io");
}

TEST(ExecTest, PutsSplitFramesTogether) {
  const ExecServer server([](ExecPeer& peer) {
    peer.SendInPieces(kStdout, "in pieces");
    peer.SendInPieces(kStatus, kSuccess);
    peer.Close();
  });
  const Ended ended = Execute(server.config(), Command({"true"}));
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.out, "in pieces");
}

TEST(ExecTest, AStatusInSeveralMessagesIsOne) {
  const ExecServer server([](ExecPeer& peer) {
    const std::string_view status = kExit42;
    peer.Send(kStatus, status.substr(0, 20));
    peer.Send(kStatus, status.substr(20));
    peer.Close();
  });
  EXPECT_EQ(Execute(server.config(), Command({"false"})).code, 42);
}

TEST(ExecTest, SpeaksTheOlderProtocolToo) {
  const ExecServer server(
      [](ExecPeer& peer) {
        peer.Send(kStatus, kSuccess);
        peer.Close();
      },
      "v4.channel.k8s.io");
  EXPECT_EQ(Execute(server.config(), Command({"true"})).code, 0);
}

TEST(ExecTest, RefusesAProtocolWithoutAnExitCode) {
  const ExecServer server([](ExecPeer& peer) { peer.AwaitHangUp(); }, "channel.k8s.io");
  EXPECT_EQ(CodeOf(Execute(server.config(), Command({"true"}))), Code::kInvalid);
}

TEST(ExecTest, AfterTheStatusTheConnectionMayBreak) {
  const ExecServer server([](ExecPeer& peer) {
    peer.Send(kStatus, kSuccess);
    peer.HangUp();
  });
  EXPECT_EQ(Execute(server.config(), Command({"true"})).code, 0);
}

TEST(ExecTest, WithoutAStatusTheEndIsUnknown) {
  const ExecServer closing([](ExecPeer& peer) {
    peer.Send(kStdout, "half");
    peer.Close();
  });
  const ExecServer breaking([](ExecPeer& peer) {
    peer.Send(kStdout, "half");
    peer.HangUp();
  });
  for (const ExecServer* server : {&closing, &breaking}) {
    const Ended ended = Execute(server->config(), Command({"dump"}));
    EXPECT_EQ(CodeOf(ended), Code::kUnavailable);
    EXPECT_EQ(ended.out, "half");
  }
}

TEST(ExecTest, SaysWhyACommandCouldNotStart) {
  const ExecServer server([](ExecPeer& peer) {
    peer.Send(kStatus, kNoSuchProgram);
    peer.Close();
  });
  const Ended ended = Execute(server.config(), Command({"nope"}));
  ASSERT_EQ(CodeOf(ended), Code::kInternal);
  EXPECT_EQ(ended.code.error().message,
            "exec in shop/db-0: exec: \"nope\": executable file not found");
}

TEST(ExecTest, ARefusalIsTheApiServersOwn) {
  const ExecServer forbidden(ExecServer::Refusal{
      403, R"({"kind":"Status","status":"Failure","code":403,"message":"may not exec"})"});
  EXPECT_EQ(CodeOf(Execute(forbidden.config(), Command({"true"}))), Code::kDenied);
  const ExecServer missing(ExecServer::Refusal{
      404,
      R"({"kind":"Status","status":"Failure","code":404,"message":"pods \"db-0\" not found"})"});
  const Ended ended = Execute(missing.config(), Command({"true"}));
  ASSERT_EQ(CodeOf(ended), Code::kNotFound);
  EXPECT_THAT(ended.code.error().message, HasSubstr("pods \"db-0\" not found"));
}

TEST(ExecTest, TrustsOnlyItsCa) {
  const ExecServer server([](ExecPeer& peer) { peer.Close(); });
  const ExecServer other([](ExecPeer& peer) { peer.Close(); });
  ClientConfig config = server.config();
  config.ca_pem = other.config().ca_pem;
  EXPECT_EQ(CodeOf(Execute(config, Command({"true"}))), Code::kUnavailable);
  EXPECT_TRUE(server.seen().empty()) << "the token was sent to a stranger";
}

TEST(ExecTest, ChecksTheServersName) {
  const ExecServer server([](ExecPeer& peer) { peer.Close(); });
  ClientConfig config = server.config();
  config.server.replace(config.server.find("127.0.0.1"), 9, "localhost");
  EXPECT_EQ(CodeOf(Execute(config, Command({"true"}))), Code::kUnavailable);
  EXPECT_TRUE(server.seen().empty()) << "the token was sent to a stranger";
}

TEST(ExecTest, GivesUpWhenItTakesTooLong) {
  const ExecServer server([](ExecPeer& peer) {
    peer.Send(kStdout, "still here");
    peer.AwaitHangUp();
  });
  ExecRequest request = Command({"sleep", "infinity"});
  request.timeout = milliseconds(300);
  EXPECT_EQ(CodeOf(Execute(server.config(), request)), Code::kTimeout);
}

TEST(ExecTest, StopsWhenToldTo) {
  std::stop_source stop;
  const ExecServer server([&stop](ExecPeer& peer) {
    stop.request_stop();
    peer.AwaitHangUp();
  });
  EXPECT_EQ(CodeOf(Execute(server.config(), Command({"sleep", "infinity"}), stop.get_token())),
            Code::kCancelled);
  EXPECT_EQ(CodeOf(Execute(server.config(), Command({"true"}), stop.get_token())), Code::kCancelled)
      << "stopped before it began";
}

TEST(ExecTest, ASinksErrorEndsTheExecution) {
  const ExecServer server([](ExecPeer& peer) {
    peer.Send(kStdout, "more than fits");
    peer.AwaitHangUp();
  });
  const auto executor = MakeExecutor([&] { return Result<ClientConfig>(server.config()); });
  const auto ended = executor->Run(
      Command({"dump"}), [](std::string_view) { return Fail(Code::kNoSpace, "full"); },
      [](std::string_view) { return Result<void>(); }, {});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::kNoSpace);
}

// What a slow reader has not taken waits in the kernel's buffers and at the sender, not here.
TEST(ExecTest, StreamsMoreThanItHolds) {
  constexpr int kPieces = 2000;
  const ExecServer server([](ExecPeer& peer) {
    const std::string piece(32 * 1024, 'x');
    for (int i = 0; i < kPieces; ++i) peer.Send(kStdout, piece);
    peer.Send(kStatus, kSuccess);
    peer.Close();
  });
  const auto executor = MakeExecutor([&] { return Result<ClientConfig>(server.config()); });
  std::size_t bytes = 0;
  std::size_t largest = 0;
  const auto ended = executor->Run(
      Command({"dump"}),
      [&](std::string_view piece) -> Result<void> {
        bytes += piece.size();
        largest = std::max(largest, piece.size());
        return {};
      },
      [](std::string_view) { return Result<void>(); }, {});
  EXPECT_EQ(ended, 0);
  EXPECT_EQ(bytes, kPieces * 32u * 1024u);
  EXPECT_EQ(largest, 32u * 1024u);
}

TEST(ExecTest, NothingListens) {
  ClientConfig config;
  {
    const ExecServer server([](ExecPeer&) {});
    config = server.config();
  }
  EXPECT_EQ(CodeOf(Execute(config, Command({"true"}))), Code::kUnavailable);
}

TEST(ExitCodeFromTest, ReadsEveryKindOfStatus) {
  EXPECT_EQ(ExitCodeFrom(kSuccess), 0);
  EXPECT_EQ(ExitCodeFrom(kExit42), 42);
  for (const char* text :
       {"", "{}", "nonsense", kNoSuchProgram, R"({"status":"Failure","reason":"NonZeroExitCode"})",
        R"({"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[
              {"reason":"ExitCode","message":"4x"}]}})",
        R"({"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[
              {"reason":"ExitCode","message":"0"}]}})"})
    EXPECT_FALSE(ExitCodeFrom(text)) << text;
}

TEST(ExecTest, ReadsTheServersAddress) {
  ExecServer server([](ExecPeer& peer) {
    peer.Send(kStatus, kSuccess);
    peer.Close();
  });
  ClientConfig config = server.config();
  config.server += "/k8s/clusters/c-1/";
  EXPECT_EQ(Execute(config, Command({"true"})).code, 0);
  EXPECT_THAT(server.seen()[0].target, ::testing::StartsWith("/k8s/clusters/c-1/api/v1/"));
  for (const char* bad : {"http://10.0.0.1", "https://", "https://host:"}) {
    config.server = bad;
    EXPECT_EQ(CodeOf(Execute(config, Command({"true"}))), Code::kInvalid) << bad;
  }
}

// Certificates and tokens renew while the process runs.
TEST(ExecTest, AsksForTheConfigurationEachTime) {
  const ExecServer server([](ExecPeer& peer) {
    peer.Send(kStatus, kSuccess);
    peer.Close();
  });
  ClientConfig config = server.config();
  const auto executor = MakeExecutor([&] { return Result<ClientConfig>(config); });
  const auto run = [&] {
    const ExecSink sink = [](std::string_view) { return Result<void>(); };
    return executor->Run(Command({"true"}), sink, sink, {});
  };
  EXPECT_EQ(run(), 0);
  config.token = "renewed";
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(server.seen()[1].authorization, "Bearer renewed");
}

}  // namespace
}  // namespace holdfast::kube
