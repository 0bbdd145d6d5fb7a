#include "tests/contract/backend_contract.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include <stdlib.h>

#include "base/hash.h"
#include "base/hex.h"

namespace holdfast::storage {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BackendContract);

std::string ObjectName(int number) { return ToHex(Sha256(AsBytes(std::to_string(number)))); }

std::string NameOf(ByteView content) { return ToHex(Sha256(content)); }

Bytes Pattern(std::size_t size, unsigned seed) {
  std::minstd_rand random(seed + 1);
  Bytes bytes(size);
  std::ranges::generate(bytes, [&] { return static_cast<std::uint8_t>(random() >> 8); });
  return bytes;
}

namespace {

// Everything FreshFolder made lies below one folder, removed when the program ends.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-XXXXXX").native();
    if (::mkdtemp(name.data()) != nullptr) root_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!root_.empty()) std::filesystem::remove_all(root_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::filesystem::path Next() {
    std::filesystem::path folder = root_ / std::to_string(++count_);
    std::filesystem::create_directory(folder);
    return folder;
  }

 private:
  std::filesystem::path root_;
  int count_ = 0;
};

constexpr std::array kNamedTypes = {FileType::kKey, FileType::kLock, FileType::kSnapshot,
                                    FileType::kIndex, FileType::kPack};

using Sizes = std::map<std::string, std::uint64_t>;

Result<Sizes> ListAll(Backend& backend, FileType type) {
  Sizes sizes;
  int visits = 0;
  TRY_VOID(backend.List(type,
                        [&](const FileInfo& info) -> Result<void> {
                          sizes[info.name] = info.size;
                          ++visits;
                          return {};
                        },
                        {}));
  EXPECT_EQ(visits, static_cast<int>(sizes.size())) << "an object was visited twice";
  return sizes;
}

}  // namespace

std::string FreshFolder() {
  static Scratch scratch;
  return scratch.Next().native();
}

void ExpectListsMoreThanOnePage(Backend& backend) {
  Sizes expected;
  for (int i = 0; i < 1001; ++i) {
    ASSERT_TRUE(backend.Save({FileType::kIndex, ObjectName(i)}, AsBytes("x"), {}));
    expected[ObjectName(i)] = 1;
  }
  EXPECT_EQ(ListAll(backend, FileType::kIndex), expected);
}

void ExpectMissingPlaceIsNoticed(const std::function<std::unique_ptr<Backend>()>& make) {
  const Handle handle{FileType::kPack, ObjectName(1)};
  const auto visit = [](const FileInfo&) -> Result<void> { return {}; };
  EXPECT_EQ(make()->Save(handle, AsBytes("x"), {}).error().code, kNoPlace);
  EXPECT_EQ(make()->Load(handle, 0, 0, {}).error().code, kNoPlace);
  EXPECT_EQ(make()->Stat(handle, {}).error().code, kNoPlace);
  EXPECT_EQ(make()->List(FileType::kPack, visit, {}).error().code, kNoPlace);
  EXPECT_EQ(make()->Remove(handle, {}).error().code, kNoPlace);
}

void BackendContract::SetUp() {
  auto made = GetParam().make();
  ASSERT_TRUE(made) << made.error().message;
  backend_ = *std::move(made);
}

TEST_P(BackendContract, LoadsWhatWasSavedUnderEachType) {
  const Handle config{FileType::kConfig, ""};
  ASSERT_TRUE(backend().Save(config, AsBytes("config"), {}));
  for (const FileType type : kNamedTypes) {
    const Bytes data = Pattern(100, static_cast<unsigned>(type));
    const Result<void> saved = backend().Save({type, NameOf(data)}, data, {});
    ASSERT_TRUE(saved) << saved.error().message;
  }
  for (const FileType type : kNamedTypes) {
    const Bytes data = Pattern(100, static_cast<unsigned>(type));
    EXPECT_EQ(backend().Load({type, NameOf(data)}, 0, 0, {}), data);
  }
  EXPECT_EQ(AsText(backend().Load(config, 0, 0, {}).value()), "config");
}

TEST_P(BackendContract, KeepsEmptyObjects) {
  const Handle handle{FileType::kIndex, ObjectName(1)};
  ASSERT_TRUE(backend().Save(handle, {}, {}));
  EXPECT_EQ(backend().Load(handle, 0, 0, {}), Bytes());
  EXPECT_EQ(backend().Stat(handle, {}).value().size, 0u);
  EXPECT_EQ(ListAll(backend(), FileType::kIndex), (Sizes{{ObjectName(1), 0}}));
}

TEST_P(BackendContract, KeepsLargeObjects) {
  const Bytes data = Pattern((std::size_t{5} << 20) + 17, 1);
  const Handle handle{FileType::kPack, NameOf(data)};
  ASSERT_TRUE(backend().Save(handle, data, {}));
  EXPECT_TRUE(backend().Load(handle, 0, 0, {}).value() == data);
  EXPECT_EQ(backend().Stat(handle, {}).value().size, data.size());
}

TEST_P(BackendContract, LoadsRanges) {
  const Handle handle{FileType::kPack, NameOf(AsBytes("0123456789"))};
  ASSERT_TRUE(backend().Save(handle, AsBytes("0123456789"), {}));
  const auto range = [&](std::uint64_t offset, std::uint64_t length) {
    const Result<Bytes> data = backend().Load(handle, offset, length, {});
    return data ? std::string(AsText(*data)) : data.error().message;
  };
  EXPECT_EQ(range(0, 1), "0");
  EXPECT_EQ(range(0, 10), "0123456789");
  EXPECT_EQ(range(3, 4), "3456");
  EXPECT_EQ(range(9, 1), "9");
  EXPECT_EQ(range(7, 0), "789");
  EXPECT_EQ(range(10, 0), "");
}

TEST_P(BackendContract, LoadsRangesIntoMemoryOfTheCaller) {
  const Handle handle{FileType::kPack, NameOf(AsBytes("0123456789"))};
  ASSERT_TRUE(backend().Save(handle, AsBytes("0123456789"), {}));
  const auto range = [&](std::uint64_t offset, std::size_t length) {
    Bytes data(length + 1, '#');
    const auto loaded = backend().LoadInto(handle, offset, std::span(data).first(length), {});
    return loaded ? std::string(AsText(data)) : loaded.error().message;
  };
  EXPECT_EQ(range(0, 10), "0123456789#");
  EXPECT_EQ(range(3, 4), "3456#");
  EXPECT_EQ(range(9, 1), "9#");
  EXPECT_EQ(range(3, 0), "#");
  Bytes data(11);
  EXPECT_EQ(backend().LoadInto(handle, 0, data, {}).error().code, Code::kCorrupt);
  EXPECT_EQ(backend().LoadInto(handle, 8, std::span(data).first(3), {}).error().code,
            Code::kCorrupt);
  const Handle absent{FileType::kPack, ObjectName(2)};
  EXPECT_EQ(backend().LoadInto(absent, 0, data, {}).error().code, Code::kNotFound);
}

TEST_P(BackendContract, ObjectThatEndsEarlyIsCorrupt) {
  const Handle handle{FileType::kPack, NameOf(AsBytes("0123456789"))};
  ASSERT_TRUE(backend().Save(handle, AsBytes("0123456789"), {}));
  EXPECT_EQ(backend().Load(handle, 0, 11, {}).error().code, Code::kCorrupt);
  EXPECT_EQ(backend().Load(handle, 8, 3, {}).error().code, Code::kCorrupt);
  EXPECT_EQ(backend().Load(handle, 10, 1, {}).error().code, Code::kCorrupt);
  EXPECT_EQ(backend().Load(handle, 11, 0, {}).error().code, Code::kCorrupt);
}

TEST_P(BackendContract, WhatIsAbsentIsNotFound) {
  for (const Handle& handle :
       {Handle{FileType::kConfig, ""}, Handle{FileType::kPack, ObjectName(1)}}) {
    EXPECT_EQ(backend().Load(handle, 0, 0, {}).error().code, Code::kNotFound);
    EXPECT_EQ(backend().Load(handle, 1, 2, {}).error().code, Code::kNotFound);
    EXPECT_EQ(backend().Stat(handle, {}).error().code, Code::kNotFound);
  }
}

TEST_P(BackendContract, EmptyPlaceListsNothing) {
  EXPECT_EQ(ListAll(backend(), FileType::kConfig), Sizes());
  for (const FileType type : kNamedTypes) EXPECT_EQ(ListAll(backend(), type), Sizes());
}

TEST_P(BackendContract, ListsEachObjectOfTheTypeOnce) {
  ASSERT_TRUE(backend().Save({FileType::kConfig, ""}, AsBytes("abc"), {}));
  Sizes expected;
  for (int i = 0; i < 20; ++i) {
    const auto size = static_cast<std::size_t>(i);
    const Bytes data = Pattern(size, 1);
    ASSERT_TRUE(backend().Save({FileType::kPack, NameOf(data)}, data, {}));
    expected[NameOf(data)] = size;
  }
  ASSERT_TRUE(backend().Save({FileType::kLock, ObjectName(7)}, AsBytes("lock"), {}));
  EXPECT_EQ(ListAll(backend(), FileType::kPack), expected);
  EXPECT_EQ(ListAll(backend(), FileType::kLock), (Sizes{{ObjectName(7), 4}}));
  EXPECT_EQ(ListAll(backend(), FileType::kConfig), (Sizes{{"", 3}}));
  EXPECT_EQ(ListAll(backend(), FileType::kKey), Sizes());
}

TEST_P(BackendContract, ErrorOfTheVisitorEndsTheListing) {
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(backend().Save({FileType::kLock, ObjectName(i)}, AsBytes("x"), {}));
  int visits = 0;
  const auto refuse = [&](const FileInfo&) -> Result<void> {
    ++visits;
    return Fail(Code::kConflict, "enough");
  };
  EXPECT_EQ(backend().List(FileType::kLock, refuse, {}).error(),
            (Error{Code::kConflict, "enough"}));
  EXPECT_EQ(visits, 1);
}

TEST_P(BackendContract, VisitorMayRemoveWhatItSees) {
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(backend().Save({FileType::kLock, ObjectName(i)}, AsBytes("x"), {}));
  const auto remove = [&](const FileInfo& info) {
    return backend().Remove({FileType::kLock, info.name}, {});
  };
  ASSERT_TRUE(backend().List(FileType::kLock, remove, {}));
  EXPECT_EQ(ListAll(backend(), FileType::kLock), Sizes());
}

TEST_P(BackendContract, RemovedObjectIsGoneAndMayBeSavedAgain) {
  const Handle handle{FileType::kSnapshot, ObjectName(1)};
  ASSERT_TRUE(backend().Save(handle, AsBytes("one"), {}));
  ASSERT_TRUE(backend().Remove(handle, {}));
  EXPECT_EQ(backend().Stat(handle, {}).error().code, Code::kNotFound);
  EXPECT_EQ(ListAll(backend(), FileType::kSnapshot), Sizes());
  ASSERT_TRUE(backend().Save(handle, AsBytes("again"), {}));
  EXPECT_EQ(AsText(backend().Load(handle, 0, 0, {}).value()), "again");
}

TEST_P(BackendContract, RemovingWhatIsAbsentIsSuccess) {
  EXPECT_TRUE(backend().Remove({FileType::kConfig, ""}, {}));
  EXPECT_TRUE(backend().Remove({FileType::kPack, ObjectName(1)}, {}));
}

TEST_P(BackendContract, SecondSaveIsRefusedOrReplaces) {
  const Handle handle{FileType::kKey, ObjectName(1)};
  ASSERT_TRUE(backend().Save(handle, AsBytes("first"), {}));
  const Result<void> second = backend().Save(handle, AsBytes("second"), {});
  if (!second) {
    EXPECT_EQ(second.error().code, Code::kAlreadyExists) << second.error().message;
  }
  EXPECT_EQ(AsText(backend().Load(handle, 0, 0, {}).value()), second ? "second" : "first");
}

TEST_P(BackendContract, NamesThatAreNoHashAreInvalid) {
  for (const std::string& name :
       {std::string(), std::string("../../etc/passwd"), std::string(64, 'g'), std::string(63, 'a'),
        std::string(64, 'A'), std::string(65, 'a')}) {
    const Handle handle{FileType::kPack, name};
    EXPECT_EQ(backend().Save(handle, AsBytes("x"), {}).error().code, Code::kInvalid) << name;
    EXPECT_EQ(backend().Load(handle, 0, 0, {}).error().code, Code::kInvalid) << name;
    EXPECT_EQ(backend().Stat(handle, {}).error().code, Code::kInvalid) << name;
    EXPECT_EQ(backend().Remove(handle, {}).error().code, Code::kInvalid) << name;
  }
}

TEST_P(BackendContract, StoppedCallsAreCancelledAndChangeNothing) {
  const Handle there{FileType::kPack, NameOf(AsBytes("stays"))};
  const Handle absent{FileType::kPack, NameOf(AsBytes("x"))};
  ASSERT_TRUE(backend().Save(there, AsBytes("stays"), {}));
  std::stop_source source;
  source.request_stop();
  const std::stop_token stop = source.get_token();
  const auto visit = [](const FileInfo&) -> Result<void> { return {}; };
  EXPECT_EQ(backend().Save(absent, AsBytes("x"), stop).error().code, Code::kCancelled);
  EXPECT_EQ(backend().Load(there, 0, 0, stop).error().code, Code::kCancelled);
  EXPECT_EQ(backend().Stat(there, stop).error().code, Code::kCancelled);
  EXPECT_EQ(backend().List(FileType::kPack, visit, stop).error().code, Code::kCancelled);
  EXPECT_EQ(backend().Remove(there, stop).error().code, Code::kCancelled);
  EXPECT_EQ(ListAll(backend(), FileType::kPack), (Sizes{{there.name, 5}}));
}

TEST_P(BackendContract, ServesEightThreadsAtOnce) {
  constexpr int kThreads = 8;
  constexpr int kObjects = 6;
  // All in one folder, with one object that stays: the S3 server of these tests removes a folder
  // with its last object, and answers 500 to whoever wants to store in it at that moment.
  ASSERT_TRUE(
      backend().Save({FileType::kIndex, ObjectName(kThreads * kObjects)}, AsBytes("x"), {}));
  const auto work = [&](int thread) {
    for (int i = 0; i < kObjects; ++i) {
      const int number = thread * kObjects + i;
      const Handle handle{FileType::kIndex, ObjectName(number)};
      const Bytes data = Pattern(20'000, static_cast<unsigned>(number));
      const Result<void> saved = backend().Save(handle, data, {});
      EXPECT_TRUE(saved) << (saved ? "" : saved.error().message);
      EXPECT_EQ(backend().Load(handle, 0, 0, {}), data);
      EXPECT_TRUE(
          backend().List(FileType::kIndex, [](const FileInfo&) { return Result<void>(); }, {}));
      if (i % 2 == 0) {
        EXPECT_TRUE(backend().Remove(handle, {}));
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
  }
  EXPECT_EQ(ListAll(backend(), FileType::kIndex).value().size(),
            static_cast<std::size_t>(kThreads * kObjects / 2 + 1));
}

TEST_P(BackendContract, WritersOfOneNameLeaveOneWholeObject) {
  constexpr int kThreads = 8;
  constexpr std::size_t kSize = 300'000;
  const Handle handle{FileType::kIndex, ObjectName(1)};
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        const Result<void> saved = backend().Save(handle, Pattern(kSize, t), {});
        // A store may also ask the loser of a race to come again, or hang up while it still sends.
        const bool lost =
            !saved && (saved.error().code == Code::kAlreadyExists ||
                       saved.error().code == Code::kConflict || IsRetryable(saved.error()));
        EXPECT_TRUE(saved || lost) << saved.error().message;
      });
  }
  const Bytes stored = backend().Load(handle, 0, 0, {}).value();
  bool whole = false;
  for (unsigned t = 0; t < kThreads; ++t) whole = whole || stored == Pattern(kSize, t);
  EXPECT_TRUE(whole);
}

TEST_P(BackendContract, LocationIsNotEmpty) { EXPECT_NE(backend().Location(), ""); }

}  // namespace holdfast::storage
