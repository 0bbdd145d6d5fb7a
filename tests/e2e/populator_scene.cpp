#include "tests/e2e/populator_scene.h"

#include <algorithm>

namespace holdfast::e2e {

using std::chrono::seconds;

std::string PopulatorScene::ClaimYaml(const std::string& name, const std::string& storage_class,
                                      const std::string& source, const std::string& size) {
  const std::size_t slash = source.find('/');
  return "apiVersion: v1\n"
         "kind: PersistentVolumeClaim\n"
         "metadata: {name: " +
         name +
         "}\n"
         "spec:\n"
         "  accessModes: [ReadWriteOnce]\n"
         "  storageClassName: " +
         storage_class +
         "\n"
         "  resources: {requests: {storage: " +
         size +
         "}}\n"
         "  dataSourceRef: {apiGroup: holdfast.dev, kind: " +
         source.substr(0, slash) + ", name: " + source.substr(slash + 1) + "}\n";
}

bool PopulatorScene::AwaitBound(const std::string& claim, seconds limit) const {
  return WaitUntil("claim " + claim + " is bound", limit, [&] {
    return FindString(kubectl_.Get("pvc", claim), {"status", "phase"}) == "Bound";
  });
}

bool PopulatorScene::AwaitEvent(const std::string& claim, const std::string& reason,
                                const std::string& words) const {
  const std::string selector =
      "--field-selector=involvedObject.kind=PersistentVolumeClaim,involvedObject.name=" + claim;
  std::string told;
  const bool came =
      WaitUntil("claim " + claim + " tells of " + reason + ": " + words, seconds(90), [&] {
        told.clear();
        const Json events =
            ParseJson(kubectl_.Must({"get", "events", selector, "-o", "json"})).value();
        for (const Json& event : events.at("items")) {
          const std::string message = FindString(event, {"message"});
          told += FindString(event, {"reason"}) + ": " + message + "\n";
          if (FindString(event, {"reason"}) == reason && message.find(words) != message.npos)
            return true;
        }
        return false;
      });
  EXPECT_TRUE(came) << "it tells of\n" << told;
  return came;
}

bool PopulatorScene::IsPending(const std::string& claim) const {
  const Json object = kubectl_.Get("pvc", claim);
  return FindString(object, {"status", "phase"}) == "Pending" &&
         FindString(object, {"spec", "volumeName"}).empty();
}

std::string PopulatorScene::ContentOfClaim(const std::string& claim) const {
  const std::string pod = "look-at-" + claim;
  MakePod(pod, claim);
  std::string digest = ContentDigest(pod);
  kubectl_.Must({"delete", "pod", pod, "--now"});
  return digest;
}

std::vector<Json> PopulatorScene::Items(const std::string& kind,
                                        const std::string& selector) const {
  std::vector<std::string> words = {"get", kind, "-o", "json"};
  if (!selector.empty()) words.insert(words.end(), {"-l", selector});
  const Json list = ParseJson(kubectl_.Must(words)).value();
  return list.at("items").get<std::vector<Json>>();
}

Json PopulatorScene::ChildOf(const std::string& claim) const {
  const std::string uid = FindString(kubectl_.Get("pvc", claim), {"metadata", "uid"});
  for (const Json& restore : Items("rst", "holdfast.dev/verb=populate"))
    if (restore.at("metadata").at("ownerReferences").at(0).at("uid") == uid) return restore;
  return nullptr;
}

bool PopulatorScene::AwaitChildPhase(const std::string& claim, const std::string& phase) const {
  Json child;
  const bool came = WaitUntil("the Restore of claim " + claim + " is " + phase, seconds(90), [&] {
    child = ChildOf(claim);
    return FindString(child, {"status", "phase"}) == phase;
  });
  EXPECT_TRUE(came) << DumpJson(child);
  return came;
}

std::string PopulatorScene::Left(const std::vector<std::string>& claims) const {
  std::string left;
  const auto name = [&](const Json& object) {
    left += FindString(object, {"kind"}) + "/" + FindString(object, {"metadata", "name"}) + " ";
  };
  const auto stays = [&](const std::string& claim) {
    return std::ranges::find(claims, claim) != claims.end();
  };
  for (const Json& restore : Items("rst", "holdfast.dev/verb=populate")) name(restore);
  for (const Json& job : Items("jobs", "holdfast.dev/verb=restore")) name(job);
  for (const Json& claim : Items("pvc"))
    if (!stays(FindString(claim, {"metadata", "name"}))) name(claim);
  for (const Json& volume : Items("pv"))
    if (FindString(volume, {"spec", "claimRef", "namespace"}) == kubectl_.ns() &&
        !stays(FindString(volume, {"spec", "claimRef", "name"})))
      name(volume);
  return left;
}

void PopulatorScene::ExpectNothingLeftBut(const std::vector<std::string>& claims) const {
  std::string left;
  EXPECT_TRUE(WaitUntil("nothing is left of what filled claims", seconds(60), [&] {
    return (left = Left(claims)).empty();
  })) << left;
}

}  // namespace holdfast::e2e
