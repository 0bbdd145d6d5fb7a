// Cuts the JSON of a list into its items while it streams in, so that no list is ever whole in
// memory: neither its text nor its values.
//
// metadata.managedFields, which no controller reads and which is often half of an object, is
// replaced by null on the way.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::kube {

// One thread at a time. After an Error it is of no more use.
class ListSplitter {
 public:
  // The API server stores no object above 3 MiB; escapes and what it adds stay far below this.
  static constexpr std::size_t kMostItem = 16 * 1024 * 1024;
  // All of the list that is not an item: kind, apiVersion, metadata.
  static constexpr std::size_t kMostFrame = 1024 * 1024;

  // Called with the text of each element of the top-level member "items".
  using OnItem = std::function<Result<void>(std::string_view)>;

  // Returns the first Error of `on_item`; Invalid for an item or a frame that is too long.
  Result<void> Feed(std::string_view bytes, const OnItem& on_item);

  // What came beside the items, as JSON whose items are empty; call when the body has ended.
  const std::string& frame() const { return frame_; }

 private:
  // Each returns false once error_ is set.
  bool Take(char c, const OnItem& on_item);
  bool Open(char c);
  bool Close(char c, const OnItem& on_item);
  bool Keep(std::string_view bytes);
  bool Fail(Error error);

  // Takes the string that is open up to its end or the end of `bytes`; returns what is left.
  std::string_view TakeString(std::string_view bytes);

  bool InItem() const { return in_items_ && depth_ >= kItemDepth; }

  // Depth 1 is inside the list, 2 inside its array of items, 3 inside an item, 4 inside the item's
  // metadata.
  static constexpr int kItemsDepth = 2;
  static constexpr int kItemDepth = 3;
  static constexpr int kMetadataDepth = 4;

  std::string frame_;
  std::string item_;
  std::string word_;  // the last string at a depth where names matter
  int depth_ = 0;
  int skip_below_ = 0;  // while a value is left out: the depth at which it ends; 0 for none
  bool in_string_ = false;
  bool escaped_ = false;
  bool in_items_ = false;
  bool items_next_ = false;     // the value that follows belongs to the member "items"
  bool metadata_next_ = false;  // ... to an item's member "metadata"
  bool in_metadata_ = false;
  bool skip_next_ = false;
  std::optional<Error> error_;
};

}  // namespace holdfast::kube
