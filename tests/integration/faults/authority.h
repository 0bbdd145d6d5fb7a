// The control plane's certificate authority, for certificates that a test wants to expire.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace holdfast::faults {

struct Certificate {
  std::string cert_pem;
  std::string key_pem;
};

struct CertificateRequest {
  std::string common_name;
  std::string organization;  // a group, to the API server
  std::vector<std::string> addresses;
  // Relative to now; both may be negative.
  std::chrono::seconds begins{-60};
  std::chrono::seconds ends{3600};
};

class Authority {
 public:
  // ca.crt and ca.key of `pki`.
  explicit Authority(const std::filesystem::path& pki);
  // One of its own, self-signed.
  Authority();

  Certificate Issue(const CertificateRequest& request) const;
  const std::string& cert_pem() const { return own_.cert_pem; }

 private:
  Certificate own_;
};

}  // namespace holdfast::faults
