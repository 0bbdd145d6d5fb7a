#include "base/http/shares.h"

#include <algorithm>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace holdfast::http {

namespace net = boost::asio;

net::awaitable<Shares::Share> Shares::Take(std::uint64_t bytes) {
  bytes = std::min(bytes, total_);
  const auto executor = co_await net::this_coro::executor;
  std::shared_ptr<Waiter> waiter;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty() && bytes <= free_) {
      free_ -= bytes;
    } else {
      waiter = std::make_shared<Waiter>(
          Waiter{bytes, net::steady_timer(executor, net::steady_timer::time_point::max())});
      waiting_.push_back(waiter);
    }
  }
  if (waiter != nullptr) {
    boost::system::error_code cancelled;
    co_await waiter->timer.async_wait(net::redirect_error(net::use_awaitable, cancelled));
  }
  co_return Share(*this, bytes);
}

// The waiter's timer belongs to its own strand, and so it is cancelled there: after the wait began.
void Shares::Give(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  free_ += bytes;
  while (!waiting_.empty() && waiting_.front()->bytes <= free_) {
    const std::shared_ptr<Waiter> next = std::move(waiting_.front());
    waiting_.pop_front();
    free_ -= next->bytes;
    net::post(next->timer.get_executor(), [next] { next->timer.cancel(); });
  }
}

void Shares::Close() {
  const std::lock_guard lock(mutex_);
  waiting_.clear();
}

}  // namespace holdfast::http
