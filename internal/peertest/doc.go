// Package peertest runs turnout against programs by other authors: coturn's
// command line clients, pion's TURN client, OpenSSL, two browsers in a call, a browser
// on the service's test page and on the operator's page, the SDKs of Azure
// Communication Services, and a Prometheus that watches. What is done to a relay while
// it works (reload, drain, loss of a disk) is tested here too, under the load of
// "turnout bench". It has no code of its own.
//
// The tests run where PEERTEST is set, as .ci/run does, and skip elsewhere:
// they need Debian's coturn, chromium and prometheus, node, and npm ci in this folder. Where
// they run, a tool that is missing is a failure.
//
// They build cmd/turnout and start it on loopback. PEERTEST_SERVER has
// them use a server that is already running instead, to see how another one does
// or whether a failure is the test's: two addresses, separated by a comma, of a
// server that knows the static user and one that knows the shared secret (both
// in server_test.go), reachable at the same ports of ::1, with loopback peers
// allowed. PEERTEST_SCREENSHOTS is a folder for pictures of the pages, to be looked at.
package peertest
