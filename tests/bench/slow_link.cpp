// A TCP link to a port of this machine that takes its time but has no limit of its own.
//
//   holdfast_slow_link PORT ROUND_TRIP_MS
//
// Listens on a free port of 127.0.0.1 and prints it. Every byte arrives half a round trip after it
// was sent; bytes on their way do not wait for each other, so that the bandwidth stays the
// loopback's. A connection's first bytes arrive a whole round trip later still, as after a
// handshake over such a link.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPiece = 256 * 1024;
// What may be on its way in one direction: 6 GB/s over 10 ms.
constexpr std::size_t kInFlight = 64 * 1024 * 1024;

// Pieces that are free again: fresh memory costs more than the copying.
class Pieces {
 public:
  std::unique_ptr<char[]> Take() {
    if (free_.empty()) return std::make_unique_for_overwrite<char[]>(kPiece);
    std::unique_ptr<char[]> piece = std::move(free_.back());
    free_.pop_back();
    return piece;
  }
  void Give(std::unique_ptr<char[]> piece) { free_.push_back(std::move(piece)); }

 private:
  std::vector<std::unique_ptr<char[]>> free_;
};

// One direction of a connection.
class Lane {
 public:
  Lane(int from, int to, Clock::time_point open_from, Clock::duration delay)
      : from_(from), to_(to), open_from_(open_from), delay_(delay) {}

  bool ended() const { return ended_; }
  bool failed() const { return failed_; }
  bool WantsToRead() const { return !read_all_ && in_flight_ < kInFlight; }
  // When the next piece is due; nothing while there is none.
  std::optional<Clock::time_point> Due() const {
    if (under_way_.empty()) return std::nullopt;
    return under_way_.front().due;
  }

  void Read(Pieces& pieces) {
    std::unique_ptr<char[]> data = pieces.Take();
    const ssize_t size = ::recv(from_, data.get(), kPiece, MSG_DONTWAIT);
    if (size < 0) {
      pieces.Give(std::move(data));
      failed_ = failed_ || (errno != EAGAIN && errno != EINTR);
      return;
    }
    const auto due = std::max(Clock::now(), open_from_) + delay_;
    read_all_ = size == 0;
    in_flight_ += static_cast<std::size_t>(size);
    under_way_.push_back({due, std::move(data), static_cast<std::size_t>(size), 0});
  }

  // Delivers what is due, as far as the receiver takes it.
  void Write(Pieces& pieces, Clock::time_point now) {
    while (!under_way_.empty() && under_way_.front().due <= now) {
      Piece& piece = under_way_.front();
      if (piece.size == 0) {
        ::shutdown(to_, SHUT_WR);
        ended_ = true;
      } else if (!Deliver(piece)) {
        return;
      }
      in_flight_ -= piece.size;
      pieces.Give(std::move(piece.data));
      under_way_.pop_front();
    }
  }

 private:
  struct Piece {
    Clock::time_point due;
    std::unique_ptr<char[]> data;
    std::size_t size;  // 0: the end
    std::size_t delivered;
  };

  // False while the receiver's buffer is full.
  bool Deliver(Piece& piece) {
    const ssize_t sent = ::send(to_, piece.data.get() + piece.delivered,
                                piece.size - piece.delivered, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      failed_ = failed_ || (errno != EAGAIN && errno != EINTR);
      return false;
    }
    piece.delivered += static_cast<std::size_t>(sent);
    return piece.delivered == piece.size;
  }

  int from_, to_;
  Clock::time_point open_from_;
  Clock::duration delay_;
  std::deque<Piece> under_way_;
  std::size_t in_flight_ = 0;
  bool read_all_ = false, ended_ = false, failed_ = false;
};

class Connection {
 public:
  Connection(int client, int server, Clock::duration round_trip)
      : client_(client),
        server_(server),
        up_(client, server, Clock::now() + round_trip, round_trip / 2),
        down_(server, client, Clock::now(), round_trip / 2) {}
  ~Connection() {
    ::close(client_);
    ::close(server_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool Over() const { return up_.failed() || down_.failed() || (up_.ended() && down_.ended()); }
  // Adds what this connection waits for; `wake` becomes earlier when a piece is due before.
  void Await(std::vector<pollfd>& polls, Clock::time_point now, Clock::time_point& wake) const {
    polls.push_back({client_, Events(up_, down_, now, wake), 0});
    polls.push_back({server_, Events(down_, up_, now, wake), 0});
  }
  void Serve(const pollfd& client, const pollfd& server, Pieces& pieces) {
    if (client.revents & (POLLIN | POLLHUP | POLLERR) && up_.WantsToRead()) up_.Read(pieces);
    if (server.revents & (POLLIN | POLLHUP | POLLERR) && down_.WantsToRead()) down_.Read(pieces);
    const auto now = Clock::now();
    up_.Write(pieces, now);
    down_.Write(pieces, now);
  }

 private:
  // A piece that is due and still here waits for its receiver.
  static short Events(const Lane& out, const Lane& in, Clock::time_point now,
                      Clock::time_point& wake) {
    short events = out.WantsToRead() ? POLLIN : 0;
    if (const auto due = in.Due()) {
      if (*due <= now)
        events |= POLLOUT;
      else
        wake = std::min(wake, *due);
    }
    return events;
  }

  int client_, server_;
  Lane up_, down_;
};

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int Listen() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener, 128) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    std::perror("slow link: cannot listen");
    std::exit(1);
  }
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return listener;
}

void SendAtOnce(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

class Link {
 public:
  Link(int port, Clock::duration round_trip)
      : listener_(Listen()), target_(Loopback(port)), round_trip_(round_trip) {}

  [[noreturn]] void Run() {
    while (true) {
      const std::vector<pollfd> polls = Await();
      auto poll = polls.begin() + 1;
      for (auto connection = connections_.begin(); connection != connections_.end(); poll += 2) {
        connection->Serve(poll[0], poll[1], pieces_);
        connection = connection->Over() ? connections_.erase(connection) : std::next(connection);
      }
      if (polls.front().revents & POLLIN) Accept();
    }
  }

 private:
  std::vector<pollfd> Await() {
    const auto now = Clock::now();
    auto wake = now + std::chrono::hours(1);
    std::vector<pollfd> polls = {{listener_, POLLIN, 0}};
    for (const Connection& connection : connections_) connection.Await(polls, now, wake);
    const std::chrono::nanoseconds left = std::max(wake - Clock::now(), Clock::duration::zero());
    const timespec timeout = {left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    ::ppoll(polls.data(), polls.size(), &timeout, nullptr);
    return polls;
  }

  void Accept() {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(server, reinterpret_cast<const sockaddr*>(&target_), sizeof target_) != 0) {
      ::close(server);
      ::close(client);
      return;
    }
    SendAtOnce(client);
    SendAtOnce(server);
    connections_.emplace_back(client, server, round_trip_);
  }

  int listener_;
  sockaddr_in target_;
  Clock::duration round_trip_;
  Pieces pieces_;
  std::list<Connection> connections_;
};

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    std::fprintf(stderr, "usage: holdfast_slow_link PORT ROUND_TRIP_MS\n");
    return 2;
  }
  const std::chrono::milliseconds round_trip(std::atoi(words[2]));
  Link(std::atoi(words[1]), round_trip).Run();
}
