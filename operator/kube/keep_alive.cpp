#include "operator/kube/keep_alive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace holdfast::kube {
namespace {

// Idle for 15 s, then three probes, 5 s apart; what was sent and not acknowledged gets as long.
constexpr int kIdle = 15;
constexpr int kInterval = 5;
constexpr int kProbes = 3;
constexpr unsigned kMostUnacknowledged = 30 * 1000;

}  // namespace

void SetKeepAlive(int socket) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &kIdle, sizeof kIdle);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &kInterval, sizeof kInterval);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
  ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &kMostUnacknowledged,
               sizeof kMostUnacknowledged);
}

}  // namespace holdfast::kube
