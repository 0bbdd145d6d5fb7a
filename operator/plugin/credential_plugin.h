// Runs a credential plugin as kubectl does (client.authentication.k8s.io, "client-go credential
// plugins"): aws, gke-gcloud-auth-plugin, kubelogin and their like.
#pragma once

#include "operator/kube/config.h"

namespace holdfast::plugin {

// With the terminal as its own, so that it may ask. NotFound, with the kubeconfig's hint, when
// there is no such program; Denied when it fails; Invalid for an answer that is none.
Result<kube::Credential> RunCredentialPlugin(const kube::CredentialPlugin& plugin,
                                             bool interactive);

// The value of KUBERNETES_EXEC_INFO.
std::string ExecInfo(const kube::CredentialPlugin& plugin, bool interactive);
// The ExecCredential that the program printed.
Result<kube::Credential> ParseExecCredential(std::string_view text);

}  // namespace holdfast::plugin
