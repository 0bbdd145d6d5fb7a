#include "jobs/engine/file_content.h"

#include <random>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/engine/fd.h"
#include "tests/unit/jobs/engine/trees.h"

namespace holdfast::engine {
namespace {

class FileContentTest : public testing::Test {
 protected:
  Fd NewFile() {
    const std::string path = folder_ + "/" + std::to_string(++files_);
    return Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
  }
  static std::uint64_t SizeOf(const Fd& fd) {
    struct stat status {};
    EXPECT_EQ(::fstat(fd.get(), &status), 0);
    return static_cast<std::uint64_t>(status.st_size);
  }
  static Bytes ContentOf(const Fd& fd) {
    Bytes content(SizeOf(fd));
    EXPECT_EQ(::pread(fd.get(), content.data(), content.size(), 0),
              static_cast<ssize_t>(content.size()));
    return content;
  }
  // Runs of zeros and of other bytes, whose borders lie anywhere.
  Bytes Runs(std::size_t size) {
    Bytes content(size);
    for (std::size_t at = 0; at < size;) {
      const std::size_t run = std::min(size - at, 1 + random_() % 20'000);
      if (random_() % 2 == 0) std::fill_n(content.begin() + static_cast<long>(at), run, 7);
      at += run;
    }
    return content;
  }

  TempDir dir_;
  const std::string folder_ = dir_.Make("files");
  std::mt19937 random_{3};
  int files_ = 0;
};

TEST_F(FileContentTest, NewFilesHoldWhatWasWritten) {
  for (const std::size_t size : {0U, 1U, 4095U, 4096U, 4097U, 8192U, 100'000U, 1U << 20}) {
    for (const Bytes& content : {Bytes(size), Bytes(size, 1), Runs(size)}) {
      const Fd fd = NewFile();
      ASSERT_EQ(WriteNew(fd.get(), content), 0);
      EXPECT_TRUE(ContentOf(fd) == content) << size << " bytes";
      EXPECT_TRUE(HasBytes(fd.get(), 0, content));
      EXPECT_TRUE(HasContent(fd.get(), 0, size, repo::Id::Of(content)));
    }
  }
}

TEST_F(FileContentTest, PartsReplaceWhatWasThere) {
  const Bytes before = Runs(200'000);
  for (int i = 0; i < 50; ++i) {
    const Fd fd = NewFile();
    ASSERT_EQ(WriteNew(fd.get(), before), 0);
    const std::size_t offset = random_() % 100'000;
    const Bytes part = Runs(random_() % 100'000);
    ASSERT_EQ(WriteSparse(fd.get(), part, offset, false), 0);
    Bytes after = before;
    std::ranges::copy(part, after.begin() + static_cast<long>(offset));
    EXPECT_TRUE(ContentOf(fd) == after) << part.size() << " bytes at " << offset;
    EXPECT_TRUE(HasBytes(fd.get(), offset, part));
  }
}

TEST_F(FileContentTest, EveryOtherByteIsNoticed) {
  const Bytes content = Runs(300'000);
  const Fd fd = NewFile();
  ASSERT_EQ(WriteNew(fd.get(), content), 0);
  for (const std::size_t at : {0U, 131'071U, 131'072U, 299'999U}) {
    Bytes other = content;
    other[at] ^= 1;
    EXPECT_FALSE(HasBytes(fd.get(), 0, other)) << "byte " << at;
    EXPECT_FALSE(HasContent(fd.get(), 0, other.size(), repo::Id::Of(other))) << "byte " << at;
  }
  // A file that ends early does not have them, whatever they are.
  ASSERT_EQ(::ftruncate(fd.get(), 299'999), 0);
  EXPECT_FALSE(HasBytes(fd.get(), 0, content));
}

}  // namespace
}  // namespace holdfast::engine
