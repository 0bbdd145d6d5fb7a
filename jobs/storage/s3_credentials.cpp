#include "jobs/storage/s3_credentials.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "jobs/storage/text_file.h"

namespace holdfast::storage {
namespace {

class Fixed final : public CredentialsSource {
 public:
  explicit Fixed(Credentials credentials) : credentials_(std::move(credentials)) {}

  Result<Credentials> Get(const std::stop_token& /*stop*/) override { return credentials_; }
  Result<bool> Renew(const Credentials& /*refused*/, const std::stop_token& /*stop*/) override {
    return false;
  }

 private:
  const Credentials credentials_;
};

class File final : public CredentialsSource {
 public:
  File(std::string path, std::string profile)
      : path_(std::move(path)), profile_(std::move(profile)) {}

  Result<Credentials> Get(const std::stop_token& /*stop*/) override {
    const std::scoped_lock lock(mutex_);
    if (!read_) TRY_VOID(Read());
    return *read_;
  }

  Result<bool> Renew(const Credentials& refused, const std::stop_token& /*stop*/) override {
    const std::scoped_lock lock(mutex_);
    if (read_ && *read_ != refused) return true;  // another thread was first
    TRY_VOID(Read());
    return *read_ != refused;
  }

 private:
  Result<void> Read() {
    TRY(std::string text, ReadTextFile(path_));
    Result<Credentials> parsed = ParseCredentialsFile(text, profile_);
    Wipe(text);
    if (!parsed) return tl::make_unexpected(WithContext(path_, parsed.error()));
    read_ = *std::move(parsed);
    return {};
  }

  const std::string path_;
  const std::string profile_;
  std::mutex mutex_;
  std::optional<Credentials> read_;  // guarded by mutex_
};

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

// "name = value" of the lines below "[section]".
std::map<std::string, std::string> Section(std::string_view text, std::string_view section) {
  std::map<std::string, std::string> values;
  bool inside = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('[')) inside = Trim(line.substr(1, line.find(']') - 1)) == section;
    const std::size_t equals = line.find('=');
    if (!inside || line.starts_with('#') || equals == std::string_view::npos) continue;
    values[std::string(Trim(line.substr(0, equals)))] = Trim(line.substr(equals + 1));
  }
  return values;
}

}  // namespace

Result<Credentials> ParseCredentialsFile(std::string_view text, const std::string& profile) {
  auto values = Section(text, profile);
  Credentials credentials{std::move(values["aws_access_key_id"]),
                          std::move(values["aws_secret_access_key"]),
                          std::move(values["aws_session_token"])};
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty())
    return Fail(Code::kInvalid, fmt::format("the profile [{}] must have aws_access_key_id and "
                                            "aws_secret_access_key",
                                            profile));
  return credentials;
}

std::shared_ptr<CredentialsSource> FixedCredentials(Credentials credentials) {
  return std::make_shared<Fixed>(std::move(credentials));
}

std::shared_ptr<CredentialsSource> CredentialsFile(std::string path, std::string profile) {
  return std::make_shared<File>(std::move(path), std::move(profile));
}

}  // namespace holdfast::storage
