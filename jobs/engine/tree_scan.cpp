#include "jobs/engine/tree_scan.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace holdfast::engine {
namespace {

// Trees are small: reading them waits for the store more than for a processor.
constexpr std::size_t kTreeReaders = 4;

class Scanner {
 public:
  Scanner(repo::Repository& repository, const TreeScan& scan)
      : repository_(repository), scan_(scan) {}

  Result<void> Run(std::span<const repo::Id> roots, const std::stop_token& stop) {
    for (const repo::Id& root : roots) TRY_VOID(Claim(root));
    const std::stop_callback forward(stop, [&] { all_.request_stop(); });
    {
      std::vector<std::jthread> others;
      for (std::size_t i = 1; i < kTreeReaders; ++i) others.emplace_back([this] { Work(); });
      Work();
    }
    if (failure_) return tl::make_unexpected(*std::move(failure_));
    if (stop.stop_requested()) return Fail(Code::kCancelled, "stopped");
    return {};
  }

 private:
  using Lock = std::unique_lock<std::mutex>;

  // Until nothing is waiting and nobody is reading what could bring more.
  void Work() {
    Lock lock(mutex_);
    const auto ready = [&] { return !waiting_.empty() || reading_ == 0 || failure_; };
    while (changed_.wait(lock, all_.get_token(), ready) && !waiting_.empty() && !failure_) {
      const repo::Id id = waiting_.back();
      waiting_.pop_back();
      ++reading_;
      lock.unlock();
      const Result<repo::Tree> tree = repository_.LoadTree(id, all_.get_token());
      lock.lock();
      --reading_;
      if (Result<void> taken = Take(id, tree); !taken && !failure_) {
        failure_ = std::move(taken).error();
        all_.request_stop();
      }
      changed_.notify_all();
    }
  }

  Result<void> Take(const repo::Id& id, const Result<repo::Tree>& tree) {
    if (!tree && tree.error().code == Code::kCancelled) return tl::make_unexpected(tree.error());
    TRY_VOID(scan_.visit(id, tree));
    if (!tree) return {};
    for (const repo::Node& node : tree->nodes)
      if (node.subtree) TRY_VOID(Claim(*node.subtree));
    return {};
  }

  Result<void> Claim(const repo::Id& id) {
    TRY(const bool first, scan_.claim(id));
    if (first) waiting_.push_back(id);
    return {};
  }

  repo::Repository& repository_;
  const TreeScan& scan_;
  std::stop_source all_;
  std::mutex mutex_;  // guards the rest, and the calls of scan_
  std::condition_variable_any changed_;
  std::vector<repo::Id> waiting_;
  std::size_t reading_ = 0;
  std::optional<Error> failure_;
};

}  // namespace

Result<void> ScanTrees(repo::Repository& repository, std::span<const repo::Id> roots,
                       const TreeScan& scan, std::stop_token stop) {
  return Scanner(repository, scan).Run(roots, stop);
}

}  // namespace holdfast::engine
