// Holds the direction of dependencies (docs/design/0001-parts-and-arrows.md) by reading the include
// lines of the whole tree.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

namespace fs = std::filesystem;

// A part may include itself and what stands here. Longer prefixes are parts of their own.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"base", {}},
    {"base/http", {"base"}},
    {"jobs/protocol", {"base"}},
    {"jobs/storage", {"base"}},
    {"jobs/repo", {"base", "jobs/storage"}},
    {"jobs/engine", {"base", "jobs/storage", "jobs/repo", "jobs/protocol"}},
    {"jobs/gateway", {"base", "base/http", "jobs/storage", "jobs/engine", "jobs/protocol"}},
    {"jobs/dump", {"base", "jobs/protocol"}},
    {"jobs", {"base", "jobs/storage", "jobs/repo", "jobs/engine", "jobs/protocol", "jobs/gateway"}},
    {"crds/types", {"base"}},
    {"operator/kube", {"base"}},
    {"controllers", {"base", "crds/types", "operator/kube", "jobs/protocol"}},
    {"operator/plugin", {"base", "operator/kube", "crds/types", "controllers", "jobs/protocol"}},
    {"operator", {"base", "base/http", "operator/kube", "crds/types", "controllers"}},
};

// Third-party libraries that only their adapter knows.
const std::map<std::string, std::set<std::string>> kAdapters = {
    {"boost/",
     {"base/http/server.cpp", "base/http/shares.h", "base/http/shares.cpp", "operator/kube/exec.cpp",
      "operator/kube/tls.cpp"}},
    {"cpprest/", {"operator/kube/transport_cpprest.cpp"}},
    {"curl/", {"jobs/storage/http.cpp"}},
    {"yaml-cpp/", {"operator/kube/config.cpp", "operator/plugin/table.cpp"}},
};

std::string PartOf(const std::string& path) {
  std::string best;
  for (const auto& [part, allowed] : kMayInclude)
    if (path.starts_with(part + "/") && part.size() > best.size()) best = part;
  return best;
}

bool IsSource(const fs::path& path) {
  return path.extension() == ".h" || path.extension() == ".cpp";
}

std::vector<fs::path> Sources(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && IsSource(entry.path())) found.push_back(entry.path());
  return found;
}

// Visits what stands between `open` and `close` on the include lines of a file.
template <typename Visit>
void ForEachInclude(const fs::path& source, char open, char close, Visit visit) {
  const std::string start = std::string("#include ") + open;
  std::ifstream in(source);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(start))
      visit(line.substr(start.size(), line.find(close, start.size()) - start.size()));
}

bool IsSwitchedOff(const std::string& line) {
  const std::string comment = "//";
  const std::size_t text = line.find_first_not_of(" /");
  const bool commented = line.find(comment) < text && text != line.npos;
  return line.find(std::string("DISABLED") + "_") != line.npos ||
         line.find(std::string("GTEST_") + "SKIP") != line.npos ||
         (commented && line.compare(text, 4, "TEST") == 0 && line.find('(', text) != line.npos);
}

std::string Spelled(const fs::path& path) { return path.lexically_normal().generic_string(); }

const char* const kFolders[] = {"base", "base/http", "jobs", "crds", "operator", "controllers"};

TEST(LayoutTest, IncludesFollowTheArrows) {
  std::size_t seen = 0;
  for (const char* folder : kFolders)
    for (const fs::path& source : Sources(folder)) {
      const std::string file = Spelled(source);
      const std::string part = PartOf(file);
      ForEachInclude(source, '"', '"', [&](const std::string& include) {
        ++seen;
        const std::string to = PartOf(include);
        EXPECT_FALSE(to.empty()) << file << ": \"" << include << "\" is not spelled from the root";
        EXPECT_TRUE(to == part || kMayInclude.at(part).contains(to))
            << file << " includes " << include << ": " << part << " may not know " << to;
      });
    }
  EXPECT_GT(seen, 30u) << "run from the root of the checkout";
}

TEST(LayoutTest, ThirdPartyHeadersStayInTheirAdapters) {
  for (const char* folder : kFolders)
    for (const fs::path& source : Sources(folder)) {
      const std::string file = Spelled(source);
      ForEachInclude(source, '<', '>', [&](const std::string& include) {
        for (const auto& [prefix, files] : kAdapters) {
          const bool known = !include.starts_with(prefix) || files.contains(file);
          EXPECT_TRUE(known) << file << " includes <" << include << ">";
        }
      });
    }
}

// A test that is switched off is forgotten: it is mended or deleted.
TEST(LayoutTest, NoTestIsSwitchedOff) {
  for (const fs::path& source : Sources("tests")) {
    std::ifstream in(source);
    for (std::string line; std::getline(in, line);)
      EXPECT_FALSE(IsSwitchedOff(line)) << Spelled(source) << ": " << line;
  }
}

}  // namespace
}  // namespace holdfast
