// holdfast-dump: runs a command of any image in a mover's pod and sends its output to the mover. It
// is linked statically, so that it needs nothing of the image.
//
//   holdfast-dump --install FOLDER           puts itself and the named pipe "stream" into FOLDER
//   holdfast-dump PIPE COMMAND [ARGUMENT]... runs the command (sender.h)
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/dump/sender.h"
#include "jobs/protocol/args.h"

namespace holdfast::dump {
namespace {

int Complain(const std::string& what) {
  std::fprintf(stderr, "holdfast-dump: %s\n", what.c_str());
  return 1;
}

int Complain(const std::string& what, int why) {
  return Complain(what + ": " + std::strerror(why));
}

int CopySelf(const std::string& target) {
  const int from = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  const int to = ::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  if (from < 0 || to < 0) return Complain(target, errno);
  ssize_t count = 0;
  do {
    count = ::sendfile(to, from, nullptr, std::size_t{1} << 30);
  } while (count > 0);
  if (count < 0 || ::fchmod(to, 0755) != 0 || ::close(to) != 0) return Complain(target, errno);
  return 0;
}

// For whichever users mover and command are: they share nothing else.
int Install(const std::string& folder) {
  const std::string pipe = folder + "/" + protocol::kDumpPipeName;
  if (::mkfifo(pipe.c_str(), 0666) != 0 || ::chmod(pipe.c_str(), 0666) != 0)
    return Complain(pipe, errno);
  return CopySelf(folder + "/" + protocol::kDumpProgramName);
}

// Kubernetes makes the file; where there is none, there is nobody to read it.
void WriteTerminationMessage(const std::string& text) {
  const char* asked = std::getenv("HOLDFAST_TERMINATION_LOG");
  const int fd = ::open(asked == nullptr ? "/dev/termination-log" : asked,
                        O_WRONLY | O_TRUNC | O_CLOEXEC | (asked == nullptr ? 0 : O_CREAT), 0644);
  if (fd < 0) return;
  if (::write(fd, text.data(), text.size()) < 0) Complain("write the termination message", errno);
  ::close(fd);
}

int Run(const char* pipe, char* const* argv) {
  LastWords words;
  const Sent sent = RunAndSend(pipe, argv, words);
  if (!sent.message.empty()) Complain(sent.message);
  WriteTerminationMessage(words.Text());
  return sent.exit_code;
}

}  // namespace
}  // namespace holdfast::dump

int main(int argc, char** argv) {
  using namespace holdfast::dump;
  if (argc == 3 && std::string_view(argv[1]) == "--install") return Install(argv[2]);
  if (argc >= 3 && argv[1][0] != '-') return Run(argv[1], argv + 2);
  return Complain("usage: holdfast-dump --install FOLDER | PIPE COMMAND [ARGUMENT]...") + 1;
}
