// What goes wrong around Holdfast, made to happen: the store is away, a node is lost, a volume is
// full. Each is an object, whose end puts things right again.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "tests/e2e/kubectl.h"

namespace holdfast::e2e {

// The S3 server does not answer; what it holds stays.
class StoreAway {
 public:
  StoreAway();
  ~StoreAway();
  StoreAway(const StoreAway&) = delete;
  StoreAway& operator=(const StoreAway&) = delete;

  // Until it has been away for a minute, or the test has failed. `look` is called all the time.
  void LastAMinute(const std::function<void()>& look) const;

 private:
  const std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

// A node that takes the pods of a test and is lost then. The cluster has two.
class LostNode {
 public:
  // From here on no pod starts on the operator's node, so that what is lost is another.
  LostNode();
  ~LostNode();
  LostNode(const LostNode&) = delete;
  LostNode& operator=(const LostNode&) = delete;

  // Its cable is pulled: nobody reaches it, and what runs there runs on. Returns when Kubernetes
  // has noticed; the operator's node takes pods again.
  void Cut(const std::string& node);
  // Somebody says that it will not come back, upon which Kubernetes lets go of its pods.
  void GiveUp() const;

  const std::string& home() const { return home_; }  // the operator's node

 private:
  const Kubectl system_;
  const std::string home_;
  std::string lost_;
};

// A claim whose volume is full when it holds so much.
class SmallClaim {
 public:
  // On `node`: pods that use it run there.
  SmallClaim(const Kubectl& kubectl, const std::string& name, const std::string& node,
             int mebibytes);
  ~SmallClaim();
  SmallClaim(const SmallClaim&) = delete;
  SmallClaim& operator=(const SmallClaim&) = delete;

  // The claim and its volume go, once no pod has it; others may be made in their place.
  void Remove() const;

 private:
  const Kubectl kubectl_;
  const std::string name_;
};

}  // namespace holdfast::e2e
