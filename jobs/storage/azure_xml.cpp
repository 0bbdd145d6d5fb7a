#include "jobs/storage/azure_xml.h"

#include "jobs/storage/xml.h"

namespace holdfast::storage {

AzureErrorBody ParseAzureError(ByteView body) {
  pugi::xml_document document;
  const Result<pugi::xml_node> error = ParseXml(document, body, "Error");
  if (!error) return {};
  // The sentence's further lines are the request's id and time.
  const std::string message = error->child_value("Message");
  return {error->child_value("Code"), message.substr(0, message.find('\n'))};
}

Result<ListingPage> ParseAzureListing(ByteView body) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, ParseXml(document, body, "EnumerationResults"));
  ListingPage page;
  for (const pugi::xml_node& blob : root.child("Blobs").children("Blob"))
    page.entries.push_back({blob.child_value("Name"),
                            blob.child("Properties").child("Content-Length").text().as_ullong()});
  page.next = root.child_value("NextMarker");
  return page;
}

std::string BlockListXml(const std::vector<std::string>& block_ids) {
  pugi::xml_document document;
  pugi::xml_node list = document.append_child("BlockList");
  for (const std::string& id : block_ids) list.append_child("Latest").text() = id.c_str();
  return XmlText(document);
}

}  // namespace holdfast::storage
