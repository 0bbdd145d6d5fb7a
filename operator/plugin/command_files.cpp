// ls, cat and download: files of a snapshot, of which only what was asked for is read.
#include <algorithm>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "base/quantity.h"
#include "operator/plugin/browser.h"
#include "operator/plugin/commands.h"
#include "operator/plugin/download_file.h"
#include "operator/plugin/protection.h"

namespace holdfast::plugin {
namespace {

struct Chosen {
  std::string snapshot;
  Browser browser;
};

Result<Chosen> Choose(const Session& session, const FileSource& source) {
  TRY(const ReadableSnapshots found, FindSnapshots(session, source));
  if (found.volumes.size() > 1) {
    std::string claims;
    for (const crds::VolumeBackup& volume : found.volumes)
      claims += (claims.empty() ? "" : ", ") + volume.claim;
    return Fail(Code::kInvalid, found.description + " has several volumes (" + claims +
                                    "); say which one with --claim");
  }
  TRY(Browser browser, Browser::Open(session, {found.repository, source.keep}));
  return Chosen{found.volumes.front().snapshot, std::move(browser)};
}

std::string FromRoot(const std::string& path) { return path.starts_with('/') ? path : "/" + path; }

// The entries as the mover lists them, one JSON object a line.
Result<std::vector<Json>> Entries(const Browser& browser, std::vector<std::string> words) {
  TRY(const std::string output, browser.Output(std::move(words)));
  std::vector<Json> entries;
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t end = std::min(output.find('\n', at), output.size());
    TRY(Json line, ParseJson(std::string_view(output).substr(at, end - at)));
    at = end + 1;
    if (FindString(line, {"struct_type"}) == "node") entries.push_back(std::move(line));
  }
  return entries;
}

struct Target {
  bool directory = false;
  std::uint64_t size = 0;  // of a file
};

// `path` itself is the only entry of the listing when it is no directory.
Result<Target> LookAt(const Browser& browser, const std::string& snapshot,
                      const std::string& path) {
  TRY(const auto entries,
      Entries(browser, {"ls", "--json", "--no-recurse", "--strip-path", snapshot, path}));
  if (entries.size() != 1 || FindString(entries[0], {"path"}) != path) return Target{true, 0};
  return Target{false, static_cast<std::uint64_t>(FindInt(entries[0], {"size"}).value_or(0))};
}

// "/etc/my.cnf" -> "my.cnf"; "/" -> "volume".
std::string LastName(std::string path) {
  while (path.ends_with('/')) path.pop_back();
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.empty() ? "volume" : name;
}

std::string Meter(std::uint64_t done, std::uint64_t total) {
  if (total == 0) return HumanBytes(done);
  return fmt::format("{}  {} of {}", ProgressBar(static_cast<int>(done * 100 / total)),
                     HumanBytes(done), HumanBytes(total));
}

Result<void> Fetch(const Session& session, const Chosen& chosen, const std::string& path,
                   std::uint64_t total, const kube::ExecSink& sink) {
  std::uint64_t done = 0;
  int shown = -1;
  const auto counted = [&](std::string_view bytes) -> Result<void> {
    TRY_VOID(sink(bytes));
    done += bytes.size();
    const int step = static_cast<int>(total == 0 ? done >> 20 : done * 100 / total);
    if (step != std::exchange(shown, step)) session.screen.Live({Meter(done, total)});
    return {};
  };
  const auto fetched =
      chosen.browser.Run({"dump", "--quiet", "--strip-path", chosen.snapshot, path}, counted);
  session.screen.ClearLive();
  return fetched;
}

}  // namespace

Result<void> Run(const Session& session, const LsCommand& command) {
  TRY(const Chosen chosen, Choose(session, command.source));
  std::vector<std::string> words = {"ls", "--quiet", "--strip-path"};
  if (!command.recursive) words.push_back("--no-recurse");
  const std::string path = FromRoot(command.path);
  if (session.output == OutputFormat::kJson || session.output == OutputFormat::kYaml) {
    words.insert(words.end(), {"--json", chosen.snapshot, path});
    TRY(auto entries, Entries(chosen.browser, std::move(words)));
    return Print(session, {}, {{"items", std::move(entries)}});
  }
  if (command.long_format || session.output == OutputFormat::kWide) words.push_back("--long");
  words.insert(words.end(), {chosen.snapshot, path});
  return chosen.browser.Run(std::move(words),
                            [&](std::string_view bytes) { return session.screen.Write(bytes); });
}

Result<void> Run(const Session& session, const CatCommand& command) {
  TRY(const Chosen chosen, Choose(session, command.source));
  const std::string path = FromRoot(command.path);
  TRY(const Target target, LookAt(chosen.browser, chosen.snapshot, path));
  if (target.directory)
    return Fail(Code::kInvalid, path +
                                    " is a directory; see what is in it with ls, or fetch it "
                                    "with download");
  return chosen.browser.Run({"dump", "--quiet", "--strip-path", chosen.snapshot, path},
                            [&](std::string_view bytes) { return session.screen.Write(bytes); });
}

Result<void> Run(const Session& session, const DownloadCommand& command) {
  const std::string path = FromRoot(command.path);
  TRY(const Chosen chosen, Choose(session, command.source));
  TRY(const Target target, LookAt(chosen.browser, chosen.snapshot, path));
  if (command.to == "-")
    return chosen.browser.Run({"dump", "--quiet", "--strip-path", chosen.snapshot, path},
                              [&](std::string_view bytes) { return session.screen.Write(bytes); });
  const std::string to =
      command.to.empty() ? LastName(path) + (target.directory ? ".tar" : "") : command.to;
  TRY(DownloadFile file, DownloadFile::Create(to, command.force));
  TRY_VOID(Fetch(session, chosen, path, target.size,
                 [&](std::string_view bytes) { return file.Write(bytes); }));
  if (!target.directory && file.size() != target.size)
    return Fail(Code::kCorrupt, fmt::format("{} bytes of {} came instead of {}; {} was not written",
                                            file.size(), path, target.size, to));
  TRY_VOID(file.Finish());
  session.screen.Note(fmt::format("{} has {} of {}{}", to, HumanBytes(file.size()), path,
                                  target.directory ? "; unpack it with: tar -xpf " + to : ""));
  return {};
}

}  // namespace holdfast::plugin
