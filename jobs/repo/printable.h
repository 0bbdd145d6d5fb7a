// Which characters Go's strconv.Quote leaves as they are (unicode.IsPrint of Unicode 15).
#pragma once

namespace holdfast::repo {

bool IsPrintable(char32_t rune);

}  // namespace holdfast::repo
