#include "controllers/restore/fights.h"

#include <algorithm>

#include "operator/kube/request.h"

namespace holdfast::controllers::restore {
namespace {

constexpr const char* kArgoTracking = "argocd.argoproj.io/tracking-id";
constexpr const char* kArgoNamespace = "argocd";
constexpr const char* kInstanceLabel = "app.kubernetes.io/instance";
constexpr const char* kScaledObjectLabel = "scaledobject.keda.sh/name";
constexpr std::string_view kKedaPrefix = "keda-hpa-";

std::string Label(const Json& object, const char* name) {
  return FindString(object, {"metadata", "labels", name});
}
std::string Annotation(const Json& object, const char* name) {
  return FindString(object, {"metadata", "annotations", name});
}

struct Suspect : Scaler {
  // Beginnings of the names by which its field manager goes.
  std::vector<std::string_view> managers;
};

Suspect Make(std::string who, std::string pause, std::vector<std::string_view> managers) {
  Suspect suspect;
  suspect.who = std::move(who);
  suspect.pause = std::move(pause);
  suspect.managers = std::move(managers);
  return suspect;
}

// "shop:apps/StatefulSet:shop/pg"; the Application "team_shop" lies in namespace team.
std::optional<Suspect> ArgoCd(const Json& set, const std::string& manager) {
  const std::string tracking = Annotation(set, kArgoTracking);
  std::string application = tracking.substr(0, tracking.find(':'));
  // Many tools use this label, and Argo CD does where it tracks by label.
  if (application.empty() && manager.starts_with("argocd"))
    application = Label(set, kInstanceLabel);
  if (application.empty()) return std::nullopt;
  std::string ns = kArgoNamespace;
  if (const auto at = application.find('_'); at != application.npos) {
    ns = application.substr(0, at);
    application.erase(0, at + 1);
  }
  return Make("Argo CD's Application " + application,
              "kubectl -n " + ns + " annotate application " + application +
                  " argocd.argoproj.io/skip-reconcile=true",
              {"argocd"});
}

std::optional<Suspect> Flux(const Json& set, const std::string& group, const std::string& kind,
                            const std::string& word, std::string_view manager) {
  const std::string name = Label(set, (group + "/name").c_str());
  const std::string ns = Label(set, (group + "/namespace").c_str());
  if (name.empty()) return std::nullopt;
  return Make("Flux's " + kind + " " + name, "flux suspend " + word + " " + name + " -n " + ns,
              {manager});
}

std::optional<Suspect> Helm(const Json& set) {
  const std::string release = Annotation(set, "meta.helm.sh/release-name");
  if (release.empty() || !Label(set, "helm.toolkit.fluxcd.io/name").empty()) return std::nullopt;
  return Make("Helm's release " + release, "", {"helm", "Go-http-client"});
}

Suspect OfAutoscaler(const std::string& ns, const Autoscaler& autoscaler) {
  if (!autoscaler.scaled_object.empty())
    return Make("KEDA's ScaledObject " + autoscaler.scaled_object,
                "kubectl -n " + ns + " annotate scaledobject " + autoscaler.scaled_object +
                    " autoscaling.keda.sh/paused=true",
                {"keda", "kube-controller-manager"});
  return Make(
      "HorizontalPodAutoscaler " + autoscaler.name,
      "kubectl -n " + ns + " patch hpa " + autoscaler.name +
          R"( --type=merge -p '{"spec":{"behavior":{"scaleUp":{"selectPolicy":"Disabled"}}}}')",
      {"kube-controller-manager"});
}

bool Fits(const Suspect& suspect, const std::string& manager) {
  return std::ranges::any_of(
      suspect.managers, [&](std::string_view beginning) { return manager.starts_with(beginning); });
}

}  // namespace

Result<Autoscaler> DecodeAutoscaler(const Json& object) {
  Autoscaler autoscaler;
  autoscaler.name = FindString(object, {"metadata", "name"});
  autoscaler.target_kind = FindString(object, {"spec", "scaleTargetRef", "kind"});
  autoscaler.target_name = FindString(object, {"spec", "scaleTargetRef", "name"});
  autoscaler.min_replicas = FindInt(object, {"spec", "minReplicas"}).value_or(1);
  autoscaler.scaled_object = Label(object, kScaledObjectLabel);
  if (autoscaler.scaled_object.empty() && autoscaler.name.starts_with(kKedaPrefix))
    autoscaler.scaled_object = autoscaler.name.substr(kKedaPrefix.size());
  return autoscaler;
}

std::string ManagerOfReplicas(const Json& set) {
  const Json* entries = Find(set, {"metadata", "managedFields"});
  if (entries == nullptr || !entries->is_array()) return "";
  std::string manager;
  std::string time;
  for (const Json& entry : *entries) {
    const std::string name = FindString(entry, {"manager"});
    if (name == kube::kFieldManager || Find(entry, {"fieldsV1", "f:spec", "f:replicas"}) == nullptr)
      continue;
    // RFC 3339 in UTC: text sorts as time does.
    const std::string then = FindString(entry, {"time"});
    if (!manager.empty() && then < time) continue;
    manager = name;
    time = then;
  }
  return manager;
}

std::vector<Scaler> WhoScales(const Json& set, const std::vector<Autoscaler>& autoscalers) {
  const std::string manager = ManagerOfReplicas(set);
  std::vector<Suspect> suspects;
  for (auto suspect :
       {ArgoCd(set, manager),
        Flux(set, "kustomize.toolkit.fluxcd.io", "Kustomization", "kustomization",
             "kustomize-controller"),
        Flux(set, "helm.toolkit.fluxcd.io", "HelmRelease", "helmrelease", "helm-controller"),
        Helm(set)})
    if (suspect) suspects.push_back(*std::move(suspect));
  const std::string ns = FindString(set, {"metadata", "namespace"});
  for (const Autoscaler& autoscaler : autoscalers) suspects.push_back(OfAutoscaler(ns, autoscaler));
  const bool any_fits =
      std::ranges::any_of(suspects, [&](const Suspect& suspect) { return Fits(suspect, manager); });
  std::vector<Scaler> scalers;
  for (const Suspect& suspect : suspects)
    if (!any_fits || Fits(suspect, manager)) scalers.push_back(suspect);
  return scalers;
}

std::vector<Scaler> WhoWouldScaleUp(const std::string& ns,
                                    const std::vector<Autoscaler>& autoscalers) {
  std::vector<Scaler> scalers;
  for (const Autoscaler& autoscaler : autoscalers)
    if (autoscaler.min_replicas == 0 || !autoscaler.scaled_object.empty())
      scalers.push_back(OfAutoscaler(ns, autoscaler));
  return scalers;
}

std::string Advice(const std::vector<Scaler>& scalers) {
  std::string text;
  for (const Scaler& scaler : scalers) {
    text += (text.empty() ? "" : "; ") + scaler.who + " manages its size";
    text += scaler.pause.empty() ? ": do not upgrade or roll it back until the Restore is over"
                                 : ", which this pauses until the Restore is over: " + scaler.pause;
  }
  return text;
}

}  // namespace holdfast::controllers::restore
