// The plugin's command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "operator/plugin/table.h"

namespace CLI {
class App;
}

namespace holdfast::plugin {

struct BackupCommand {
  std::string what;  // sts/NAME or bkp/NAME
  std::string policy;
  std::string type = "Incremental";
  std::string name;
  bool pinned = false;
  bool wait = false;
};

struct RestoreCommand {
  std::string what;  // sts/NAME; with `into` also bkp/NAME or bk/NAME
  std::string policy;
  std::string backup;
  std::string as_of;
  std::optional<std::int64_t> previous;
  std::vector<std::string> paths;
  std::vector<std::string> into;  // "FROM=TO"
  std::string name;
  bool keep_extra = false;
  bool wait = true;
};

struct StatusCommand {
  std::string what;  // any kind; empty for the namespace
  bool wait = false;
};

struct SnapshotsCommand {
  std::string what;  // sts/NAME, bkp/NAME or bkr/NAME; empty for all
  std::string repository;
  bool keep = false;
};

// Where files are read from: sts/NAME, bkp/NAME, bk/NAME, or a snapshot's id.
struct FileSource {
  std::string what;
  std::string policy;
  std::string claim;
  std::string as_of;
  std::string repository;  // of a snapshot's id
  bool keep = false;
};

struct LsCommand {
  FileSource source;
  std::string path = "/";
  bool recursive = false;
  bool long_format = false;
};

struct CatCommand {
  FileSource source;
  std::string path;
};

struct DownloadCommand {
  FileSource source;
  std::string path;
  std::string to;  // a file, "-" for standard output; empty for the path's last name
  bool force = false;
};

struct VerifyCommand {
  FileSource source;
};

struct ReportCommand {};

struct ImportCommand {
  std::string repository;
  std::string cluster;
  std::string from_namespace;
  std::int64_t newest = 100;
  bool wait = true;
};

using Command =
    std::variant<StatusCommand, BackupCommand, RestoreCommand, SnapshotsCommand, LsCommand,
                 CatCommand, DownloadCommand, VerifyCommand, ReportCommand, ImportCommand>;

struct Options {
  std::string kubeconfig;
  std::string context;
  std::string ns;
  bool all_namespaces = false;
  OutputFormat output = OutputFormat::kTable;
  bool yes = false;
  Command command;
  std::string print_only;  // help, the version or the shell code of completion
};

// Invalid for mistakes, with a sentence that says what to write.
Result<Options> ParseOptions(const std::vector<std::string>& arguments);

// Declares every command and option on `app`, to be stored in `options`, which outlives it: what
// the completion reads.
void DeclareOptions(CLI::App& app, Options& options);

}  // namespace holdfast::plugin
