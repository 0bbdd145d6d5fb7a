// Key files: the master key, encrypted by what scrypt derives from a password (FORMAT.md, "Keys").
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "jobs/repo/crypto.h"
#include "jobs/repo/id.h"
#include "jobs/storage/backend.h"

namespace holdfast::repo {

// scrypt's cost: memory is 128 * n * r bytes, time grows with n * r * p.
struct KdfParams {
  std::uint64_t n = 32768;
  std::uint64_t r = 8;
  std::uint64_t p = 1;
};

// n and r as above (32 MiB), p so that one derivation takes about a tenth of a second on this
// machine, 1 to 8. Takes as long as one derivation with p = 1.
KdfParams CalibrateKdf();

// The key a password derives. Invalid for parameters that are malformed or would cost more than
// 256 MiB or 16 times restic's own time: a hostile key file must not exhaust the mover.
Result<Key> DeriveKey(std::string_view password, ByteView salt, const KdfParams& params);

struct KeyFile {
  TimePoint created{};
  std::string username;
  std::string hostname;
  KdfParams kdf;
  Bytes salt;
  Bytes data;  // the sealed master key
};

// Key files are plain JSON. Corrupt when it is not one; NotSupported for another kdf than scrypt.
Result<KeyFile> DecodeKeyFile(ByteView text);
std::string EncodeKeyFile(const KeyFile& file);

// Seals `master` for a password.
Result<KeyFile> MakeKeyFile(const Key& master, std::string_view password, const KdfParams& params,
                            TimePoint created);
// The master key; nullopt when the password does not fit this file.
Result<std::optional<Key>> OpenKeyFile(const KeyFile& file, std::string_view password);

struct FoundKey {
  Key master;
  Id file;
};

// Tries the password on every key file in turn; the first that opens wins. nullopt: there are keys,
// but the password is wrong (the mover exits 12). NotFound: there is no key file, hence no
// repository (10). A damaged key file is skipped when another one opens, otherwise its Error is
// returned.
Result<std::optional<FoundKey>> FindKey(storage::Backend& storage, std::string_view password,
                                        std::stop_token stop);

// Adds a key file for a further password.
Result<Id> SaveKey(storage::Backend& storage, const KeyFile& file, std::stop_token stop);

}  // namespace holdfast::repo
