// Polynomials over GF(2), the coefficient of x^i in bit i: what Rabin fingerprints divide by.
#pragma once

#include <cstdint>

namespace holdfast::repo {

using Polynomial = std::uint64_t;

// The largest prime below 64 - 8: a byte may be shifted in without overflow (FORMAT.md, "Chunks").
inline constexpr int kPolynomialDegree = 53;

// -1 for zero.
int Degree(Polynomial p);
// The remainder of p / divisor; divisor is not zero.
Polynomial Mod(Polynomial p, Polynomial divisor);
// Ben-Or's test, for degrees 1 to 62.
bool IsIrreducible(Polynomial p);
// Uniform over the irreducible polynomials of degree 53.
Polynomial RandomPolynomial();

}  // namespace holdfast::repo
