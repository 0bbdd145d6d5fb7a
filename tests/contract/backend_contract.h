// The suite that every backend and decorator passes. To add one, instantiate it:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, BackendContract, testing::Values(Place{
//       "Memory", [] { return std::make_unique<Memory>(); }}));
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "jobs/storage/backend.h"

namespace holdfast::storage {

struct Place {
  std::string name;
  // A backend over a fresh, empty place.
  std::function<Result<std::unique_ptr<Backend>>()> make;

  friend std::ostream& operator<<(std::ostream& out, const Place& place) {
    return out << place.name;
  }
};

class BackendContract : public testing::TestWithParam<Place> {
 protected:
  void SetUp() override;

  Backend& backend() { return *backend_; }

 private:
  std::unique_ptr<Backend> backend_;
};

// What no backend in memory can show: a listing of more than the 1000 objects of a page.
void ExpectListsMoreThanOnePage(Backend& backend);
// Each call of a fresh backend over a place that is missing fails with kNoPlace.
void ExpectMissingPlaceIsNoticed(const std::function<std::unique_ptr<Backend>()>& make);

// The name of the n-th object of a test.
std::string ObjectName(int number);
// A pack must be named so.
std::string NameOf(ByteView content);
// The same bytes for the same arguments.
Bytes Pattern(std::size_t size, unsigned seed);
// A folder that is removed at the end of the program.
std::string FreshFolder();

}  // namespace holdfast::storage
