{{- define "turnout.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end -}}
{{- end }}

{{- define "turnout.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "turnout.labels" -}}
{{ include "turnout.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "turnout.secretName" -}}
{{ .Values.secret.existing | default (include "turnout.name" .) }}
{{- end }}

{{/* The configuration: what the chart's values say, and .Values.config over it. */}}
{{- define "turnout.config" -}}
{{- $listen := list }}
{{- range .Values.listen }}
{{- $listen = append $listen (printf "%s://0.0.0.0:%d" .scheme (int .port)) }}
{{- end }}
{{- $made := dict
  "listen" $listen
  "relay" (dict "ports" (printf "%d-%d" (int .Values.relayPorts.min) (int .Values.relayPorts.max)))
  "auth" (dict "secrets" (list (dict "id" "k1" "file" "/run/secrets/turnout/secret")))
  "drain" (dict "deadline" (printf "%ds" (int .Values.drainSeconds)))
  "metrics" (dict "listen" (printf "0.0.0.0:%d" (int .Values.metricsPort))) }}
{{- if .Values.tls.existing }}
{{- $_ := set $made "tls" (dict "cert" "/run/tls/tls.crt" "key" "/run/tls/tls.key") }}
{{- end }}
{{- toYaml (mergeOverwrite $made (deepCopy .Values.config)) }}
{{- end }}
