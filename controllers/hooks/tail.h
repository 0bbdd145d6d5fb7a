// The last bytes of a stream.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace holdfast::controllers::hooks {

class Tail {
 public:
  explicit Tail(std::size_t limit) : limit_(limit) {}

  void Add(std::string_view bytes) {
    if (bytes.size() > limit_) bytes.remove_prefix(bytes.size() - limit_);
    text_.append(bytes);
    // Cut now and then only: a stream of small pieces does not move its tail with each of them.
    if (text_.size() > 2 * limit_) text_.erase(0, text_.size() - limit_);
  }

  std::string Take() {
    if (text_.size() > limit_) text_.erase(0, text_.size() - limit_);
    return std::move(text_);
  }

 private:
  const std::size_t limit_;
  std::string text_;
};

}  // namespace holdfast::controllers::hooks
