// A command started with its two output streams in pipes of ours.
#pragma once

#include <sys/types.h>

#include "jobs/protocol/dump_stream.h"

namespace holdfast::dump {

// Ends of the pipes are ours to close; they do not block.
struct Child {
  pid_t pid = -1;
  int out = -1;
  int err = -1;
  int start_error = 0;  // errno of what kept it from being started; then there is nothing else
};

// argv ends with a null pointer. The child is the first of a process group, has no standard input
// and the signal mask and handlers that a program expects to begin with.
Child Start(char* const* argv);

// Of what waitpid tells.
protocol::DumpEnd EndOf(int wait_status);

}  // namespace holdfast::dump
