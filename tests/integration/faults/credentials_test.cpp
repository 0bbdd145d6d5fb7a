// Tokens, client certificates, CA bundles and serving certificates expire and are renewed on disk;
// the operator takes them up without a restart.
#include <signal.h>

#include "tests/e2e/kubectl.h"
#include "tests/integration/faults/authority.h"
#include "tests/integration/faults/scene.h"

namespace holdfast::faults {
namespace {

class CredentialsTest : public FaultTest {
 protected:
  void SetUp() override {
    FaultTest::SetUp();
    if (HasFatalFailure()) return;
    MakeApp();
    ca_ = folder() / "ca.crt";
    ReplaceFile(ca_, ReadFile(plane().pki() / "ca.crt"));
  }

  OperatorProcess& StartWith(const std::string& server, const std::string& user) {
    OperatorOptions options;
    options.kubeconfig = WriteKubeconfig(folder(), "own", server, ca_, user);
    return StartOperator(options);
  }

  // --- Tokens that end with the Secret they are bound to ---

  void MakeAccount() const {
    Admin({"create", "serviceaccount", "operator"});
    Admin({"create", "rolebinding", "operator", "--clusterrole=cluster-admin",
           "--serviceaccount=" + ns() + ":operator"});
  }
  std::string TokenBoundTo(const std::string& secret) const {
    Admin({"create", "secret", "generic", secret});
    std::string token = Admin({"create", "token", "operator", "--bound-object-kind=Secret",
                               "--bound-object-name=" + secret});
    token.erase(token.find_last_not_of('\n') + 1);
    return token;
  }
  // Until the API server itself refuses the token.
  bool Revoke(const std::string& secret, const std::string& token) const {
    Admin({"delete", "secret", secret});
    const std::string file =
        WriteKubeconfig(folder(), "revoked", plane().server(), ca_, "{token: " + token + "}");
    return Await(seconds(60), [&] {
      return e2e::RunProgram({"kubectl", "--kubeconfig=" + file, "get", "pods", "-n", ns()})
                 .text.find("Unauthorized") != std::string::npos;
    });
  }
  std::string Admin(std::vector<std::string> words) const {
    words.insert(words.begin(), {"--namespace", ns()});
    return AdminKubectl(plane(), words);
  }

  std::filesystem::path ca_;
};

TEST_F(CredentialsTest, ATokenRotates) {
  MakeAccount();
  const std::filesystem::path file = folder() / "token";
  const std::string first = TokenBoundTo("one");
  ReplaceFile(file, first);
  OperatorProcess& one = StartWith(plane().server(), "{tokenFile: " + file.string() + "}");
  ASSERT_TRUE(Works());

  ReplaceFile(file, TokenBoundTo("two"));
  ASSERT_TRUE(Revoke("one", first));
  EXPECT_TRUE(Works()) << "it reads the file again";
  EXPECT_FALSE(one.Logged("Unauthorized"));
  EXPECT_TRUE(one.Running());
}

TEST_F(CredentialsTest, ATokenEndsBeforeTheNextIsThere) {
  MakeAccount();
  const std::filesystem::path file = folder() / "token";
  const std::string first = TokenBoundTo("one");
  ReplaceFile(file, first);
  OperatorProcess& one = StartWith(plane().server(), "{tokenFile: " + file.string() + "}");
  ASSERT_TRUE(Works());

  ASSERT_TRUE(Revoke("one", first));
  MakeBackup("late");
  ASSERT_TRUE(Await(seconds(60), [&] { return one.Logged("Unauthorized"); }));
  ReplaceFile(file, TokenBoundTo("two"));
  EXPECT_TRUE(BackupSucceeds("late"));
  EXPECT_TRUE(one.Running());
}

TEST_F(CredentialsTest, AClientCertificateExpiresAndIsRenewed) {
  const Authority authority(plane().pki());
  CertificateRequest request;
  request.common_name = "operator";
  request.organization = "system:masters";
  const auto write = [&](const Certificate& certificate) {
    ReplaceFile(folder() / "client.crt", certificate.cert_pem);
    ReplaceFile(folder() / "client.key", certificate.key_pem);
  };
  request.ends = seconds(6);
  write(authority.Issue(request));
  OperatorProcess& one =
      StartWith(plane().server(), "{client-certificate: client.crt, client-key: client.key}");
  ASSERT_TRUE(Await(seconds(30), [&] { return one.Logged("reconciling"); }));
  ASSERT_TRUE(Await(seconds(60), [&] {
    MakeBackup("asks");  // something to ask the API server about
    (void)plane().api().Delete(kBackups, {ns(), "asks"}, {}, {});
    return one.Logged("Unauthorized");
  })) << "the certificate never expired";
  request.ends = seconds(3600);
  write(authority.Issue(request));
  EXPECT_TRUE(Works(seconds(120)));
  EXPECT_TRUE(one.Logged("loaded anew"));
  EXPECT_TRUE(one.Running());
}

TEST_F(CredentialsTest, ACaBundleIsReplaced) {
  FaultProxy proxy(plane());
  OperatorProcess& one = StartWith(proxy.server(), "{token: none}");
  ASSERT_TRUE(Works());

  const Authority next;
  CertificateRequest request;
  request.addresses = {"127.0.0.1"};
  proxy.Show(next.Issue(request));
  proxy.CutAll();
  MakeBackup("unseen");
  ASSERT_TRUE(Await(seconds(60), [&] { return one.Logged("SSL handshake"); })) << "trusts anybody";
  EXPECT_EQ(Phase(kBackups, "unseen"), "");
  ReplaceFile(ca_, ReadFile(plane().pki() / "ca.crt") + next.cert_pem());
  EXPECT_TRUE(BackupSucceeds("unseen"));
  EXPECT_TRUE(one.Running());
}

TEST_F(CredentialsTest, AServingCertificateExpiresAndIsRenewed) {
  FaultProxy proxy(plane());
  OperatorProcess& one = StartWith(proxy.server(), "{token: none}");
  ASSERT_TRUE(Works());

  const Authority authority(plane().pki());
  CertificateRequest request;
  request.addresses = {"127.0.0.1"};
  request.begins = seconds(-3600);
  request.ends = seconds(-60);
  proxy.Show(authority.Issue(request));
  proxy.CutAll();
  MakeBackup("unseen");
  ASSERT_TRUE(Await(seconds(60), [&] { return one.Logged("SSL handshake"); }));
  EXPECT_EQ(Phase(kBackups, "unseen"), "");
  request.ends = seconds(3600);
  proxy.Show(authority.Issue(request));
  EXPECT_TRUE(BackupSucceeds("unseen"));
  EXPECT_TRUE(one.Running());
}

// The API server itself takes up the files that its flags name.
TEST_F(CredentialsTest, TheApiServersOwnCertificateIsRenewed) {
  OperatorProcess& one = StartOperator();
  ASSERT_TRUE(Works());
  CertificateRequest request;
  request.common_name = "renewed";
  request.addresses = {plane().server().substr(8, plane().server().rfind(':') - 8)};
  const Certificate renewed = Authority(plane().pki()).Issue(request);
  ReplaceFile(plane().pki() / "apiserver.crt", renewed.cert_pem);
  ReplaceFile(plane().pki() / "apiserver.key", renewed.key_pem);
  plane().Stop("apiserver");
  plane().Start("apiserver");
  EXPECT_TRUE(Works());
  EXPECT_TRUE(one.Running());
}

}  // namespace
}  // namespace holdfast::faults
