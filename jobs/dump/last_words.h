// The end of what a command wrote to its standard error, for the pod's termination message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holdfast::dump {

class LastWords {
 public:
  // Half of what Kubernetes keeps of one container, and less than a share of what it keeps of a
  // pod.
  static constexpr std::size_t kMost = 2048;

  void Add(std::string_view bytes);
  // At most kMost bytes, valid UTF-8 without control characters but for line ends: what is not
  // becomes "?".
  std::string Text() const;

 private:
  std::string text_;
};

}  // namespace holdfast::dump
