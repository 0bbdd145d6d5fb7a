// Who scales a StatefulSet that is to stay at 0 replicas, and how to make them pause. Pure.
//
// A HorizontalPodAutoscaler with minReplicas of 1 or more does nothing while its target has 0
// replicas (its condition ScalingActive says ScalingDisabled); one with minReplicas 0 scales up
// from there, and so does KEDA, by itself rather than by the autoscaler that it makes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace holdfast::controllers::restore {

struct Autoscaler {
  std::string name;
  std::string target_kind;
  std::string target_name;
  std::int64_t min_replicas = 1;
  std::string scaled_object;  // KEDA's, to which it belongs; empty for none
};

Result<Autoscaler> DecodeAutoscaler(const Json& object);

// The field manager that last set spec.replicas, other than we: "argocd-controller"; empty when
// nobody is named.
std::string ManagerOfReplicas(const Json& set);

struct Scaler {
  std::string who;    // "Argo CD's Application shop"
  std::string pause;  // a command that makes it leave the size alone; empty when there is none

  friend bool operator==(const Scaler&, const Scaler&) = default;
};

// Those that the field manager, the StatefulSet's own labels and annotations, and autoscalers of it
// point at: the one that the manager's name fits, if any does; else all.
std::vector<Scaler> WhoScales(const Json& set, const std::vector<Autoscaler>& autoscalers);

// Those that will scale it up from 0.
std::vector<Scaler> WhoWouldScaleUp(const std::string& ns,
                                    const std::vector<Autoscaler>& autoscalers);

// "Argo CD's Application shop manages its size, which this pauses until the Restore is over:
// kubectl
// ..."; empty for nobody. Ends with the command, to be copied.
std::string Advice(const std::vector<Scaler>& scalers);

}  // namespace holdfast::controllers::restore
