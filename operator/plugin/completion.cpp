#include "operator/plugin/completion.h"

#include <algorithm>
#include <optional>

#include <CLI/CLI.hpp>

#include "operator/plugin/options.h"

namespace holdfast::plugin {
namespace {

using Words = std::vector<std::string>;

// Cobra's: no file names; and no blank behind.
constexpr int kNoFiles = 4;
constexpr int kNoSpace = 2;

constexpr const char* kBash =
    R"(# kubectl holdfast completion bash: source <(kubectl holdfast completion bash)
_kubectl_holdfast() {
  local candidates
  mapfile -t candidates < <(kubectl-holdfast __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  unset 'candidates[-1]'
  COMPREPLY=("${candidates[@]}")
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace
}
complete -F _kubectl_holdfast kubectl-holdfast
)";

constexpr const char* kZsh = R"(#compdef kubectl-holdfast
# kubectl holdfast completion zsh: source <(kubectl holdfast completion zsh)
_kubectl_holdfast() {
  local -a candidates folders others
  candidates=("${(@f)$(kubectl-holdfast __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  candidates[-1]=()
  folders=(${(M)candidates:#*/})
  others=(${candidates:#*/})
  (( ${#others} )) && compadd -- "${others[@]}"
  (( ${#folders} )) && compadd -S '' -- "${folders[@]}"
}
compdef _kubectl_holdfast kubectl-holdfast
)";

const CLI::Option* OptionNamed(const CLI::App& app, const std::string& word) {
  for (const CLI::Option* option : app.get_options())
    if (option->check_name(word)) return option;
  return nullptr;
}

bool TakesValue(const CLI::Option* option) {
  return option != nullptr && option->get_items_expected_max() > 0;
}

// The option whose value `word` would be, of the command or of all.
const CLI::Option* Pending(const CLI::App& app, const CLI::App* verb, const std::string& word) {
  if (!word.starts_with('-') || word.find('=') != word.npos) return nullptr;
  const CLI::Option* option = verb == nullptr ? nullptr : OptionNamed(*verb, word);
  if (option == nullptr) option = OptionNamed(app, word);
  return TakesValue(option) ? option : nullptr;
}

void AddOptions(const CLI::App& app, Words& candidates) {
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) candidates.push_back("--" + name);
}

// Kinds that a command's first word may name.
std::vector<ObjectKind> KindsFor(const std::string& verb) {
  using enum ObjectKind;
  if (verb == "backup") return {kStatefulSet, kPolicy};
  if (verb == "restore") return {kStatefulSet, kPolicy, kBackup};
  if (verb == "status") return {kStatefulSet, kPolicy, kBackup, kRestore, kRepository};
  if (verb == "snapshots") return {kStatefulSet, kPolicy, kRepository};
  if (verb == "ls" || verb == "cat" || verb == "download") return {kBackup, kStatefulSet, kPolicy};
  if (verb == "verify") return {kBackup, kStatefulSet, kPolicy, kRepository};
  if (verb == "import") return {kRepository};
  return {};
}

std::optional<ObjectKind> KindOfOption(const std::string& name) {
  if (name == "--policy") return ObjectKind::kPolicy;
  if (name == "--backup") return ObjectKind::kBackup;
  if (name == "--repository") return ObjectKind::kRepository;
  return std::nullopt;
}

class Completion {
 public:
  Completion(const Words& words, const Completer& completer)
      : words_(words), completer_(completer), app_("", "kubectl holdfast") {
    DeclareOptions(app_, options_);
  }

  Words Find() {
    Read();
    const std::string& last = words_.back();
    Words candidates;
    if (pending_ != nullptr)
      candidates = ValuesOf(*pending_);
    else if (last.starts_with('-'))
      candidates = AllOptions();
    else if (verb_ == nullptr)
      candidates = Commands();
    else
      candidates = Positional();
    std::erase_if(candidates, [&](const std::string& word) { return !word.starts_with(last); });
    std::ranges::sort(candidates);
    return candidates;
  }

 private:
  // What stands before the word that is being written.
  void Read() {
    for (std::size_t i = 0; i + 1 < words_.size(); ++i) {
      const std::string& word = words_[i];
      if (pending_ != nullptr) {
        pending_ = nullptr;
      } else if (word.starts_with('-')) {
        pending_ = Pending(app_, verb_, word);
      } else if (verb_ == nullptr) {
        const auto named = app_.get_subcommands(
            [&](const CLI::App* verb) { return verb->get_name() == word; });
        if (!named.empty()) verb_ = named.front();
      } else {
        positional_.push_back(word);
      }
    }
  }

  Words Commands() const {
    Words names;
    for (const CLI::App* verb : app_.get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(verb->get_name());
    return names;
  }

  Words AllOptions() const {
    Words options;
    if (verb_ != nullptr) AddOptions(*verb_, options);
    AddOptions(app_, options);
    return options;
  }

  Words ValuesOf(const CLI::Option& option) const {
    const std::string name = option.get_lnames().empty() ? "" : "--" + option.get_lnames().front();
    if (name == "--output") return {"wide", "json", "yaml"};
    if (name == "--type") return {"Full", "Differential", "Incremental"};
    if (const auto kind = KindOfOption(name)) return completer_.names(*kind);
    return {};
  }

  // An object first; then, of files, a path.
  Words Positional() const {
    const std::string& verb = verb_->get_name();
    if (verb == "completion" && positional_.empty()) return {"bash", "zsh"};
    const bool files = verb == "ls" || verb == "cat" || verb == "download";
    if (positional_.empty()) return Objects(verb);
    if (files && positional_.size() == 1) return Paths(positional_[0]);
    return {};
  }

  // Names once the kind is written, so that few requests are made; kinds before.
  Words Objects(const std::string& verb) const {
    const std::string& last = words_.back();
    const auto kinds = KindsFor(verb);
    Words objects;
    for (const ObjectKind kind : kinds) {
      const std::string prefix = std::string(ShortName(kind)) + "/";
      if (!last.starts_with(prefix) && kinds.size() > 1) {
        objects.push_back(prefix);
        continue;
      }
      for (const std::string& name : completer_.names(kind)) objects.push_back(prefix + name);
    }
    return objects;
  }

  Words Paths(const std::string& source) const {
    const std::string& last = words_.back();
    const std::string directory = last.substr(0, last.rfind('/') + 1);
    return completer_.entries(source, directory.empty() ? "/" : directory);
  }

  const Words& words_;
  const Completer& completer_;
  Options options_;
  CLI::App app_;
  CLI::App* verb_ = nullptr;
  const CLI::Option* pending_ = nullptr;
  Words positional_;
};

}  // namespace

Words Complete(const Words& words, const Completer& completer) {
  if (words.empty()) return Complete({""}, completer);
  return Completion(words, completer).Find();
}

std::string CobraAnswer(const Words& candidates) {
  std::string answer;
  for (const std::string& candidate : candidates) answer += candidate + "\n";
  const bool open = candidates.size() == 1 && candidates.front().ends_with('/');
  return answer + ":" + std::to_string(open ? kNoFiles | kNoSpace : kNoFiles) + "\n";
}

std::string CompletionScript(const std::string& shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  return "";
}

}  // namespace holdfast::plugin
