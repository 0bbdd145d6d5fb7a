// The audit trail: who asked for which restore or deletion. A stream of log records with
// "stream":"audit", which no log level but its own silences.
//
// What the API tells about "who": metadata.managedFields has the name by which the client's field
// manager goes (kubectl-create, argocd-controller); a client chooses it freely, so it says what was
// used, not who. The request's user is known only to admission and to the API server's own audit
// log. The annotation holdfast.dev/requested-by can carry it: the chart's admission policy lets
// nobody write another name than its own there, and only then is the operator told to believe it.
// Of a deletion the object tells nothing.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/log.h"
#include "controllers/kinds.h"

namespace holdfast::controllers {

struct Requester {
  std::string manager;    // empty when nobody is named
  std::string operation;  // Apply or Update
  std::string time;       // of its last change, as the API server wrote it
  std::string user;       // holdfast.dev/requested-by, where it can be believed; else empty
};

// Who last changed `field` of the spec ("retention"), or the spec as a whole when the field is
// empty or nobody's.
Requester RequesterOf(const Json& object, std::string_view field, bool believe_annotation);

// "jane@example.com by kubectl-create", "kubectl-create", "an unnamed client".
std::string Describe(const Requester& requester);

// "id, id": the snapshots that an action is about.
std::string Joined(const std::vector<std::string>& ids);

// One record: {"stream":"audit","action":...,"kind":...,"object":...,"uid":...} and the fields.
void Audit(std::string_view action, std::string_view message, const kube::ObjectReference& object,
           std::vector<LogField> fields);
void Audit(std::string_view action, std::string_view message, const kube::ObjectReference& object,
           const Requester& requester, std::vector<LogField> fields);

}  // namespace holdfast::controllers
