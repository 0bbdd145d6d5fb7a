#include "operator/pem_file.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace holdfast::op {
namespace {

constexpr const char* kFirst = "-----BEGIN CERTIFICATE-----\nMQ==\n-----END CERTIFICATE-----\n";
constexpr const char* kSecond = "-----BEGIN CERTIFICATE-----\nMg==\n-----END CERTIFICATE-----\n";

class PemFileTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  void Write(const std::string& text) const { std::ofstream(path_, std::ios::trunc) << text; }

  const std::string path_ =
      (std::filesystem::temp_directory_path() / ("pem_file_test." + std::to_string(::getpid())))
          .string();
};

TEST_F(PemFileTest, WhatIsRenewedIsSeen) {
  Write(kFirst);
  PemFile file(path_, ReadPem(path_).value());
  EXPECT_EQ(file.Read(), kFirst);
  Write(kSecond);
  EXPECT_EQ(file.Read(), kSecond);
}

TEST_F(PemFileTest, WhileItIsReplacedTheLastOneCounts) {
  Write(kFirst);
  PemFile file(path_, ReadPem(path_).value());
  Write("-----BEGIN CERT");
  EXPECT_EQ(file.Read(), kFirst);
  std::filesystem::remove(path_);
  EXPECT_EQ(file.Read(), kFirst);
}

TEST_F(PemFileTest, AFileWithoutACertificateIsNamed) {
  Write("not this");
  EXPECT_EQ(ReadPem(path_).error().message, path_ + " has no certificate in PEM");
}

}  // namespace
}  // namespace holdfast::op
