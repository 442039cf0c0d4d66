{{- define "aethergrid.labels" -}}
app.kubernetes.io/name: aethergrid
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "aethergrid.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What every pod has: user 10001 as in the image, nothing of the cluster's own credentials. */}}
{{- define "aethergrid.pod" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "aethergrid.container" -}}
image: {{ include "aethergrid.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
envFrom:
  - secretRef:
      name: {{ .Values.secretName }}
env:
  - name: AETHERGRID_ENV
    value: production
  {{- range $name, $value := .Values.env }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
{{- end }}
