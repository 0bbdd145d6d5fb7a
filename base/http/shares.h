// Memory that many requests share: each takes what it needs before it goes on, first come first
// served. Only the server includes this: it brings Boost.Asio.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>  // for awaitable.hpp, which forgets it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

namespace holdfast::http {

// Threads: safe from many threads.
class Shares {
 public:
  explicit Shares(std::uint64_t total) : total_(total), free_(total) {}

  // Gives back when it goes. Must not outlive the Shares.
  class Share {
   public:
    Share(Shares& shares, std::uint64_t bytes) : shares_(&shares), bytes_(bytes) {}
    Share(Share&& other) noexcept : shares_(other.shares_), bytes_(other.bytes_) {
      other.bytes_ = 0;
    }
    Share& operator=(Share&&) = delete;
    ~Share() {
      if (bytes_ != 0) shares_->Give(bytes_);
    }

   private:
    Shares* shares_;
    std::uint64_t bytes_;
  };

  // Waits until there are so many bytes; what is more than all there are counts as all.
  boost::asio::awaitable<Share> Take(std::uint64_t bytes);

  // Nobody's turn comes any more: before what waits is destroyed.
  void Close();

 private:
  struct Waiter {
    std::uint64_t bytes;
    boost::asio::steady_timer timer;  // cancelled when it is its turn
  };

  void Give(std::uint64_t bytes);

  const std::uint64_t total_;
  std::mutex mutex_;
  std::uint64_t free_;                           // guarded by mutex_
  std::deque<std::shared_ptr<Waiter>> waiting_;  // guarded by mutex_
};

}  // namespace holdfast::http
