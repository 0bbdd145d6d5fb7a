#include "operator/kube/bearer_token.h"

#include <fstream>
#include <utility>

namespace holdfast::kube {

BearerToken::BearerToken(std::string token, std::string file)
    : token_(std::move(token)), file_(std::move(file)) {}

std::string BearerToken::Current() {
  const std::lock_guard lock(mutex_);
  if (!file_.empty()) Refresh();
  return token_;
}

// A file that cannot be read at this moment (it is being replaced) leaves the last token.
void BearerToken::Refresh() {
  std::error_code error;
  const auto written = std::filesystem::last_write_time(file_, error);
  if (error || written == written_) return;
  std::ifstream file(file_);
  std::string token;
  if (!(file >> token)) return;
  token_ = std::move(token);
  written_ = written;
}

}  // namespace holdfast::kube
