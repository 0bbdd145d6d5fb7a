#include <set>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tests/integration/kube/cluster.h"

namespace holdfast::kube {
namespace {

using ::testing::HasSubstr;
using ApiServerTest = ClusterTest;

TEST_F(ApiServerTest, ListsPageByPage) {
  for (int i = 0; i < 7; ++i) Make("page-" + std::to_string(i), "x");
  ListOptions options;
  options.ns = ns_;
  options.page_size = 3;
  std::set<std::string> names;
  const auto version = api_->List(kConfigMaps, options,
                                  [&](const Json& object) -> Result<void> {
                                    names.insert(object["metadata"]["name"]);
                                    return {};
                                  },
                                  {});
  ASSERT_TRUE(version) << version.error().message;
  EXPECT_FALSE(version->empty());
  EXPECT_GE(names.size(), 7u);  // the namespace's own kube-root-ca.crt may be there
}

TEST_F(ApiServerTest, ATakenNameAndAMissingOne) {
  Make("a", "1");
  EXPECT_EQ(api_->Create(kConfigMaps, ns_, {{"metadata", {{"name", "a"}}}}, {}).error().code,
            Code::kAlreadyExists);
  const auto missing = api_->Get(kConfigMaps, Key("b"), {});
  EXPECT_TRUE(IsAbsent(missing.error()));
  EXPECT_THAT(missing.error().message, HasSubstr("get configmaps " + ns_ + "/b: "));
}

TEST_F(ApiServerTest, AppliedFieldsLeaveOthersAlone) {
  const Json patch = {{"data", {{"theirs", "kept"}}}};
  Make("a", "1");
  ASSERT_TRUE(api_->MergePatch(kConfigMaps, Key("a"), patch, {}));
  const Json ours = {{"apiVersion", "v1"},
                     {"kind", "ConfigMap"},
                     {"metadata", {{"name", "a"}, {"namespace", ns_}}},
                     {"data", {{"ours", "1"}}}};
  const auto applied = api_->Apply(kConfigMaps, Key("a"), ours, {});
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ((*applied)["data"], (Json{{"key", "1"}, {"theirs", "kept"}, {"ours", "1"}}));
}

Json Job(const std::string& name, const std::string& ns) {
  return Json::parse(R"({"apiVersion": "batch/v1", "kind": "Job", "spec": {"suspend": true,
    "template": {"spec": {"restartPolicy": "Never",
                          "containers": [{"name": "c", "image": "localhost/none"}]}}}})")
      .patch(Json::array({{{"op", "add"},
                           {"path", "/metadata"},
                           {"value", {{"name", name}, {"namespace", ns}}}}}));
}

TEST_F(ApiServerTest, StatusIsAppliedWithoutTouchingTheController) {
  ASSERT_TRUE(api_->Create(kJobs, ns_, Job("j", ns_), {}));
  const Json status = {
      {"conditions",
       Json::array(
           {{{"type", "HoldfastSaw"}, {"status", "True"}, {"reason", "Test"}, {"message", ""}}})}};
  const auto applied = api_->ApplyStatus(kJobs, Key("j"), status, {});
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_THAT(DumpJson((*applied)["status"]), HasSubstr("HoldfastSaw"));
  EXPECT_EQ((*applied)["spec"]["suspend"], true);
}

TEST_F(ApiServerTest, AWriteToAnOldVersionConflicts) {
  const Json old = Make("a", "1");
  ASSERT_TRUE(api_->MergePatch(kConfigMaps, Key("a"), {{"data", {{"key", "2"}}}}, {}));
  const Json patch = {{"metadata", {{"resourceVersion", old["metadata"]["resourceVersion"]}}},
                      {"data", {{"key", "3"}}}};
  EXPECT_EQ(api_->MergePatch(kConfigMaps, Key("a"), patch, {}).error().code, Code::kConflict);
}

TEST_F(ApiServerTest, OnlyTheObjectOfThatUidIsDeleted) {
  const Json made = Make("a", "1");
  EXPECT_EQ(api_->Delete(kConfigMaps, Key("a"), {"another-uid", "Background"}, {}).error().code,
            Code::kConflict);
  EXPECT_TRUE(api_->Get(kConfigMaps, Key("a"), {}));
  const std::string uid = FindString(made, {"metadata", "uid"});
  EXPECT_TRUE(api_->Delete(kConfigMaps, Key("a"), {uid, "Background"}, {}));
  EXPECT_TRUE(IsAbsent(api_->Get(kConfigMaps, Key("a"), {}).error()));
}

TEST_F(ApiServerTest, ALogOfARealPod) {
  ListOptions dns;
  dns.ns = "kube-system";
  ObjectKey pod;
  const auto listed = api_->List(kPods, dns,
                                 [&](const Json& object) -> Result<void> {
                                   if (FindString(object, {"status", "phase"}) == "Running")
                                     pod = {dns.ns, FindString(object, {"metadata", "name"})};
                                   return {};
                                 },
                                 {});
  ASSERT_TRUE(listed);
  ASSERT_FALSE(pod.name.empty()) << "the test cluster runs a pod in kube-system";
  const auto log = api_->PodLog(pod, {}, {});
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_LE(log->size(), 16384u);
  EXPECT_TRUE(IsAbsent(api_->PodLog(Key("none"), {}, {}).error()));
}

TEST_F(ApiServerTest, AStopEndsASilentWatchPromptly) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const auto begin = std::chrono::steady_clock::now();
  const auto end = api_->Watch(
      kConfigMaps, {ns_, "", "", 500, ""}, "0", std::chrono::seconds(300),
      [](std::string_view) -> Result<void> { return {}; }, stop.get_token());
  EXPECT_EQ(end.error().code, Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

// A resource that was defined a moment ago, so that its history begins late: that of a built-in one
// reaches back to the first version in a cluster that is only seconds old.
class NewResource {
 public:
  NewResource(const Api& api, const std::string& ns)
      : api_(api), resource_{"x" + ns + ".example", "v1", "things", "Thing"} {
    const Json schema = {{"openAPIV3Schema", {{"type", "object"}}}};
    const Json version = {{"name", "v1"}, {"served", true}, {"storage", true}, {"schema", schema}};
    const Json names = {{"plural", "things"}, {"singular", "thing"}, {"kind", "Thing"}};
    const Json definition = {{"metadata", {{"name", Name()}}},
                             {"spec",
                              {{"group", resource_.group},
                               {"scope", "Namespaced"},
                               {"names", names},
                               {"versions", Json::array({version})}}}};
    const auto created = api_.Create(kDefinitions, "", definition, {});
    EXPECT_TRUE(created) << created.error().message;
  }
  ~NewResource() {
    const auto removed = api_.Delete(kDefinitions, {"", Name()}, {}, {});
    EXPECT_TRUE(removed) << removed.error().message;
  }
  NewResource(const NewResource&) = delete;
  NewResource& operator=(const NewResource&) = delete;

  const Resource& Served() const {
    const auto list = [this] {
      return api_.List(resource_, {}, [](const Json&) -> Result<void> { return {}; }, {});
    };
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!list() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    return resource_;
  }

 private:
  std::string Name() const { return "things." + resource_.group; }

  inline static const Resource kDefinitions = {
      "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition"};
  const Api& api_;
  const Resource resource_;
};

TEST_F(ApiServerTest, AVersionFromBeforeAllHistoryIsGone) {
  const NewResource things(*api_, ns_);
  const auto end = api_->Watch(
      things.Served(), {ns_, "", "", 500, ""}, "1", std::chrono::seconds(300),
      [](std::string_view line) -> Result<void> {
        const auto event = ParseJson(line);
        return Fail(FindInt(*event, {"object", "code"}) == 410 ? Code::kGone : Code::kInternal,
                    std::string(line));
      },
      {});
  EXPECT_EQ(end.error().code, Code::kGone) << end.error().message;
}

std::string Contents(BIO* text) {
  char* bytes = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(text, &bytes));
  return {bytes, size};
}

// A key and a certificate that signs itself: nobody the cluster knows.
void GiveForeignIdentity(ClientConfig& config) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "O", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("system:masters"), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  X509_sign(certificate, key, EVP_sha256());
  BIO* text = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(text, certificate);
  config.client_cert_pem = Contents(text);
  BIO_reset(text);
  PEM_write_bio_PrivateKey(text, key, nullptr, nullptr, 0, nullptr, nullptr);
  config.client_key_pem = Contents(text);
  BIO_free(text);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

TEST_F(ApiServerTest, AForeignClientCertificateIsDenied) {
  ClientConfig foreign = config_;
  GiveForeignIdentity(foreign);
  const auto transport = MakeTransport(foreign);
  ASSERT_TRUE(transport) << transport.error().message;
  EXPECT_EQ(Api(**transport).Get(kNamespaces, {"", ns_}, {}).error().code, Code::kDenied);
}

TEST_F(ApiServerTest, AWrongCaIsRefused) {
  ClientConfig wrong = config_;
  wrong.ca_pem =
      config_.client_cert_pem;  // a certificate, but not the one that signed the server's
  const auto transport = MakeTransport(wrong);
  ASSERT_TRUE(transport);
  EXPECT_EQ(Api(**transport).Get(kNamespaces, {"", ns_}, {}).error().code, Code::kUnavailable);
}

TEST_F(ApiServerTest, TheSystemsCasDoNotSpeakForTheCluster) {
  ClientConfig wrong = config_;
  wrong.ca_pem.clear();
  const auto transport = MakeTransport(wrong);
  ASSERT_TRUE(transport);
  EXPECT_FALSE(Api(**transport).Get(kNamespaces, {"", ns_}, {}));
}

TEST_F(ApiServerTest, WithoutOurCertificateNothingIsAllowed) {
  ClientConfig nobody = config_;
  nobody.client_cert_pem.clear();
  nobody.client_key_pem.clear();
  nobody.token = "wrong";
  const auto transport = MakeTransport(nobody);
  ASSERT_TRUE(transport);
  EXPECT_EQ(Api(**transport).Get(kNamespaces, {"", ns_}, {}).error().code, Code::kDenied);
}

}  // namespace
}  // namespace holdfast::kube
