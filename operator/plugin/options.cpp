#include "operator/plugin/options.h"

#include <algorithm>
#include <map>
#include <memory>

#include <CLI/CLI.hpp>

#include "base/command_line.h"
#include "operator/plugin/command_help.h"
#include "operator/plugin/completion.h"

namespace holdfast::plugin {
namespace {

constexpr const char* kCommands = "Commands";
constexpr const char* kSource =
    "sts/NAME or bkp/NAME (the last good backup), bk/NAME, or a snapshot's id";

std::string Footer(const std::vector<std::string>& examples) {
  std::string text = "Examples:\n";
  for (const std::string& example : examples) text += "  kubectl holdfast " + example + "\n";
  return text +
         "\nWith every command: -n NAMESPACE, -A, -o wide|json|yaml, --context NAME and "
         "--kubeconfig FILE.";
}

// The command that was chosen is what its options were stored in.
template <typename C>
void Add(CLI::App& app, Options& options, const std::string& name, const std::string& help,
         void (*declare)(CLI::App&, C&), const std::vector<std::string>& examples) {
  CLI::App& verb = *app.add_subcommand(name, help);
  verb.fallthrough();
  verb.group(kCommands);
  verb.footer(Footer(examples));
  const auto command = std::make_shared<C>();
  declare(verb, *command);
  verb.callback([&options, command] { options.command = *command; });
}

void AddWait(CLI::App& verb, bool& wait, bool by_default) {
  verb.add_flag("--wait,!--no-wait", wait,
                by_default ? "Show how it goes until it is over (default)"
                           : "Show how it goes until it is over");
}

void AddSource(CLI::App& verb, FileSource& source) {
  verb.add_option("SOURCE", source.what, kSource)->required();
  verb.add_option("-c,--claim", source.claim, "Which volume, where there are several");
  verb.add_option("--as-of", source.as_of,
                  "The last good backup at that time: \"yesterday 14:00\", \"2h ago\"")
      ->option_text("TIME");
  verb.add_option("--policy", source.policy, "The policy, where several protect it");
  verb.add_option("--repository", source.repository, "The BackupRepository of a snapshot's id");
  verb.add_flag("--keep", source.keep,
                "Leave the pod that reads for ten minutes, for further commands");
}

void DeclareBackup(CLI::App& verb, BackupCommand& command) {
  verb.add_option("OBJECT", command.what, "sts/NAME or bkp/NAME")->required();
  verb.add_option("--policy", command.policy, "The policy, where several protect it");
  verb.add_option("--type", command.type, "Full, Differential or Incremental")
      ->option_text("TYPE")
      ->check(CLI::IsMember({"Full", "Differential", "Incremental"}, CLI::ignore_case));
  verb.add_option("--name", command.name, "Of the Backup, instead of one that is made up");
  verb.add_flag("--pinned", command.pinned, "Retention leaves it alone");
  AddWait(verb, command.wait, false);
}

void DeclareRestore(CLI::App& verb, RestoreCommand& command) {
  verb.add_option("OBJECT", command.what,
                  "sts/NAME: in place; with --into also bkp/NAME and bk/NAME")
      ->required();
  auto* as_of =
      verb.add_option("--as-of", command.as_of,
                      "The last good backup at that time: \"yesterday 14:00\", \"2h ago\"")
          ->option_text("TIME");
  auto* previous =
      verb.add_option("--previous", command.previous, "So many good backups before the last one")
          ->option_text("COUNT")
          ->check(CLI::Range(0, 10000))
          ->excludes(as_of);
  verb.add_option("--backup", command.backup, "This Backup")->excludes(as_of)->excludes(previous);
  verb.add_option("--policy", command.policy, "The policy, where several protect it");
  verb.add_option("--path", command.paths, "Only this path in the volume; may be repeated")
      ->option_text("PATH")
      ->allow_extra_args(false);
  verb.add_option("--into", command.into,
                  "Restore the claim FROM into the claim TO; may be repeated")
      ->option_text("FROM=TO")
      ->allow_extra_args(false);
  verb.add_option("--name", command.name, "Of the Restore, instead of one that is made up");
  verb.add_flag("--keep-extra", command.keep_extra,
                "Leave files that are not in the backup where they are");
  AddWait(verb, command.wait, true);
}

void DeclareStatus(CLI::App& verb, StatusCommand& command) {
  verb.add_option("OBJECT", command.what,
                  "rst/NAME, bk/NAME, bkp/NAME, bkr/NAME or sts/NAME; everything without it");
  verb.add_flag("-w,--wait", command.wait, "Show how it goes until it is over");
}

void DeclareSnapshots(CLI::App& verb, SnapshotsCommand& command) {
  verb.add_option("OBJECT", command.what, "sts/NAME, bkp/NAME or bkr/NAME; all without it");
  verb.add_option("--repository", command.repository,
                  "Ask the repository itself: also for what others put there");
  verb.add_flag("--keep", command.keep,
                "Leave the pod that reads for ten minutes, for further commands");
}

void DeclareLs(CLI::App& verb, LsCommand& command) {
  AddSource(verb, command.source);
  verb.add_option("PATH", command.path, "A directory or file in the volume");
  verb.add_flag("-R,--recursive", command.recursive, "What is below its directories, too");
  verb.add_flag("-l,--long", command.long_format, "Modes, owners, sizes and times, too");
}

void DeclareCat(CLI::App& verb, CatCommand& command) {
  AddSource(verb, command.source);
  verb.add_option("PATH", command.path, "A file in the volume")->required();
}

void DeclareDownload(CLI::App& verb, DownloadCommand& command) {
  AddSource(verb, command.source);
  verb.add_option("PATH", command.path, "A file; or a directory, which becomes a tar archive")
      ->required();
  verb.add_option("--to", command.to, "The file to write, or - for standard output")
      ->option_text("FILE");
  verb.add_flag("--force", command.force, "Replace a file that is there");
}

void DeclareVerify(CLI::App& verb, VerifyCommand& command) { AddSource(verb, command.source); }
void DeclareReport(CLI::App&, ReportCommand&) {}

void DeclareImport(CLI::App& verb, ImportCommand& command) {
  verb.add_option("REPOSITORY", command.repository, "bkr/NAME")->required();
  verb.add_option("--cluster", command.cluster, "Backups of that cluster, instead of this one");
  verb.add_option("--from-namespace", command.from_namespace,
                  "Backups of that namespace, instead of this one");
  verb.add_option("--newest", command.newest, "No more than so many (100)")
      ->option_text("COUNT")
      ->check(CLI::Range(1, 10000));
  AddWait(verb, command.wait, true);
}

void AddCompletion(CLI::App& app, Options& options) {
  CLI::App& verb =
      *app.add_subcommand("completion", "Shell code that completes commands and names");
  verb.group(kCommands);
  verb.footer(
      Footer({"completion bash > ~/.local/share/bash-completion/completions/"
              "kubectl-holdfast",
              "completion zsh"}));
  verb.add_option_function<std::string>(
          "SHELL",
          [&options](const std::string& shell) { options.print_only = CompletionScript(shell); },
          "bash or zsh")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
}

void ReadOutput(const std::string& word, OutputFormat& output) {
  static const std::map<std::string, OutputFormat> kFormats = {
      {"wide", OutputFormat::kWide}, {"json", OutputFormat::kJson}, {"yaml", OutputFormat::kYaml}};
  const auto found = kFormats.find(word);
  if (found == kFormats.end())
    throw CLI::ValidationError("-o", "\"" + word + "\" is none of wide, json and yaml");
  output = found->second;
}

void DeclareCommon(CLI::App& app, Options& options) {
  app.add_option("-n,--namespace", options.ns, "The namespace, instead of the context's");
  app.add_flag("-A,--all-namespaces", options.all_namespaces, "Of all namespaces");
  app.add_option("--context", options.context, "The kubeconfig's context");
  app.add_option("--kubeconfig", options.kubeconfig, "The kubeconfig file")->option_text("FILE");
  app.add_option_function<std::string>(
         "-o,--output", [&options](const std::string& word) { ReadOutput(word, options.output); },
         "wide, json or yaml")
      ->option_text("FORMAT");
  app.add_flag("-y,--yes", options.yes, "Do it without asking");
}

Result<Options> NoCommand(const CLI::App& app, const std::string& word) {
  std::string names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names += (names.empty() ? "" : ", ") + verb->get_name();
  return Fail(Code::kInvalid, "there is no command \"" + word + "\"; there are " + names);
}

// CLI11 says only the name of what is required.
std::string Missing(const CLI::App& verb, const std::string& otherwise) {
  for (const CLI::Option* option : verb.get_options())
    if (option->get_required() && option->count() == 0)
      return option->get_name(true) + " is missing: " + option->get_description();
  return otherwise;
}

// "help", and "help COMMAND", as kubectl has them.
std::vector<std::string> WithoutHelpWord(std::vector<std::string> arguments) {
  if (arguments.empty()) return {"--help"};
  if (arguments.front() != "help") return arguments;
  arguments.erase(arguments.begin());
  arguments.push_back("--help");
  return arguments;
}

}  // namespace

void DeclareOptions(CLI::App& app, Options& options) {
  app.formatter(HelpFormatter());
  app.set_version_flag("--version", std::string("kubectl-holdfast ") + HOLDFAST_VERSION);
  app.require_subcommand(0, 1);
  app.footer("More about a command, with examples: kubectl holdfast COMMAND --help");
  DeclareCommon(app, options);
  Add(app, options, "status", "How backups and restores are", DeclareStatus,
      {"status", "status sts/mysql", "status rst/mysql-x7k2p --wait"});
  Add(app, options, "backup", "Back up now", DeclareBackup,
      {"backup sts/mysql --wait", "backup bkp/nightly --type Full --name before-upgrade --pinned"});
  Add(app, options, "restore", "Bring data back", DeclareRestore,
      {"restore sts/mysql", "restore sts/mysql --as-of \"yesterday 14:00\"",
       "restore sts/mysql --path /shop/orders.ibd", "restore sts/mysql --backup before-upgrade -y",
       "restore bk/before-upgrade --into data-mysql-0=inspect"});
  Add(app, options, "snapshots", "What can be brought back", DeclareSnapshots,
      {"snapshots", "snapshots sts/mysql -o wide", "snapshots --repository offsite"});
  Add(app, options, "ls", "List files in a backup", DeclareLs,
      {"ls sts/mysql", "ls bk/before-upgrade /conf -l",
       "ls sts/mysql / --as-of \"2h ago\" --keep"});
  Add(app, options, "cat", "Print a file of a backup", DeclareCat,
      {"cat sts/mysql /conf/my.cnf --as-of \"2h ago\""});
  Add(app, options, "download", "Fetch a file or a directory of a backup", DeclareDownload,
      {"download bk/before-upgrade /shop/orders.ibd",
       "download bk/before-upgrade /shop --to - | tar -tf -"});
  Add(app, options, "verify", "Read a backup back and look for damage", DeclareVerify,
      {"verify bk/before-upgrade", "verify sts/mysql", "verify bkr/offsite"});
  Add(app, options, "report", "What is protected, how old, how big, how fast to bring back",
      DeclareReport, {"report -A", "report -o json"});
  Add(app, options, "import", "Find the backups that a repository holds", DeclareImport,
      {"import bkr/offsite", "import bkr/offsite --cluster old"});
  AddCompletion(app, options);
}

// CLI11 parses in reverse order and throws; both stay in here.
Result<Options> ParseOptions(const std::vector<std::string>& arguments) {
  Options options;
  CLI::App app("Backs up and restores the volumes of StatefulSets, with Holdfast.",
               "kubectl holdfast");
  DeclareOptions(app, options);
  const auto chosen = [&] { return app.get_subcommands(); };
  const auto mistake = [&](const std::string& what) {
    return Fail(Code::kInvalid, what + "\nSee kubectl holdfast " +
                                    (chosen().empty() ? "" : chosen().front()->get_name() + " ") +
                                    "--help");
  };
  TRY_VOID(CheckOptionValues(arguments));
  std::vector<std::string> words = WithoutHelpWord(arguments);
  std::ranges::reverse(words);
  try {
    app.parse(std::move(words));
    if (chosen().empty()) options.print_only = app.help();
  } catch (const CLI::CallForHelp&) {
    options.print_only = app.help();
  } catch (const CLI::CallForVersion&) {
    options.print_only = app.version() + "\n";
  } catch (const CLI::ExtrasError& e) {
    if (chosen().empty()) return NoCommand(app, app.remaining().front());
    return mistake(e.what());
  } catch (const CLI::RequiredError& e) {
    return mistake(chosen().empty() ? e.what() : Missing(*chosen().front(), e.what()));
  } catch (const CLI::ParseError& e) {
    return mistake(e.what());
  }
  return options;
}

}  // namespace holdfast::plugin
