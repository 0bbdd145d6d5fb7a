#include "operator/plugin/options.h"

#include <algorithm>
#include <map>
#include <memory>

#include <CLI/CLI.hpp>

#include "operator/plugin/completion.h"

namespace holdfast::plugin {
namespace {

constexpr const char* kSource =
    "sts/NAME or bkp/NAME (the last good backup), bk/NAME, or a snapshot's id";

// The command that was chosen is what its options were stored in.
template <typename C>
CLI::App& Add(CLI::App& app, Options& options, const std::string& name, const std::string& help,
              void (*declare)(CLI::App&, C&)) {
  CLI::App& verb = *app.add_subcommand(name, help);
  verb.fallthrough();
  const auto command = std::make_shared<C>();
  declare(verb, *command);
  verb.callback([&options, command] { options.command = *command; });
  return verb;
}

void AddWait(CLI::App& verb, bool& wait, bool by_default) {
  verb.add_flag("--wait,!--no-wait", wait,
                by_default ? "Show how it goes until it is over (default)"
                           : "Show how it goes until it is over");
}

void AddSource(CLI::App& verb, FileSource& source) {
  verb.add_option("source", source.what, kSource)->required();
  verb.add_option("-c,--claim", source.claim, "Which volume, where there are several");
  verb.add_option("--as-of", source.as_of,
                  "The last good backup at that time: \"yesterday 14:00\", \"2h ago\"");
  verb.add_option("--policy", source.policy, "The policy, where several protect it");
  verb.add_option("--repository", source.repository, "The BackupRepository of a snapshot's id");
  verb.add_flag("--keep", source.keep,
                "Leave the pod that reads for ten minutes, for further commands");
}

void DeclareBackup(CLI::App& verb, BackupCommand& command) {
  verb.add_option("what", command.what, "sts/NAME or bkp/NAME")->required();
  verb.add_option("--policy", command.policy, "The policy, where several protect it");
  verb.add_option("--type", command.type, "Full, Differential or Incremental")
      ->check(CLI::IsMember({"Full", "Differential", "Incremental"}, CLI::ignore_case));
  verb.add_option("--name", command.name, "Of the Backup, instead of one that is made up");
  verb.add_flag("--pinned", command.pinned, "Retention leaves it alone");
  AddWait(verb, command.wait, false);
}

void DeclareRestore(CLI::App& verb, RestoreCommand& command) {
  verb.add_option("what", command.what, "sts/NAME: in place; with --into also bkp/NAME and bk/NAME")
      ->required();
  auto* as_of =
      verb.add_option("--as-of", command.as_of,
                      "The last good backup at that time: \"yesterday 14:00\", \"2h ago\"");
  auto* previous =
      verb.add_option("--previous", command.previous, "So many good backups before the last one")
          ->check(CLI::NonNegativeNumber)
          ->excludes(as_of);
  verb.add_option("--backup", command.backup, "This Backup")->excludes(as_of)->excludes(previous);
  verb.add_option("--policy", command.policy, "The policy, where several protect it");
  verb.add_option("--path", command.paths, "Only this path in the volume; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--into", command.into,
                  "FROM=TO: restore the claim FROM into the claim TO; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--name", command.name, "Of the Restore, instead of one that is made up");
  verb.add_flag("--keep-extra", command.keep_extra,
                "Leave files that are not in the backup where they are");
  AddWait(verb, command.wait, true);
}

void DeclareStatus(CLI::App& verb, StatusCommand& command) {
  verb.add_option("what", command.what,
                  "rst/NAME, bk/NAME, bkp/NAME, bkr/NAME or sts/NAME; everything without it");
  verb.add_flag("-w,--wait", command.wait, "Show how it goes until it is over");
}

void DeclareSnapshots(CLI::App& verb, SnapshotsCommand& command) {
  verb.add_option("what", command.what, "sts/NAME, bkp/NAME or bkr/NAME; all without it");
  verb.add_option("--repository", command.repository,
                  "Ask the repository itself: also for what others put there");
  verb.add_flag("--keep", command.keep,
                "Leave the pod that reads for ten minutes, for further commands");
}

void DeclareLs(CLI::App& verb, LsCommand& command) {
  AddSource(verb, command.source);
  verb.add_option("path", command.path, "A directory or file in the volume");
  verb.add_flag("-R,--recursive", command.recursive, "What is below its directories, too");
  verb.add_flag("-l,--long", command.long_format, "Modes, owners, sizes and times, too");
}

void DeclareCat(CLI::App& verb, CatCommand& command) {
  AddSource(verb, command.source);
  verb.add_option("path", command.path, "A file in the volume")->required();
}

void DeclareDownload(CLI::App& verb, DownloadCommand& command) {
  AddSource(verb, command.source);
  verb.add_option("path", command.path, "A file; or a directory, which becomes a tar archive")
      ->required();
  verb.add_option("--to", command.to, "The file to write, or - for standard output");
  verb.add_flag("--force", command.force, "Replace a file that is there");
}

void DeclareVerify(CLI::App& verb, VerifyCommand& command) { AddSource(verb, command.source); }
void DeclareReport(CLI::App&, ReportCommand&) {}

void DeclareImport(CLI::App& verb, ImportCommand& command) {
  verb.add_option("repository", command.repository, "bkr/NAME")->required();
  verb.add_option("--cluster", command.cluster, "Backups of that cluster, instead of this one");
  verb.add_option("--from-namespace", command.from_namespace,
                  "Backups of that namespace, instead of this one");
  verb.add_option("--newest", command.newest, "No more than so many")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  AddWait(verb, command.wait, true);
}

void AddCompletion(CLI::App& app, Options& options) {
  CLI::App& verb =
      *app.add_subcommand("completion", "Shell code that completes commands and names");
  verb.add_option_function<std::string>(
          "shell",
          [&options](const std::string& shell) { options.print_only = CompletionScript(shell); },
          "bash or zsh")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
}

void DeclareCommon(CLI::App& app, Options& options) {
  static const std::map<std::string, OutputFormat> kFormats = {
      {"wide", OutputFormat::kWide}, {"json", OutputFormat::kJson}, {"yaml", OutputFormat::kYaml}};
  app.add_option("-n,--namespace", options.ns, "The namespace, instead of the context's");
  app.add_flag("-A,--all-namespaces", options.all_namespaces, "Of all namespaces");
  app.add_option("--context", options.context, "The kubeconfig's context");
  app.add_option("--kubeconfig", options.kubeconfig, "The kubeconfig file");
  app.add_option("-o,--output", options.output, "wide, json or yaml")
      ->transform(CLI::CheckedTransformer(kFormats).description(""));
  app.add_flag("-y,--yes", options.yes, "Do it without asking");
}

// CLI11 would say only that one is required.
Result<void> CheckCommand(const CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front().starts_with('-')) return {};
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  const std::string& word = arguments.front();
  if (std::ranges::any_of(commands, [&](const CLI::App* verb) { return verb->get_name() == word; }))
    return {};
  std::string names;
  for (const CLI::App* verb : commands) names += (names.empty() ? "" : ", ") + verb->get_name();
  return Fail(Code::kInvalid, "there is no command \"" + word + "\"; there are " + names);
}

}  // namespace

void DeclareOptions(CLI::App& app, Options& options) {
  app.set_version_flag("--version", std::string("kubectl-holdfast ") + HOLDFAST_VERSION);
  app.require_subcommand(1);
  DeclareCommon(app, options);
  Add(app, options, "status", "How backups and restores are", DeclareStatus);
  Add(app, options, "backup", "Back up now", DeclareBackup);
  Add(app, options, "restore", "Bring data back", DeclareRestore);
  Add(app, options, "snapshots", "What can be brought back", DeclareSnapshots);
  Add(app, options, "ls", "List files in a backup", DeclareLs);
  Add(app, options, "cat", "Print a file of a backup", DeclareCat);
  Add(app, options, "download", "Fetch a file or a directory of a backup", DeclareDownload);
  Add(app, options, "verify", "Read a backup back and look for damage", DeclareVerify);
  Add(app, options, "report", "What is protected, how old, how big, how fast to bring back",
      DeclareReport);
  Add(app, options, "import", "Find the backups that a repository holds", DeclareImport);
  AddCompletion(app, options);
}

// CLI11 parses in reverse order and throws; both stay in here.
Result<Options> ParseOptions(const std::vector<std::string>& arguments) {
  Options options;
  CLI::App app("Backs up and restores the volumes of StatefulSets, with Holdfast.",
               "kubectl holdfast");
  DeclareOptions(app, options);
  TRY_VOID(CheckCommand(app, arguments));
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    options.print_only =
        chosen.empty() ? app.help()
                       : chosen.front()->help() +
                             "\nAnd: -n, -A, "
                             "-o, -y, --context and --kubeconfig; see kubectl holdfast --help.\n";
  } catch (const CLI::CallForVersion&) {
    options.print_only = app.version() + "\n";
  } catch (const CLI::ParseError& e) {
    const auto chosen = app.get_subcommands();
    return Fail(Code::kInvalid, std::string(e.what()) + "; see kubectl holdfast " +
                                    (chosen.empty() ? "" : chosen.front()->get_name() + " ") +
                                    "--help");
  }
  return options;
}

}  // namespace holdfast::plugin
