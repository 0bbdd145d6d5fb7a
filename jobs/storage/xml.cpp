#include "jobs/storage/xml.h"

#include <sstream>

namespace holdfast::storage {

Result<pugi::xml_node> ParseXml(pugi::xml_document& document, ByteView body, const char* root) {
  const pugi::xml_parse_result parsed = document.load_buffer(body.data(), body.size());
  if (!parsed)
    return Fail(Code::kUnavailable, std::string("the answer is not XML: ") + parsed.description());
  const pugi::xml_node node = document.child(root);
  if (!node) return Fail(Code::kUnavailable, std::string("the answer is XML without ") + root);
  return node;
}

std::string XmlText(const pugi::xml_document& document) {
  std::ostringstream text;
  document.save(text, "", pugi::format_raw);
  return text.str();
}

}  // namespace holdfast::storage
