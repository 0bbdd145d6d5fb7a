// Adds index files to a repository that list many blobs which are not there, in packs that are
// not there either: a repository of ten million blobs for what only looks at its index.
//
//   holdfast_large_repository FOLDER PASSWORD_FILE BLOBS
#include <charconv>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "jobs/repo/index.h"
#include "jobs/repo/repository.h"
#include "jobs/storage/local.h"

namespace holdfast::bench {
namespace {

// restic's index files have up to so many: the hardest to load.
constexpr std::uint64_t kBlobsAFile = 50'000;
// Pieces of 700 KB in packs of 16 MiB, as restic fills them.
constexpr std::uint64_t kBlobsAPack = 22;
constexpr std::uint32_t kStored = 700'000, kPlain = 1'000'000;

repo::Id NthId(std::uint64_t n) {
  return repo::Id::Of(ByteView(reinterpret_cast<const std::uint8_t*>(&n), sizeof(n)));
}

repo::PackEntry NthPack(std::uint64_t n) {
  repo::PackEntry pack{NthId(~n), {}};
  for (std::uint64_t i = 0; i < kBlobsAPack; ++i)
    pack.blobs.push_back({{repo::BlobType::kData, NthId(n * kBlobsAPack + i)},
                          static_cast<std::uint32_t>(i) * kStored,
                          kStored,
                          kPlain});
  return pack;
}

Result<void> AddIndexFiles(repo::Repository& repository, std::uint64_t blobs) {
  std::vector<repo::PackEntry> packs;
  const std::uint64_t count = blobs / kBlobsAPack;
  for (std::uint64_t n = 0; n < count; ++n) {
    packs.push_back(NthPack(n));
    if (packs.size() * kBlobsAPack < kBlobsAFile && n + 1 < count) continue;
    const std::string text = repo::EncodeIndex(packs);
    TRY_VOID(repository.SaveUnpacked(storage::FileType::kIndex, AsBytes(text), {}));
    packs.clear();
  }
  return {};
}

Result<void> Run(const std::string& folder, const std::string& password, std::uint64_t blobs) {
  storage::Local storage(folder);
  TRY(auto key, repo::FindKey(storage, password, {}));
  if (!key) return Fail(Code::kDenied, "the password opens no key");
  TRY(auto repository, repo::Repository::Open(storage, std::move(key->master), {}, {}));
  return AddIndexFiles(*repository, blobs);
}

int Main(const std::vector<std::string>& words) {
  std::uint64_t blobs = 0;
  if (words.size() == 3) std::from_chars(words[2].data(), words[2].data() + words[2].size(), blobs);
  std::string password;
  if (blobs == 0 || !std::getline(std::ifstream(words[1]), password)) {
    std::fputs("holdfast_large_repository FOLDER PASSWORD_FILE BLOBS\n", stderr);
    return 2;
  }
  const Result<void> done = Run(words[0], password, blobs);
  if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
  return done ? 0 : 1;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  return holdfast::bench::Main(std::vector<std::string>(argv + 1, argv + argc));
}
