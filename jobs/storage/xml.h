// XML answers, which may be anything.
#pragma once

#include <string>

#include <pugixml.hpp>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::storage {

// Unavailable when `body` is no XML or has another root: a proxy in between or an answer that was
// cut, either of which may be gone the next time. The node lives as long as `document`.
//
// Depth is not a danger here: pugixml parses and frees without recursion, and expands no entities
// but XML's own five.
Result<pugi::xml_node> ParseXml(pugi::xml_document& document, ByteView body, const char* root);

std::string XmlText(const pugi::xml_document& document);

}  // namespace holdfast::storage
