{{- define "holdfast.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "holdfast.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "holdfast.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "holdfast.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.serviceAccountName" -}}
{{- default (include "holdfast.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "holdfast.selectorLabels" -}}
app.kubernetes.io/name: {{ include "holdfast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "holdfast.labels" -}}
{{ include "holdfast.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* --- The gateway, and what prunes behind it --- */}}

{{- define "holdfast.gatewaySelector" -}}
app.kubernetes.io/name: {{ include "holdfast.name" . }}-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "holdfast.gatewayLabels" -}}
{{ include "holdfast.gatewaySelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: gateway
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "holdfast.gatewayTls" -}}
{{- .Values.gateway.tls.secretName | default (printf "%s-gateway-tls" (include "holdfast.fullname" .)) -}}
{{- end -}}

{{- define "holdfast.gatewayArgs" -}}
- --definition={{ .Release.Namespace }}/{{ .Values.gateway.definition }}
- --master-secret-file=/etc/holdfast/master/secret
{{- if or .Values.gateway.caBundle.configMap .Values.gateway.caBundle.secret }}
- --ca-file=/etc/holdfast/store-ca/bundle.pem
{{- end }}
{{- end -}}

{{- define "holdfast.gatewayPod" -}}
serviceAccountName: {{ include "holdfast.fullname" . }}-gateway
automountServiceAccountToken: true
enableServiceLinks: false
terminationGracePeriodSeconds: 30
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
volumes:
  - name: master
    secret:
      secretName: {{ .Values.gateway.masterSecret.name }}
      items: [{key: {{ .Values.gateway.masterSecret.key }}, path: secret}]
  - name: tls
    secret: {secretName: {{ include "holdfast.gatewayTls" . }}}
  - name: tmp
    emptyDir: {}
  {{- with .Values.gateway.caBundle }}
  {{- if .configMap }}
  - name: store-ca
    configMap: {name: {{ .configMap }}, items: [{key: {{ .key }}, path: bundle.pem}]}
  {{- else if .secret }}
  - name: store-ca
    secret: {secretName: {{ .secret }}, items: [{key: {{ .key }}, path: bundle.pem}]}
  {{- end }}
  {{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "holdfast.gatewayContainer" -}}
image: "{{ .Values.moverImage.repository }}:{{ .Values.moverImage.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.moverImage.pullPolicy }}
env:
  - name: POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  - name: POD_NAMESPACE
    valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
envFrom:
  - secretRef: {name: {{ .Values.gateway.credentialsSecret }}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - {name: master, mountPath: /etc/holdfast/master, readOnly: true}
  - {name: tls, mountPath: /etc/holdfast/tls, readOnly: true}
  - {name: tmp, mountPath: /tmp}
  {{- if or .Values.gateway.caBundle.configMap .Values.gateway.caBundle.secret }}
  - {name: store-ca, mountPath: /etc/holdfast/store-ca, readOnly: true}
  {{- end }}
{{- end -}}

{{/* Not where nothing cluster-wide is granted, nor before Kubernetes 1.30, which has no such policies. */}}
{{- define "holdfast.guardsNfs" -}}
{{- if and .Values.nfs.requireVolumeRight (not .Values.watchNamespaces) (semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version) -}}
yes
{{- end -}}
{{- end -}}

{{/* What the operator may do in the namespaces it serves. No Secrets: the kubelet mounts them into movers. */}}
{{- define "holdfast.rules" -}}
# What users write; their spec is never changed.
- apiGroups: [holdfast.dev]
  resources: [backuprepositories, backuppolicies]
  verbs: [get, list, watch]
# A policy's runs are made, and removed by retention. One that takes its snapshots along keeps a
# finalizer until they are gone.
- apiGroups: [holdfast.dev]
  resources: [backups]
  verbs: [get, list, watch, create, patch, delete]
# A restore in place keeps a finalizer until the StatefulSet has its size back. A repository's drills
# are Restores, made and removed; each takes its scratch claim along. So are those of a Restore that follows.
- apiGroups: [holdfast.dev]
  resources: [restores]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [holdfast.dev]
  resources: [backuprepositories/status, backuppolicies/status, backups/status, restores/status]
  verbs: [patch]
# Where the API server enforces it, an owner reference that blocks deletion needs this.
- apiGroups: [holdfast.dev]
  resources: [backuprepositories/finalizers, backuppolicies/finalizers, backups/finalizers, restores/finalizers]
  verbs: [update]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# A mover's progress.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
{{- if .Values.hooks.enabled }}
# Hooks. A WebSocket's request is a GET, which API servers before 1.35 take for the verb.
- apiGroups: [""]
  resources: [pods/exec]
  verbs: [get, create]
{{- end }}
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch]
# Down before a restore in place and up after it.
- apiGroups: [apps]
  resources: [statefulsets/scale]
  verbs: [get, patch]
# Who scales a StatefulSet up while it is to stay at 0 is named.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list]
# A lost claim of a StatefulSet is made again before it is restored; copies of a claim are made to be
# read, and go with the Job that reads them.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, create{{ if .Values.populator.enabled }}, watch{{ end }}]
# The manifests of a workload. Its ConfigMaps and Secrets are mounted into the mover and not read here.
- apiGroups: [""]
  resources: [services]
  verbs: [list]
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get]
- apiGroups: [snapshot.storage.k8s.io]
  resources: [volumesnapshots]
  verbs: [get, list, create, delete]
- apiGroups: [groupsnapshot.storage.k8s.io]
  resources: [volumegroupsnapshots]
  verbs: [get, list, create, delete]
# Why a Job could not make its pod is told by an event alone.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [list, create, patch]
{{- end -}}
