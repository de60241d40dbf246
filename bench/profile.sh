#!/usr/bin/env bash
# profile.sh writes cmd/turnout/default.pgo, by which go build optimises turnout: where the packet loop and the
# set-up of allocations spend their time, under the loads of TestCost and the benchmarks of requests.
# docs/performance.md says what it gains. From the root of a clone, on a machine with nothing else to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
go test ./relay -pgo=off -trimpath -o "$folder/test" -run '^TestCost$' -count 40 -cpuprofile "$folder/loop.prof"
go test ./relay -pgo=off -trimpath -o "$folder/test" -run '^$' -bench '^Benchmark(Allocate|Authenticate)$' -benchtime 2s -cpuprofile "$folder/requests.prof"
go tool pprof -proto "$folder/loop.prof" "$folder/requests.prof" >cmd/turnout/default.pgo
go tool pprof -top -nodecount 10 cmd/turnout/default.pgo
