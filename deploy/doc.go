// Package deploy is what turnout is run with: a container image, a systemd unit,
// kernel settings, a Helm chart, Prometheus rules, a Grafana dashboard and a filter
// for fail2ban. It has no code; its tests hold the files against the metrics, the
// configuration and the log that turnout really has, and against the tools that
// read them.
//
// Tests that need one of these tools run where PEERTEST is set, as .ci/run does,
// since .ci/run prepare installs them: there a missing tool is a failure.
package deploy
