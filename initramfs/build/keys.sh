#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# keys.sh DIR: makes the development key pair on first use. A release build refuses it (by its subject).
set -eu
mkdir -p -m 0700 "$1"
[ -e "$1/dev.crt" ] && exit 0
openssl req -x509 -newkey rsa:3072 -nodes -sha256 -days 36500 -subj "/O=Hull/CN=Hull development key" \
	-addext keyUsage=critical,digitalSignature -addext basicConstraints=critical,CA:FALSE \
	-keyout "$1/dev.key" -out "$1/dev.crt.new" 2>/dev/null
mv "$1/dev.crt.new" "$1/dev.crt"
