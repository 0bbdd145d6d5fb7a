#include "operator/pem_file.h"

#include <fstream>
#include <iterator>

namespace holdfast::op {

Result<std::string> ReadPem(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in || text.find("-----BEGIN CERTIFICATE-----") == std::string::npos)
    return Fail(Code::kInvalid, file + " has no certificate in PEM");
  return text;
}

std::string PemFile::Read() {
  const std::lock_guard lock(mutex_);
  if (auto pem = ReadPem(file_)) last_ = *std::move(pem);
  return last_;
}

}  // namespace holdfast::op
