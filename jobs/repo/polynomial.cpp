#include "jobs/repo/polynomial.h"

#include <bit>
#include <stdexcept>
#include <utility>

#include <openssl/rand.h>

namespace holdfast::repo {
namespace {

Polynomial Gcd(Polynomial a, Polynomial b) {
  while (b != 0) a = std::exchange(b, Mod(a, b));
  return a;
}

// a * b mod p for a, b of lower degree than p.
Polynomial MulMod(Polynomial a, Polynomial b, Polynomial p) {
  const Polynomial top = Polynomial{1} << Degree(p);
  Polynomial product = 0;
  for (; b != 0; b >>= 1) {
    if ((b & 1) != 0) product ^= a;
    a <<= 1;
    if ((a & top) != 0) a ^= p;
  }
  return product;
}

}  // namespace

int Degree(Polynomial p) { return 63 - std::countl_zero(p); }

Polynomial Mod(Polynomial p, Polynomial divisor) {
  const int degree = Degree(divisor);
  while (Degree(p) >= degree) p ^= divisor << (Degree(p) - degree);
  return p;
}

// p of degree n has no factor of degree i or less when it shares none with x^(2^i) - x, the product
// of all irreducible polynomials whose degree divides i; a factor would have degree n/2 or less.
bool IsIrreducible(Polynomial p) {
  constexpr Polynomial kX = 2;
  if (Degree(p) < 1 || Degree(p) > 62) return false;
  Polynomial power = Mod(kX, p);
  for (int i = 1; i <= Degree(p) / 2; ++i) {
    power = MulMod(power, power, p);
    if (Gcd(p, power ^ Mod(kX, p)) != 1) return false;
  }
  return true;
}

Polynomial RandomPolynomial() {
  constexpr Polynomial kTop = Polynomial{1} << kPolynomialDegree;
  while (true) {  // about every 27th candidate is irreducible
    Polynomial p = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&p), sizeof(p)) != 1)
      throw std::runtime_error("the system has no random bytes");
    p = (p & (kTop - 1)) | kTop | 1;
    if (IsIrreducible(p)) return p;
  }
}

}  // namespace holdfast::repo
