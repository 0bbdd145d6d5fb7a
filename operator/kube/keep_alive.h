// Notices that the other end of a connection has vanished without a word: a node that lost power, a
// firewall that forgot.
#pragma once

namespace holdfast::kube {

// On a TCP socket: the connection fails half a minute after the peer was last heard of, whether it
// is idle or waits for an acknowledgement.
void SetKeepAlive(int socket);

}  // namespace holdfast::kube
