#include "tests/fakes/fault_backend.h"

#include <gtest/gtest.h>

#include "jobs/storage/memory.h"
#include "tests/contract/backend_contract.h"

namespace holdfast::fakes {
namespace {

using storage::Handle;
using storage::Memory;

const Handle kHandle{storage::FileType::kPack, storage::ObjectName(1)};

std::string Stored(Memory& memory) {
  const Result<Bytes> data = memory.Load(kHandle, 0, 0, {});
  return data ? std::string(AsText(*data)) : "nothing";
}

struct Row {
  FaultKind kind;
  bool save_succeeds;
  const char* stored;
};

class FaultBackendTest : public testing::TestWithParam<Row> {};

TEST_P(FaultBackendTest, SaveGoesWrongAsTold) {
  Memory memory;
  FaultBackend faults(memory, {.kind = GetParam().kind, .at = 1});
  EXPECT_EQ(faults.Save(kHandle, AsBytes("0123"), {}).has_value(), GetParam().save_succeeds);
  EXPECT_EQ(Stored(memory), GetParam().stored);
}

INSTANTIATE_TEST_SUITE_P(Kinds, FaultBackendTest,
                         testing::Values(Row{FaultKind::kFail, false, "nothing"},
                                         Row{FaultKind::kLoseAnswer, false, "0123"},
                                         Row{FaultKind::kTruncate, false, "01"},
                                         Row{FaultKind::kLose, true, "nothing"}));

TEST(FaultOperationTest, OnlyTheChosenOperationFails) {
  Memory memory;
  FaultBackend faults(memory, {.at = 2});
  EXPECT_TRUE(faults.Save(kHandle, AsBytes("0123"), {}));
  EXPECT_EQ(faults.Load(kHandle, 0, 0, {}).error().code, Code::kUnavailable);
  EXPECT_TRUE(faults.Load(kHandle, 0, 0, {}));
  EXPECT_EQ(faults.operations(), 3u);
}

TEST(FaultOperationTest, AfterPowerLossNothingWorks) {
  Memory memory;
  FaultBackend faults(memory, {.kind = FaultKind::kLose, .at = 2, .dead_after = true});
  EXPECT_TRUE(faults.Save(kHandle, AsBytes("0123"), {}));
  EXPECT_TRUE(faults.Remove(kHandle, {})) << "it says so";
  EXPECT_FALSE(faults.Remove(kHandle, {}));
  EXPECT_FALSE(faults.Stat(kHandle, {}));
  EXPECT_EQ(Stored(memory), "0123");
}

TEST(FaultOperationTest, TruncatedLoadSucceedsWithHalf) {
  Memory memory;
  FaultBackend faults(memory, {.kind = FaultKind::kTruncate, .at = 2});
  EXPECT_TRUE(faults.Save(kHandle, AsBytes("0123"), {}));
  EXPECT_EQ(AsText(faults.Load(kHandle, 0, 0, {}).value()), "01");
}

}  // namespace
}  // namespace holdfast::fakes
