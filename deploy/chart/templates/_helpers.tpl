{{/* The labels by which Deployments, Services and policies find the Pods of a role. */}}
{{- define "environment-operator.selector" -}}
app.kubernetes.io/name: environment-operator
app.kubernetes.io/component: {{ . }}
{{- end }}

{{- define "environment-operator.image" -}}
{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Where the API server calls a path of admission. */}}
{{- define "environment-operator.client" -}}
{{- $path := index . 1 }}
{{- with index . 0 }}
{{- if .Values.webhook.url -}}
url: {{ .Values.webhook.url }}{{ $path }}
{{- else -}}
service: {name: environment-operator, namespace: {{ .Release.Namespace | quote }}, path: {{ $path }}, port: 443}
{{- end }}
{{- if eq .Values.certificates.source "given" }}
caBundle: {{ required "certificates.authority is required with certificates.source=given" .Values.certificates.authority | b64enc }}
{{- end }}
{{- end }}
{{- end }}

{{/* What has cert-manager write the authority into a webhook configuration. */}}
{{- define "environment-operator.trust" }}
{{- if eq .Values.certificates.source "certManager" }}
annotations:
  cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/environment-operator
{{- end }}
{{- end }}

{{/* The Secret with a certificate that the operator does not make itself; empty when it does. */}}
{{- define "environment-operator.certificate" }}
{{- if eq .Values.certificates.source "certManager" -}}
environment-operator-certificate
{{- else if eq .Values.certificates.source "given" -}}
{{ required "certificates.secret is required with certificates.source=given" .Values.certificates.secret }}
{{- end }}
{{- end }}

{{/* Kinds of other projects that are switched off, and further ones. */}}
{{- define "environment-operator.kinds" }}
{{- range $group, $word := include "environment-operator.groups" . | fromYaml }}
{{- if not (index $.Values.kinds $word).enabled }}
- {group: {{ $group }}, enabled: false}
{{- end }}
{{- end }}
{{- with .Values.kinds.further.rows }}
{{ . }}
{{- end }}
{{- end }}

{{/* What all Pods have in common: where they run, and as whom. */}}
{{- define "environment-operator.pod" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with .Values.pods.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.pods.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pods.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pods.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Labels and annotations of the Pods of a role. Mounted kinds are read at the start: other ones make other Pods. */}}
{{- define "environment-operator.metadata" -}}
{{- $role := index . 1 }}
{{- with index . 0 -}}
labels:
  {{- include "environment-operator.selector" $role | nindent 2 }}
  {{- with .Values.pods.labels }}{{ toYaml . | nindent 2 }}{{ end }}
{{- $kinds := include "environment-operator.kinds" . }}
{{- if or $kinds .Values.pods.annotations }}
annotations:
  {{- with $kinds }}
  checksum/kinds: {{ sha256sum . }}
  {{- end }}
  {{- with .Values.pods.annotations }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the containers of both programs have in common. */}}
{{- define "environment-operator.container" -}}
image: {{ include "environment-operator.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
livenessProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 10
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 5
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "environment-operator.env" -}}
- {name: ENVIRONMENT_OPERATOR_NAMESPACE, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}}
{{- with include "environment-operator.settings" . }}
{{ . }}
{{- end }}
{{- if include "environment-operator.kinds" . }}
- {name: ENVIRONMENT_OPERATOR_KINDS_FILE, value: /etc/kinds/kinds.yaml}
{{- end }}
{{- end }}

{{- define "environment-operator.mounts" -}}
- {name: temporary, mountPath: /tmp}
{{- if include "environment-operator.kinds" . }}
- {name: kinds, mountPath: /etc/kinds, readOnly: true}
{{- end }}
{{- end }}

{{- define "environment-operator.volumes" -}}
- {name: temporary, emptyDir: {}}
{{- if include "environment-operator.kinds" . }}
- {name: kinds, configMap: {name: environment-operator-kinds}}
{{- end }}
{{- end }}
