#!/bin/sh
# Builds the container image of turnout, with buildah or docker, and needs no network once
# the Go modules are there: the binary is built on this machine, and no other image is used.
#
#	deploy/image.sh turnout:latest              with buildah, or docker if there is no buildah
#	deploy/image.sh --context FOLDER            only the folder that the image is built from
#
# BUILDAH_OPTS goes before buildah's command, e.g. "--storage-driver vfs".
set -eu
cd "$(dirname "$0")/.."

context() {
	mkdir -p "$1"
	CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags '-s -w' -o "$1/turnout" ./cmd/turnout
	cp /etc/ssl/certs/ca-certificates.crt deploy/Dockerfile "$1/"
	chmod 0755 "$1/turnout"
	chmod 0644 "$1/ca-certificates.crt" "$1/Dockerfile"
}

case "${1-}" in
--context)
	context "${2:?--context needs a folder}"
	;;
"" | -*)
	echo "usage: deploy/image.sh NAME:TAG | --context FOLDER" >&2
	exit 2
	;;
*)
	folder=$(mktemp -d)
	trap 'rm -rf "$folder"' EXIT
	context "$folder"
	if command -v buildah >/dev/null; then
		# shellcheck disable=SC2086 # one word per option
		buildah ${BUILDAH_OPTS-} bud --isolation chroot --tag "$1" "$folder"
	else
		docker build --tag "$1" "$folder"
	fi
	;;
esac
