#include "jobs/repo/pack_reader.h"

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "jobs/repo/pack.h"
#include "jobs/storage/memory.h"

namespace holdfast::repo {
namespace {

using storage::FileType;

// Packs made by hand, of blobs whose contents are known.
class PackReaderTest : public testing::Test {
 protected:
  Bytes Content(std::size_t size) {
    Bytes content(size);
    std::ranges::generate(content, [&] { return static_cast<std::uint8_t>(random_()); });
    return content;
  }

  // Appends a blob to a pack that is being made, and notes what it holds.
  Blob Append(Bytes& pack, const Bytes& content, bool compressed) {
    const ByteView smaller = compressed ? Compress(content, Compression::kAuto) : ByteView();
    const Bytes sealed = key_.Seal(smaller.empty() ? ByteView(content) : smaller);
    const Blob blob{{BlobType::kData, Id::Of(content)},
                    static_cast<std::uint32_t>(pack.size()),
                    static_cast<std::uint32_t>(sealed.size()),
                    smaller.empty() ? 0 : static_cast<std::uint32_t>(content.size())};
    pack.insert(pack.end(), sealed.begin(), sealed.end());
    contents_[blob.handle.id] = content;
    return blob;
  }

  Id Store(const Bytes& pack) {
    const Id id = Id::Of(pack);
    EXPECT_TRUE(storage_.Save({FileType::kPack, id.Hex()}, pack, {}));
    return id;
  }

  // Reads the portions and compares what is given with what was stored. How often each was given,
  // or the message.
  std::map<std::pair<std::size_t, std::uint32_t>, std::vector<std::string>> Read(
      std::vector<PackReader::Portion> portions) {
    std::map<std::pair<std::size_t, std::uint32_t>, std::vector<std::string>> given;
    std::size_t next = 0;
    const auto source = [&]() -> std::optional<PackReader::Portion> {
      if (next == portions.size()) return std::nullopt;
      return portions[next++];
    };
    const auto visit = [&](std::size_t number, const Blob& blob,
                           Result<ByteView> content) -> Result<void> {
      const Bytes& right = contents_[blob.handle.id];
      const std::string what = !content                              ? content.error().message
                               : std::ranges::equal(*content, right) ? "right"
                                                                     : "WRONG CONTENT";
      given[{number, blob.offset}].push_back(what);
      return {};
    };
    EXPECT_TRUE(PackReader(storage_, key_).Read(source, visit, {}));
    return given;
  }

  const Key key_ = Key::Random();
  storage::Memory storage_;
  std::mt19937 random_{11};
  std::map<Id, Bytes> contents_;
};

TEST_F(PackReaderTest, EveryBlobOnceWithItsContent) {
  std::vector<PackReader::Portion> portions;
  for (std::size_t number = 0; number < 30; ++number) {
    Bytes pack;
    PackReader::Portion portion{{}, {}, number};
    for (std::size_t i = 0; i < 1 + random_() % 12; ++i) {
      // Stored as they are and compressed, small and larger than a request, with gaps between.
      Bytes content = Content(random_() % (i == 3 ? 5'000'000 : 60'000));
      const bool compressed = random_() % 2 == 0;
      if (compressed) std::fill(content.begin(), content.begin() + content.size() / 2, 'x');
      const Blob blob = Append(pack, content, compressed);
      if (random_() % 4 != 0 || portion.blobs.empty()) portion.blobs.push_back(blob);
    }
    portion.pack = Store(pack);
    std::ranges::shuffle(portion.blobs, random_);
    portions.push_back(portion);
  }
  const auto given = Read(portions);
  std::size_t wanted = 0;
  for (const PackReader::Portion& portion : portions) {
    wanted += portion.blobs.size();
    for (const Blob& blob : portion.blobs)
      EXPECT_EQ(given.at({portion.number, blob.offset}), std::vector<std::string>{"right"});
  }
  EXPECT_EQ(given.size(), wanted);
}

TEST_F(PackReaderTest, WhatIsDamagedIsNamedAndTheRestIsGiven) {
  Bytes pack;
  PackReader::Portion portion;
  for (int i = 0; i < 6; ++i) portion.blobs.push_back(Append(pack, Content(1000), false));
  pack[portion.blobs[1].offset + 20] ^= 1;
  portion.blobs[3].handle.id = Id::Of(AsBytes("another"));
  portion.blobs[5].length += 1000;  // beyond the end: of this request nothing is read
  const Blob far = portion.blobs[5];
  portion.pack = Store(pack);
  for (const auto& [place, given] : Read({portion})) {
    ASSERT_EQ(given.size(), 1U);
    EXPECT_NE(given[0].find("bytes, but"), std::string::npos) << given[0];
  }
  std::erase(portion.blobs, far);
  const auto given = Read({portion});
  for (const std::size_t good : {0U, 2U, 4U})
    EXPECT_EQ(given.at({0, portion.blobs[good].offset}), std::vector<std::string>{"right"});
  const std::string damaged = given.at({0, portion.blobs[1].offset}).front();
  EXPECT_NE(damaged.find("pack " + portion.pack.Short()), std::string::npos) << damaged;
  EXPECT_NE(damaged.find(Describe(portion.blobs[1].handle)), std::string::npos) << damaged;
  EXPECT_NE(damaged.find("authentication code"), std::string::npos) << damaged;
  const std::string other = given.at({0, portion.blobs[3].offset}).front();
  EXPECT_NE(other.find("does not have this id"), std::string::npos) << other;
}

TEST_F(PackReaderTest, AFalseIndexIsFoundOut) {
  Bytes pack;
  PackReader::Portion portion;
  for (int i = 0; i < 3; ++i) portion.blobs.push_back(Append(pack, Content(1000), false));
  portion.pack = Store(pack);
  Blob inside = portion.blobs[1];
  inside.offset += 10;
  Blob huge = portion.blobs[2];
  huge.offset += 1;
  huge.length = UINT32_MAX;
  portion.blobs.push_back(inside);
  portion.blobs.push_back(huge);
  const auto given = Read({portion});
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(given.at({0, portion.blobs[static_cast<std::size_t>(i)].offset}),
              std::vector<std::string>{"right"});
  EXPECT_NE(given.at({0, inside.offset}).front().find("overlaps"), std::string::npos);
  EXPECT_NE(given.at({0, huge.offset}).front().find("larger than any blob"), std::string::npos);
}

TEST_F(PackReaderTest, AnErrorOfTheVisitorEndsTheReading) {
  Bytes pack;
  PackReader::Portion portion;
  for (int i = 0; i < 5; ++i) portion.blobs.push_back(Append(pack, Content(100), false));
  portion.pack = Store(pack);
  int visits = 0;
  std::optional<PackReader::Portion> only(portion);
  const auto done = PackReader(storage_, key_)
                        .Read([&] { return std::exchange(only, std::nullopt); },
                              [&](std::size_t, const Blob&, Result<ByteView>) -> Result<void> {
                                ++visits;
                                return Fail(Code::kNoSpace, "full");
                              },
                              {});
  EXPECT_EQ(done.error().code, Code::kNoSpace);
  EXPECT_EQ(visits, 1);
}

}  // namespace
}  // namespace holdfast::repo
