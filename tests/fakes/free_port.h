// Where a server of a test may listen.
#pragma once

namespace holdfast::fakes {

// A port of loopback that was free a moment ago.
int FreePort();

}  // namespace holdfast::fakes
