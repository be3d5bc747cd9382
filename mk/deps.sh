#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# deps.sh BUILD NAME: builds one library that Debian ships without a usable static archive from the same version's
# Debian source package into BUILD/deps. Without NLS, iconv, XML and the like: what isn't built can't be linked in.
set -eu
build=$(realpath "$1")
name=$2
here=$(dirname "$(realpath "$0")")
deps=$build/deps
work=$build/src/$name
mkdir -p "$deps/include" "$deps/lib"
cflags="-Os -g -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong -fstack-clash-protection
 -fcf-protection -D_FORTIFY_SOURCE=2 -ffile-prefix-map=$work/src=$name"
cflags=$(echo $cflags)

fetch() {
	rm -rf "$work"
	python3 "$here/sources.py" "$build/apt" source "$1" "$work"
	cd "$work/src"
	# One time for all files: else make thinks that the patches made the generated build files stale.
	find . -type f -exec touch -d @0 {} +
}

# An in-tree automake build; the archives are named by their paths below the tree.
configure_quietly() {
	if ! CC=gcc CFLAGS="$cflags" ./configure --disable-shared --enable-static "$@" >"$work/log" 2>&1; then
		tail -n 30 "$work/log" >&2
		exit 1
	fi
}

make_quietly() {
	if ! make -j2 "$@" >>"$work/log" 2>&1; then
		tail -n 30 "$work/log" >&2
		exit 1
	fi
}

case $name in
util-linux)
	fetch libmount-dev
	configure_quietly --disable-all-programs --enable-libuuid --enable-libblkid --enable-libmount \
		--disable-nls --disable-asciidoc --without-selinux --without-cryptsetup --without-udev --without-systemd \
		--without-ncurses --without-ncursesw --without-tinfo --without-readline --without-python --without-util \
		--without-libmagic --without-econf --disable-libmount-support-mtab
	make_quietly libuuid.la libblkid.la libmount.la
	cp .libs/libuuid.a .libs/libblkid.a .libs/libmount.a "$deps/lib/"
	for lib in uuid/src/uuid.h blkid/src/blkid.h mount/src/libmount.h; do
		mkdir -p "$deps/include/${lib%%/*}" "$deps/include/lib${lib%%/*}"
	done
	cp libuuid/src/uuid.h "$deps/include/uuid/"
	cp libblkid/src/blkid.h "$deps/include/blkid/"
	cp libmount/src/libmount.h "$deps/include/libmount/"
	rmdir "$deps/include/libuuid" "$deps/include/libblkid" "$deps/include/mount"
	;;
cjson)
	fetch libcjson-dev
	gcc $cflags -c cJSON.c -o cJSON.o
	rm -f "$deps/lib/libcjson.a"
	ar rcD "$deps/lib/libcjson.a" cJSON.o
	mkdir -p "$deps/include/cjson"
	cp cJSON.h "$deps/include/cjson/"
	;;
libarchive)
	fetch libarchive-dev
	configure_quietly --disable-bsdtar --disable-bsdcat --disable-bsdcpio --disable-acl --disable-xattr \
		--without-xml2 --without-expat --without-nettle --without-openssl --without-iconv --without-lzma \
		--without-bz2lib --without-lz4 --without-libb2 --without-lzo2 --without-cng --with-zlib --with-zstd
	make_quietly libarchive.la
	cp .libs/libarchive.a "$deps/lib/"
	cp libarchive/archive.h libarchive/archive_entry.h "$deps/include/"
	;;
*)
	echo "deps.sh: no recipe for $name" >&2
	exit 1
	;;
esac
rm -rf "$work"
