#include "operator/kube/request.h"

#include <gtest/gtest.h>

#include "operator/kube/api.h"

namespace holdfast::kube {
namespace {

const Resource kBackups{"holdfast.dev", "v1alpha1", "backups", "Backup"};

TEST(RequestTest, PathsOfCoreAndNamedGroups) {
  EXPECT_EQ(CollectionPath(kPods, ""), "/api/v1/pods");
  EXPECT_EQ(CollectionPath(kPods, "shop"), "/api/v1/namespaces/shop/pods");
  EXPECT_EQ(CollectionPath(kBackups, "shop"),
            "/apis/holdfast.dev/v1alpha1/namespaces/shop/backups");
  EXPECT_EQ(ObjectPath(kStatefulSets, {"shop", "mysql"}, "scale"),
            "/apis/apps/v1/namespaces/shop/statefulsets/mysql/scale");
  EXPECT_EQ(ObjectPath(kPersistentVolumes, {"", "pv-1"}), "/api/v1/persistentvolumes/pv-1");
}

TEST(RequestTest, NothingInANameCanLeaveItsSegment) {
  EXPECT_EQ(ObjectPath(kPods, {"a/b", "../x?y#z"}), "/api/v1/namespaces/a%2Fb/pods/..%2Fx%3Fy%23z");
  EXPECT_EQ(PercentEncode("a-b_c.d~e"), "a-b_c.d~e");
  EXPECT_EQ(PercentEncode(std::string("\x00\xff", 2)), "%00%FF");
}

TEST(RequestTest, APathOfAnImproperNameIsKnown) {
  EXPECT_TRUE(IsProperPath(ObjectPath(kBackups, {"shop", "a.b-c"}, "status")));
  EXPECT_TRUE(IsProperPath(CollectionPath(kPods, "")));
  for (const char* name : {"..", ".", "", "../../blue/pods/x", "x/log"})
    EXPECT_FALSE(IsProperPath(ObjectPath(kPods, {"shop", name}))) << name;
  EXPECT_FALSE(IsProperPath(ObjectPath(kPods, {"..", "x"})));
  EXPECT_FALSE(IsProperPath(""));
}

TEST(RequestTest, ListAsksForPagesAndSelectors) {
  ListOptions options;
  options.ns = "shop";
  options.label_selector = "app=mysql,tier in (a,b)";
  options.page_size = 3;
  const Request first = ListRequest(kPods, options, "");
  EXPECT_EQ(first.query, "labelSelector=app%3Dmysql%2Ctier%20in%20%28a%2Cb%29&limit=3");
  const Request next = ListRequest(kPods, options, "t=1");
  EXPECT_TRUE(next.query.ends_with("&limit=3&continue=t%3D1")) << next.query;
}

TEST(RequestTest, AListMaySayHowNewItHasToBe) {
  ListOptions options;
  options.not_older_than = "41";
  EXPECT_EQ(ListRequest(kPods, options, "").query,
            "limit=500&resourceVersion=41&resourceVersionMatch=NotOlderThan");
  EXPECT_EQ(ListRequest(kPods, options, "t").query, "limit=500&continue=t")
      << "the API server refuses a version beside a token";
}

TEST(RequestTest, WatchAsksForBookmarks) {
  const Request request = WatchRequest(kPods, {}, "41", std::chrono::seconds(300));
  EXPECT_EQ(request.query,
            "watch=1&allowWatchBookmarks=true&resourceVersion=41&timeoutSeconds=300");
  EXPECT_GT(request.timeout, std::chrono::seconds(60)) << "bookmarks come once a minute";
}

TEST(RequestTest, WritesNameTheFieldManager) {
  const Request create = CreateRequest(kJobs, "shop", {{"metadata", {{"name", "j"}}}});
  EXPECT_EQ(create.method, Method::kPost);
  EXPECT_EQ(create.query, "fieldManager=holdfast");
  const Request apply = ApplyRequest(kJobs, {"shop", "j"}, Json::object());
  EXPECT_EQ(apply.method, Method::kPatch);
  EXPECT_EQ(apply.query, "fieldManager=holdfast&force=true");
  EXPECT_EQ(apply.content_type, "application/apply-patch+yaml");
}

TEST(RequestTest, StatusIsAppliedAloneWithItsIdentity) {
  const Request request = ApplyStatusRequest(kBackups, {"shop", "b"}, {{"phase", "Running"}});
  EXPECT_EQ(request.path, "/apis/holdfast.dev/v1alpha1/namespaces/shop/backups/b/status");
  EXPECT_EQ(ParseJson(request.body).value(), Json::parse(R"({
    "apiVersion": "holdfast.dev/v1alpha1", "kind": "Backup",
    "metadata": {"name": "b", "namespace": "shop"}, "status": {"phase": "Running"}})"));
}

TEST(RequestTest, DeleteCarriesThePreconditionOnlyWhenThereIsOne) {
  const Json any = ParseJson(DeleteRequest(kPods, {"shop", "p"}, {}).body).value();
  EXPECT_EQ(any["propagationPolicy"], "Background");
  EXPECT_FALSE(any.contains("preconditions"));
  const Json one =
      ParseJson(DeleteRequest(kPods, {"shop", "p"}, {"u-1", "Foreground"}).body).value();
  EXPECT_EQ(one["preconditions"]["uid"], "u-1");
  EXPECT_EQ(one["propagationPolicy"], "Foreground");
}

TEST(RequestTest, LogIsBounded) {
  EXPECT_EQ(PodLogRequest({"shop", "p"}, {"mover", 5, 100}).path,
            "/api/v1/namespaces/shop/pods/p/log");
  EXPECT_EQ(PodLogRequest({"shop", "p"}, {"mover", 5, 100}).query,
            "container=mover&tailLines=5&limitBytes=100");
}

}  // namespace
}  // namespace holdfast::kube
