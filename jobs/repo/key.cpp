#include "jobs/repo/key.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <vector>

#include <openssl/rand.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>
extern "C" {
#include <scrypt-kdf.h>
}

#include "base/json.h"
#include "jobs/repo/json_text.h"
#include "jobs/storage/encoding.h"

namespace holdfast::repo {
namespace {

using storage::FileType;
using storage::Handle;

constexpr std::size_t kSaltSize = 64;
constexpr std::uint64_t kMaxKdfMemory = 256ULL << 20;
// restic's calibrated 32768 * 8 * 4, and rustic's 131072 * 8, are 2^20.
constexpr std::uint64_t kMaxKdfWork = 1ULL << 24;
// Every run of a mover derives the key, and most of an incremental backup would be waiting for it.
constexpr std::chrono::milliseconds kKdfTime{100};
constexpr std::size_t kMaxKeyFile = 1 << 20;

Result<void> CheckParams(const KdfParams& params) {
  const auto [n, r, p] = params;
  const bool power_of_two = n > 1 && (n & (n - 1)) == 0;
  if (!power_of_two || r == 0 || p == 0) return Fail(Code::kInvalid, "malformed scrypt parameters");
  // Each is checked alone first, so that the products cannot overflow.
  const bool huge = n > kMaxKdfWork || r > kMaxKdfWork || p > kMaxKdfWork ||
                    n * r > kMaxKdfMemory / 128 || n * r * p > kMaxKdfWork;
  if (huge)
    return Fail(Code::kInvalid,
                fmt::format("scrypt parameters N={} r={} p={} cost too much", n, r, p));
  return {};
}

// The master key as the sealed JSON spells it: {"mac":{"k":...,"r":...},"encrypt":...}.
std::string EncodeMaster(const Key& key) {
  const ByteView material = key.Material();
  std::string text;
  JsonObjectWriter object(text);
  object.Name("mac");
  JsonObjectWriter mac(text);
  mac.String("k", storage::Base64(material.subspan(32, 16)));
  mac.String("r", storage::Base64(material.subspan(48, 16)));
  mac.Close();
  object.String("encrypt", storage::Base64(material.first(32)));
  object.Close();
  return text;
}

Result<void> CopyPart(const Json& json, std::initializer_list<std::string_view> path,
                      std::span<std::uint8_t> part) {
  TRY(Bytes bytes, storage::FromBase64(FindString(json, path)));
  if (bytes.size() != part.size()) return Fail(Code::kInvalid, "a key part has the wrong length");
  std::ranges::copy(bytes, part.begin());
  Wipe(bytes);
  return {};
}

Result<Key> DecodeMaster(ByteView text) {
  TRY(const Json json, ParseJson(AsText(text)));
  std::array<std::uint8_t, Key::kSize> material{};
  const std::span<std::uint8_t> all(material);
  TRY_VOID(CopyPart(json, {"encrypt"}, all.first(32)));
  TRY_VOID(CopyPart(json, {"mac", "k"}, all.subspan(32, 16)));
  TRY_VOID(CopyPart(json, {"mac", "r"}, all.subspan(48, 16)));
  Key key(material);
  Wipe(material);
  if (!key.Valid()) return Fail(Code::kInvalid, "a part of the key is zero");
  return key;
}

std::string Hostname() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

Result<std::vector<storage::FileInfo>> ListKeys(storage::Backend& storage, std::stop_token stop) {
  std::vector<storage::FileInfo> files;
  const auto visit = [&](const storage::FileInfo& file) -> Result<void> {
    files.push_back(file);
    return {};
  };
  TRY_VOID(storage.List(FileType::kKey, visit, stop));
  return files;
}

Result<std::optional<FoundKey>> TryKey(storage::Backend& storage, const storage::FileInfo& info,
                                       std::string_view password, std::stop_token stop) {
  if (info.size > kMaxKeyFile) return Fail(Code::kCorrupt, "larger than any key file");
  TRY(const Id id, Id::Parse(info.name));
  TRY(const Bytes text, storage.Load({FileType::kKey, info.name}, 0, 0, stop));
  TRY(const KeyFile file, DecodeKeyFile(text));
  TRY(std::optional<Key> master, OpenKeyFile(file, password));
  if (!master) return std::nullopt;
  return FoundKey{*std::move(master), id};
}

}  // namespace

KdfParams CalibrateKdf() {
  KdfParams params;
  const auto start = std::chrono::steady_clock::now();
  (void)DeriveKey("calibration", Bytes(kSaltSize), params);
  const auto once = std::chrono::steady_clock::now() - start;
  params.p = static_cast<std::uint64_t>(std::clamp<std::int64_t>(kKdfTime / once, 1, 8));
  return params;
}

Result<Key> DeriveKey(std::string_view password, ByteView salt, const KdfParams& params) {
  TRY_VOID(CheckParams(params));
  std::array<std::uint8_t, Key::kSize> material;
  // In two thirds of OpenSSL's time.
  const ByteView secret = AsBytes(password);
  if (::scrypt_kdf(secret.data(), secret.size(), salt.data(), salt.size(), params.n,
                   static_cast<std::uint32_t>(params.r), static_cast<std::uint32_t>(params.p),
                   material.data(), material.size()) != 0)
    return tl::make_unexpected(FromErrno("scrypt", errno));
  Key key(material);
  Wipe(material);
  return key;
}

Result<KeyFile> DecodeKeyFile(ByteView text) {
  const Result<Json> json = ParseJson(AsText(text));
  if (!json) return Fail(Code::kCorrupt, json.error().message);
  if (const std::string kdf = FindString(*json, {"kdf"}); kdf != "scrypt")
    return Fail(Code::kNotSupported, "key derivation \"" + kdf + "\" is not supported");
  const auto number = [&](std::string_view name) {
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, FindInt(*json, {name}).value_or(0)));
  };
  KeyFile file;
  file.username = FindString(*json, {"username"});
  file.hostname = FindString(*json, {"hostname"});
  file.kdf = {number("N"), number("r"), number("p")};
  // For people only: a key with an odd time opens all the same.
  file.created = ParseTime(FindString(*json, {"created"})).value_or(TimePoint{});
  auto salt = storage::FromBase64(FindString(*json, {"salt"}));
  auto data = storage::FromBase64(FindString(*json, {"data"}));
  if (!salt || !data || data->size() < kSealOverhead)
    return Fail(Code::kCorrupt, "salt or data of the key file is malformed");
  file.salt = *std::move(salt);
  file.data = *std::move(data);
  return file;
}

std::string EncodeKeyFile(const KeyFile& file) {
  std::string text;
  JsonObjectWriter object(text);
  object.String("created", FormatTimeNanos(file.created));
  object.String("username", file.username);
  object.String("hostname", file.hostname);
  object.String("kdf", "scrypt");
  object.Number("N", file.kdf.n);
  object.Number("r", file.kdf.r);
  object.Number("p", file.kdf.p);
  object.String("salt", storage::Base64(file.salt));
  object.String("data", storage::Base64(file.data));
  object.Close();
  return text;
}

Result<KeyFile> MakeKeyFile(const Key& master, std::string_view password, const KdfParams& params,
                            TimePoint created) {
  KeyFile file{created, "holdfast", Hostname(), params, Bytes(kSaltSize), {}};
  if (RAND_bytes(file.salt.data(), kSaltSize) != 1)
    return Fail(Code::kInternal, "the system has no random bytes");
  TRY(const Key user, DeriveKey(password, file.salt, params));
  std::string text = EncodeMaster(master);
  file.data = user.Seal(AsBytes(text));
  Wipe(text);
  return file;
}

Result<std::optional<Key>> OpenKeyFile(const KeyFile& file, std::string_view password) {
  TRY(const Key user, DeriveKey(password, file.salt, file.kdf));
  Result<Bytes> text = user.Open(file.data);
  if (!text) return std::nullopt;
  Result<Key> master = DecodeMaster(*text);
  Wipe(*text);
  if (!master) return Fail(Code::kCorrupt, master.error().message);
  return *std::move(master);
}

Result<std::optional<FoundKey>> FindKey(storage::Backend& storage, std::string_view password,
                                        std::stop_token stop) {
  TRY(const auto files, ListKeys(storage, stop));
  if (files.empty())
    return Fail(Code::kNotFound, "no repository at " + storage.Location() + ": it has no keys");
  std::optional<Error> damaged;
  for (const storage::FileInfo& file : files) {
    Result<std::optional<FoundKey>> found = TryKey(storage, file, password, stop);
    if (found && found->has_value()) return found;
    if (found) continue;
    if (found.error().code == Code::kCancelled) return found;
    damaged = WithContext("key " + file.name.substr(0, 8), std::move(found).error());
  }
  if (damaged) return tl::make_unexpected(*std::move(damaged));
  return std::nullopt;
}

Result<Id> SaveKey(storage::Backend& storage, const KeyFile& file, std::stop_token stop) {
  const std::string text = EncodeKeyFile(file);
  const Id id = Id::Of(AsBytes(text));
  TRY_VOID(storage.Save({FileType::kKey, id.Hex()}, AsBytes(text), stop));
  return id;
}

}  // namespace holdfast::repo
