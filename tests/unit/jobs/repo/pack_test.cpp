#include "jobs/repo/pack.h"

#include <algorithm>
#include <thread>

#include <gtest/gtest.h>

#include "jobs/storage/memory.h"

namespace holdfast::repo {
namespace {

Blob MakeBlob(BlobType type, std::uint32_t offset, std::uint32_t length, std::uint32_t plain) {
  return {{type, Id::Random()}, offset, length, plain};
}

std::vector<Blob> SomeBlobs() {
  return {MakeBlob(BlobType::kData, 0, 100, 0), MakeBlob(BlobType::kTree, 100, 50, 0),
          MakeBlob(BlobType::kData, 150, 40, 4711), MakeBlob(BlobType::kTree, 190, 33, 1)};
}

TEST(PackHeader, ComesBackAsItWas) {
  const Key key = Key::Random();
  const std::vector<Blob> blobs = SomeBlobs();
  const Bytes header = EncodePackHeader(key, blobs);
  EXPECT_EQ(DecodePackHeader(key, header, 223 + header.size()).value(), blobs);
}

// FORMAT.md, "Packs": type, lengths in little endian, id; the header's length behind it.
TEST(PackHeader, HasTheDocumentedBytes) {
  const Key key = Key::Random();
  const Blob plain{{BlobType::kTree, Id::Of(AsBytes("a"))}, 0, 0x01020304, 0};
  const Blob compressed{{BlobType::kData, Id::Of(AsBytes("b"))}, 0, 40, 0x0A0B0C0D};
  const Bytes header = EncodePackHeader(key, std::vector{plain, compressed});
  ASSERT_EQ(header.size(), 37 + 41 + kSealOverhead + 4);
  EXPECT_EQ(Bytes(header.end() - 4, header.end()), (Bytes{37 + 41 + 32, 0, 0, 0}));
  const Bytes entries = key.Open(ByteView(header).first(header.size() - 4)).value();
  EXPECT_EQ(Bytes(entries.begin(), entries.begin() + 5), (Bytes{1, 4, 3, 2, 1}));
  EXPECT_TRUE(std::equal(plain.handle.id.bytes.begin(), plain.handle.id.bytes.end(), &entries[5]));
  EXPECT_EQ(Bytes(entries.begin() + 37, entries.begin() + 46),
            (Bytes{2, 40, 0, 0, 0, 0x0D, 0x0C, 0x0B, 0x0A}));
}

TEST(PackHeader, EveryDamagedByteIsCorrupt) {
  const Key key = Key::Random();
  const Bytes header = EncodePackHeader(key, SomeBlobs());
  for (std::size_t i = 0; i < header.size(); ++i) {
    Bytes damaged = header;
    damaged[i] ^= 0x55;
    const auto decoded = DecodePackHeader(key, damaged, 223 + header.size());
    ASSERT_FALSE(decoded) << "byte " << i;
    EXPECT_EQ(decoded.error().code, Code::kCorrupt);
  }
}

TEST(PackHeader, EveryTruncationIsCorrupt) {
  const Key key = Key::Random();
  const Bytes header = EncodePackHeader(key, SomeBlobs());
  for (std::size_t size = 0; size < header.size(); ++size)
    EXPECT_FALSE(DecodePackHeader(key, ByteView(header).last(size), 223 + header.size())) << size;
}

TEST(PackHeader, ContentsThatCannotBeAreCorrupt) {
  const Key key = Key::Random();
  const auto decode = [&](const Blob& blob) {
    const Bytes header = EncodePackHeader(key, std::span(&blob, 1));
    return DecodePackHeader(key, header, blob.length + header.size());
  };
  EXPECT_TRUE(decode(MakeBlob(BlobType::kData, 0, 32, 0)));
  EXPECT_FALSE(decode(MakeBlob(BlobType::kData, 0, 31, 0)));
  EXPECT_FALSE(decode(MakeBlob(static_cast<BlobType>(4), 0, 100, 0)));
  const std::vector<Blob> blobs = SomeBlobs();
  const Bytes header = EncodePackHeader(key, blobs);
  EXPECT_FALSE(DecodePackHeader(key, header, 224 + header.size())) << "blobs do not add up";
}

TEST(PackHeader, IsReadFromTheEndOfAStoredPack) {
  const Key key = Key::Random();
  storage::Memory memory;
  for (const std::size_t count : {1U, 500U}) {  // 500 entries are more than the first request reads
    PackWriter pack(BlobType::kData, PackBuffer::Make(1 << 20));
    for (std::size_t i = 0; i < count; ++i) {
      std::fill_n(pack.Reserve(Id::Random(), 100, 300), 100, std::uint8_t{7});
      EXPECT_FALSE(pack.Done());
    }
    EXPECT_TRUE(pack.Close());
    const ByteView bytes = pack.Finish(key).value();
    const Id id = Id::Of(bytes);
    ASSERT_TRUE(memory.Save({storage::FileType::kPack, id.Hex()}, bytes, {}));
    EXPECT_EQ(ReadPackHeader(memory, key, id, bytes.size(), {}).value(), pack.blobs());
  }
}

TEST(PackWriter, GivesOutNoPlaceBeyondItsSize) {
  PackWriter pack(BlobType::kData, PackBuffer::Make(PackWriter::CapacityFor(1000)));
  EXPECT_EQ(pack.Reserve(Id::Random(), 1001, 0), nullptr);
  EXPECT_NE(pack.Reserve(Id::Random(), 1000, 0), nullptr);
  EXPECT_EQ(pack.Reserve(Id::Random(), 32, 0), nullptr);
}

TEST(PackWriter, TheLastToFinishOwnsThePack) {
  PackWriter pack(BlobType::kData, PackBuffer::Make(1 << 20));
  ASSERT_NE(pack.Reserve(Id::Random(), 32, 0), nullptr);
  ASSERT_NE(pack.Reserve(Id::Random(), 32, 0), nullptr);
  EXPECT_FALSE(pack.Done());
  EXPECT_FALSE(pack.Close());
  EXPECT_EQ(pack.Reserve(Id::Random(), 32, 0), nullptr) << "closed";
  EXPECT_TRUE(pack.Done());
  EXPECT_FALSE(pack.Close()) << "owned already";
}

TEST(PackWriter, ManyThreadsFillDisjointPlaces) {
  const Key key = Key::Random();
  PackWriter pack(BlobType::kData, PackBuffer::Make(1 << 20));
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const Bytes content(64, static_cast<std::uint8_t>(i));
        std::uint8_t* place = pack.Reserve(Id::Of(content), 64 + kSealOverhead, 0);
        key.Seal(content, {place, 64 + kSealOverhead});
        pack.Done();
      }
    });
  threads.clear();
  ASSERT_TRUE(pack.Close());
  const ByteView bytes = pack.Finish(key).value();
  ASSERT_EQ(pack.blobs().size(), 800U);
  for (const Blob& blob : pack.blobs()) {
    Bytes sealed(bytes.begin() + blob.offset, bytes.begin() + blob.offset + blob.length);
    EXPECT_TRUE(OpenBlob(key, blob, sealed));
  }
}

}  // namespace
}  // namespace holdfast::repo
