#include "operator/kube/list_splitter.h"

#include <utility>

namespace holdfast::kube {

Result<void> ListSplitter::Feed(std::string_view bytes, const OnItem& on_item) {
  while (!bytes.empty() && !error_) {
    if (in_string_) {
      bytes = TakeString(bytes);
    } else {
      Take(bytes.front(), on_item);
      bytes.remove_prefix(1);
    }
  }
  if (error_) return tl::unexpected(*error_);
  return {};
}

bool ListSplitter::Fail(Error error) {
  error_ = std::move(error);
  return false;
}

// What is neither an item nor left out belongs to the frame.
bool ListSplitter::Keep(std::string_view bytes) {
  if (skip_below_ != 0) return true;
  const bool in_item = InItem();
  std::string& text = in_item ? item_ : frame_;
  if (text.size() + bytes.size() > (in_item ? kMostItem : kMostFrame))
    return Fail({Code::kInvalid, "the API server sent a list with an object that is too long"});
  text.append(bytes);
  return true;
}

std::string_view ListSplitter::TakeString(std::string_view bytes) {
  std::size_t end = 0;
  for (; end < bytes.size() && in_string_; ++end) {
    const char c = bytes[end];
    if (escaped_)
      escaped_ = false;
    else if (c == '\\')
      escaped_ = true;
    else if (c == '"')
      in_string_ = false;
  }
  Keep(bytes.substr(0, end));
  if (depth_ <= kMetadataDepth) word_.append(bytes.substr(0, in_string_ ? end : end - 1));
  return bytes.substr(end);
}

bool ListSplitter::Take(char c, const OnItem& on_item) {
  switch (c) {
    case '"':
      in_string_ = true;
      word_.clear();
      break;
    case '{':
    case '[':
      return Open(c);
    case '}':
    case ']':
      return Close(c, on_item);
    case ':':
      items_next_ = depth_ == 1 && word_ == "items";
      metadata_next_ = InItem() && depth_ == kItemDepth && word_ == "metadata";
      skip_next_ = in_metadata_ && depth_ == kMetadataDepth && word_ == "managedFields";
      break;
    case ' ':
    case '\n':
    case '\r':
    case '\t':
      return true;
    case ',':
      if (in_items_ && depth_ == kItemsDepth) return true;
      items_next_ = metadata_next_ = skip_next_ = false;
      break;
    default:
      break;
  }
  return Keep({&c, 1});
}

bool ListSplitter::Open(char c) {
  if (std::exchange(skip_next_, false) && skip_below_ == 0) {
    if (!Keep("null")) return false;
    skip_below_ = depth_ + 1;
  }
  const bool items = std::exchange(items_next_, false) && c == '[';
  const bool metadata = std::exchange(metadata_next_, false) && c == '{';
  if (items && !Keep({&c, 1})) return false;
  ++depth_;
  in_items_ = in_items_ || items;
  in_metadata_ = in_metadata_ || metadata;
  return items || Keep({&c, 1});
}

bool ListSplitter::Close(char c, const OnItem& on_item) {
  if (depth_ == 0)
    return Fail({Code::kInvalid, "the API server sent a list that is not valid JSON"});
  if (depth_ == kItemsDepth) in_items_ = false;
  if (!Keep({&c, 1})) return false;
  if (depth_ == kMetadataDepth) in_metadata_ = false;
  --depth_;
  if (depth_ < skip_below_) skip_below_ = 0;
  if (!in_items_ || depth_ != kItemsDepth) return true;
  if (Result<void> done = on_item(item_); !done) return Fail(std::move(done).error());
  item_.clear();
  return true;
}

}  // namespace holdfast::kube
