#include "jobs/repo/index.h"

#include "tests/fuzz/target.h"

namespace {

using namespace holdfast;

struct File {
  std::vector<repo::PackEntry> packs;
  std::vector<repo::Id> supersedes;
};

Result<File> Decode(ByteView text) {
  File file;
  TRY(file.supersedes, repo::DecodeIndex(text, [&](repo::PackEntry&& pack) -> Result<void> {
        file.packs.push_back(std::move(pack));
        return {};
      }));
  return file;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = Decode({data, size});
  if (!file) return 0;
  const std::string text = repo::EncodeIndex(file->packs, file->supersedes);
  const auto again = Decode(AsBytes(text));
  fuzz::Require(again && repo::EncodeIndex(again->packs, again->supersedes) == text,
                "what was read is written as it was");
  return 0;
}
