// Runs a command and sends its standard output through a named pipe (protocol/dump_stream.h).
//
// The command starts once somebody reads the pipe. It is ended when nobody does any more, and when
// this process is told to end; then no end mark is sent.
#pragma once

#include "jobs/dump/child.h"
#include "jobs/dump/last_words.h"

namespace holdfast::dump {

struct Sent {
  protocol::DumpEnd end;     // of the command
  bool complete = false;     // the end mark was sent
  int exit_code = 1;         // for this process
  std::string message = {};  // why not; empty when all is well
};

// argv ends with a null pointer. What the command writes to its standard error goes to ours, and
// its end into `words`. Blocks signals of this process, so call it once.
Sent RunAndSend(const char* pipe, char* const* argv, LastWords& words);

}  // namespace holdfast::dump
