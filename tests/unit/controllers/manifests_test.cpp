// Which objects make a workload up, and what is left of them as manifests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/manifests/bundle.h"
#include "controllers/manifests/references.h"

namespace holdfast::controllers::manifests {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Json Parsed(const std::string& text) { return ParseJson(text).value(); }

struct ReferenceCase {
  const char* pod_spec;
  References found;
};

TEST(ReferencesTest, EveryWayToNameAnObjectIsFound) {
  const std::string none;
  const ReferenceCase cases[] = {
      {R"({})", {{}, {}, {}, none}},
      {R"({"volumes": [{"name": "a", "configMap": {"name": "c"}}]})", {{"c"}, {}, {}, none}},
      {R"({"volumes": [{"name": "a", "secret": {"secretName": "s"}}]})", {{}, {"s"}, {}, none}},
      {R"({"volumes": [{"name": "a", "persistentVolumeClaim": {"claimName": "shared"}}]})",
       {{}, {}, {"shared"}, none}},
      {R"({"volumes": [{"projected": {"sources": [{"configMap": {"name": "c"}},
          {"secret": {"name": "s"}}, {"serviceAccountToken": {"path": "t"}}]}}]})",
       {{"c"}, {"s"}, {}, none}},
      {R"({"volumes": [{"csi": {"driver": "d", "nodePublishSecretRef": {"name": "s"}}}]})",
       {{}, {"s"}, {}, none}},
      {R"({"volumes": [{"azureFile": {"secretName": "s"}}]})", {{}, {"s"}, {}, none}},
      {R"({"volumes": [{"cephfs": {"secretRef": {"name": "s"}}}]})", {{}, {"s"}, {}, none}},
      {R"({"containers": [{"envFrom": [{"configMapRef": {"name": "c"}},
          {"secretRef": {"name": "s"}}]}]})",
       {{"c"}, {"s"}, {}, none}},
      {R"({"initContainers": [{"env": [{"name": "A", "value": "x"},
          {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
          {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}]})",
       {{"c"}, {"s"}, {}, none}},
      {R"({"imagePullSecrets": [{"name": "pull"}], "serviceAccountName": "db"})",
       {{}, {"pull"}, {}, "db"}},
      // Kubernetes puts these into every namespace.
      {R"({"serviceAccountName": "default"})", {{}, {}, {}, none}},
      {R"({"volumes": [{"configMap": {"name": "kube-root-ca.crt"}}]})", {{}, {}, {}, none}},
      // What is not of the expected form names nothing.
      {R"({"volumes": {"configMap": {"name": "c"}}, "containers": [5, null]})", {{}, {}, {}, none}},
  };
  for (const ReferenceCase& c : cases)
    EXPECT_EQ(ReferencesOf(Parsed(c.pod_spec)), c.found) << c.pod_spec;
}

struct SelectorCase {
  const char* selector;
  bool selects;
};

TEST(SelectorTest, OfServicesForAllPodsOrOne) {
  const Labels labels = {{"app", "db"}};
  const SelectorCase cases[] = {
      {R"({})", false},
      {R"({"app": "db"})", true},
      {R"({"app": "web"})", false},
      {R"({"app": "db", "role": "primary"})", false},
      {R"({"app": "db", "statefulset.kubernetes.io/pod-name": "db-12"})", true},
      {R"({"statefulset.kubernetes.io/pod-name": "db-x"})", false},
      {R"({"statefulset.kubernetes.io/pod-name": "db-"})", false},
      {R"({"statefulset.kubernetes.io/pod-name": "web-0"})", false},
      {R"({"app": "db", "apps.kubernetes.io/pod-index": "0"})", true},
  };
  for (const SelectorCase& c : cases) {
    const Json selector = Parsed(c.selector);
    EXPECT_EQ(ServiceSelects(&selector, labels, "db"), c.selects) << c.selector;
  }
}

struct CleaningCase {
  const char* before;
  const char* after;
};

TEST(CleaningTest, WhatTheClusterWroteGoes) {
  const CleaningCase cases[] = {
      {R"({"apiVersion": "v1", "kind": "ServiceAccount", "secrets": [{"name": "token"}],
           "imagePullSecrets": [{"name": "pull"}],
           "metadata": {"name": "db", "namespace": "shop", "uid": "1", "resourceVersion": "5",
             "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x"],
             "ownerReferences": [{"uid": "2"}], "managedFields": [{}], "labels": {"app": "db"},
             "annotations": {"mine": "kept",
               "kubectl.kubernetes.io/last-applied-configuration": "{}"}}})",
       R"({"apiVersion": "v1", "kind": "ServiceAccount", "imagePullSecrets": [{"name": "pull"}],
           "metadata": {"name": "db", "labels": {"app": "db"}, "annotations": {"mine": "kept"}}})"},
      {R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"},
           "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "type": "LoadBalancer",
             "healthCheckNodePort": 31000, "ports": [{"port": 5432, "nodePort": 30000}]},
           "status": {"loadBalancer": {}}})",
       R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"},
           "spec": {"type": "LoadBalancer", "ports": [{"port": 5432}]}})"},
      {R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"},
           "spec": {"clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 5432}]}})",
       R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"},
           "spec": {"clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 5432}]}})"},
      {R"({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
           "metadata": {"name": "data-db-0", "annotations": {
             "pv.kubernetes.io/bind-completed": "yes",
             "volume.kubernetes.io/selected-node": "node1",
             "volume.beta.kubernetes.io/storage-provisioner": "p"}},
           "spec": {"volumeName": "pvc-1", "dataSource": {"name": "snap"},
             "dataSourceRef": {"name": "snap"}, "storageClassName": "fast",
             "resources": {"requests": {"storage": "5Gi"}}},
           "status": {"phase": "Bound"}})",
       R"({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data-db-0"},
           "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "5Gi"}}}})"},
      {R"({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
           "spec": {"replicas": 3,
             "template": {"metadata": {"creationTimestamp": null, "labels": {"app": "db"}}},
             "volumeClaimTemplates": [{"metadata": {"name": "data", "creationTimestamp": null},
               "status": {"phase": "Pending"}, "spec": {"storageClassName": "fast"}}]},
           "status": {"replicas": 3}})",
       R"({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
           "spec": {"replicas": 3, "template": {"metadata": {"labels": {"app": "db"}}},
             "volumeClaimTemplates": [{"metadata": {"name": "data"},
               "spec": {"storageClassName": "fast"}}]}})"},
  };
  for (const CleaningCase& c : cases)
    EXPECT_EQ(Cleaned(Parsed(c.before)), Parsed(c.after)) << c.before;
}

class BundleTest : public ::testing::Test {
 protected:
  BundleTest() {
    sources_.stateful_set = Parsed(R"({"metadata": {"name": "db", "namespace": "shop"},
      "spec": {"serviceName": "db-hl", "template": {"metadata": {"labels": {"app": "db"}},
        "spec": {"serviceAccountName": "db-sa", "imagePullSecrets": [{"name": "pull"}],
          "volumes": [{"configMap": {"name": "conf"}}, {"persistentVolumeClaim": {"claimName": "shared"}}],
          "containers": [{"envFrom": [{"secretRef": {"name": "password"}}]}]}}}})");
    sources_.service_account = Named("db-sa");
    sources_.services = {Service("db-hl", R"({})"), Service("db-rw", R"({"app": "db"})"),
                         Service("web", R"({"app": "web"})")};
    sources_.claims = {Named("data-db-0"), Named("data-web-0"), Named("shared")};
    sources_.backed_up = {"data-db-0"};
  }
  static Json Named(const std::string& name) { return {{"metadata", {{"name", name}}}}; }
  static Json Service(const std::string& name, const char* selector) {
    Json service = Named(name);
    service["spec"]["selector"] = Parsed(selector);
    return service;
  }

  Sources sources_;
};

TEST_F(BundleTest, HoldsWhatTheWorkloadIsMadeOf) {
  const Bundle bundle = MakeBundle(sources_);
  EXPECT_EQ(bundle.problem, "");
  EXPECT_THAT(bundle.names, ElementsAre("ConfigMap/conf", "PersistentVolumeClaim/data-db-0",
                                        "PersistentVolumeClaim/shared", "Service/db-hl",
                                        "Service/db-rw", "ServiceAccount/db-sa", "StatefulSet/db"));
  EXPECT_THAT(bundle.config_maps, ElementsAre("conf"));
  std::vector<std::string> kinds;
  for (const Json& object : Parsed(bundle.objects))
    kinds.push_back(FindString(object, {"apiVersion"}) + " " + FindString(object, {"kind"}));
  EXPECT_THAT(kinds,
              ElementsAre("v1 ServiceAccount", "v1 Service", "v1 Service", "apps/v1 StatefulSet",
                          "v1 PersistentVolumeClaim", "v1 PersistentVolumeClaim"));
  EXPECT_THAT(bundle.objects, Not(HasSubstr("namespace")));
}

TEST_F(BundleTest, SecretsOnlyWhenAskedFor) {
  EXPECT_THAT(MakeBundle(sources_).secrets, IsEmpty());
  EXPECT_THAT(MakeBundle(sources_).missing,
              ElementsAre("Secret/password: Secrets are not kept (spec.manifests.secrets)",
                          "Secret/pull: Secrets are not kept (spec.manifests.secrets)"));
  sources_.secrets = true;
  EXPECT_THAT(MakeBundle(sources_).secrets, ElementsAre("password", "pull"));
  EXPECT_THAT(MakeBundle(sources_).names, Contains("Secret/password"));
  EXPECT_THAT(MakeBundle(sources_).missing, IsEmpty());
}

TEST_F(BundleTest, WhatTheAccountPullsImagesWithIsASecretOfThePods) {
  (*sources_.service_account)["imagePullSecrets"] = Parsed(R"([{"name": "all-images"}])");
  sources_.secrets = true;
  EXPECT_THAT(MakeBundle(sources_).secrets, ElementsAre("all-images", "password", "pull"));
}

TEST_F(BundleTest, WhatIsNamedAndNotThereIsTold) {
  sources_.service_account.reset();
  sources_.services.clear();
  EXPECT_THAT(MakeBundle(sources_).missing,
              ::testing::IsSupersetOf(
                  {"ServiceAccount/db-sa: it does not exist", "Service/db-hl: it does not exist"}));
}

TEST_F(BundleTest, ClaimsGoFirstWhenThereIsTooMuchAndTheRestIsRefused) {
  sources_.claims.clear();
  sources_.backed_up.clear();
  for (int i = 0; i < 1024; ++i) {
    const std::string name = "data-db-" + std::to_string(i);
    sources_.claims.push_back(Named(name));
    sources_.claims.back()["spec"]["storageClassName"] = std::string(200, 'x');
    sources_.backed_up.push_back(name);
  }
  const Bundle bundle = MakeBundle(sources_);
  EXPECT_EQ(bundle.problem, "");
  EXPECT_LE(bundle.objects.size(), kMostObjects);
  EXPECT_GT(bundle.objects.size(), kMostObjects * 9 / 10);
  EXPECT_THAT(bundle.missing, Contains(HasSubstr("data-db-1023: there are too many")));
  EXPECT_THAT(bundle.names, Contains("StatefulSet/db"));

  sources_.stateful_set["metadata"]["annotations"]["large"] = std::string(kMostObjects, 'x');
  EXPECT_THAT(MakeBundle(sources_).problem, HasSubstr("StatefulSet \"db\""));
  EXPECT_EQ(MakeBundle(sources_).objects, "");
}

TEST_F(BundleTest, MoreThanAPodMayMountAreTold) {
  Json& volumes = sources_.stateful_set["spec"]["template"]["spec"]["volumes"];
  for (int i = 0; i < 120; ++i)
    volumes.push_back({{"configMap", {{"name", "c" + std::to_string(i)}}}});
  const Bundle bundle = MakeBundle(sources_);
  EXPECT_EQ(bundle.config_maps.size(), kMostMounted);
  EXPECT_THAT(bundle.missing, Contains(HasSubstr("only 100 ConfigMaps and Secrets can be kept")));
}

}  // namespace
}  // namespace holdfast::controllers::manifests
