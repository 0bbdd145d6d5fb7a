#include "jobs/engine/resources.h"

#include <map>

#include <gtest/gtest.h>

namespace holdfast::engine {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

Resources Read(const std::map<std::string, std::string>& files, std::size_t processors = 8) {
  return ResourcesOf(
      [&](const std::string& path) -> std::optional<std::string> {
        const auto file = files.find(path);
        if (file == files.end()) return std::nullopt;
        return file->second;
      },
      processors);
}

TEST(Resources, WithoutCgroupsThereIsNoLimit) {
  const Resources resources = Read({});
  EXPECT_EQ(resources.processors, 8u);
  EXPECT_EQ(resources.memory, 0u);
}

TEST(Resources, AContainerSeesItsOwnCgroupAsTheRoot) {
  const Resources resources = Read({{"/proc/self/cgroup", "0::/\n"},
                                    {"/sys/fs/cgroup/memory.max", "50331648\n"},
                                    {"/sys/fs/cgroup/cpu.max", "150000 100000\n"}});
  EXPECT_EQ(resources.processors, 2u);
  EXPECT_EQ(resources.memory, 48 * kMiB);
}

TEST(Resources, TheSmallestLimitOnTheWayUpCounts) {
  const Resources resources = Read({{"/proc/self/cgroup", "0::/a/b\n"},
                                    {"/sys/fs/cgroup/a/b/memory.max", "max\n"},
                                    {"/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"},
                                    {"/sys/fs/cgroup/a/memory.max", "268435456\n"},
                                    {"/sys/fs/cgroup/memory.max", "536870912\n"}});
  EXPECT_EQ(resources.processors, 8u);
  EXPECT_EQ(resources.memory, 256 * kMiB);
}

TEST(Resources, VersionOneIsReadToo) {
  const Resources resources =
      Read({{"/proc/self/cgroup", "5:cpu,cpuacct:/pod\n4:memory:/pod\n"},
            {"/sys/fs/cgroup/memory/pod/memory.limit_in_bytes", "134217728\n"},
            {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
            {"/sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us", "100000\n"},
            {"/sys/fs/cgroup/cpu/pod/cpu.cfs_period_us", "100000\n"}});
  EXPECT_EQ(resources.processors, 1u);
  EXPECT_EQ(resources.memory, 128 * kMiB);
}

TEST(Resources, ThisMachineHasSome) { EXPECT_GE(DetectResources().processors, 1u); }

TEST(WorkPlan, WithoutALimitEverythingIsUsed) {
  const WorkPlan local = PlanFor({4, 0}, false);
  EXPECT_EQ(local.threads, 4u);
  EXPECT_EQ(local.repository.pack_size, repo::kDefaultPackSize);
  const WorkPlan remote = PlanFor({4, 0}, true);
  EXPECT_GT(remote.repository.uploads, local.repository.uploads);
}

TEST(WorkPlan, GetsSmallerWithTheMemoryAndNeverNothing) {
  std::uint64_t before = UINT64_MAX;
  for (const std::uint64_t memory : {512u, 256u, 128u, 96u, 64u, 48u, 8u}) {
    const WorkPlan plan = PlanFor({8, memory * kMiB}, true);
    const std::uint64_t packs =
        static_cast<std::uint64_t>(plan.repository.packs) * plan.repository.pack_size;
    EXPECT_LE(packs, before) << memory;
    EXPECT_GE(plan.threads, 1u);
    EXPECT_GE(plan.repository.packs, 3);
    EXPECT_GE(plan.repository.uploads, 1);
    if (memory >= 48) {
      EXPECT_LT(packs, memory * kMiB / 2);
    }
    before = packs;
  }
}

}  // namespace
}  // namespace holdfast::engine
