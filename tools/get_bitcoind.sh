#!/usr/bin/env bash
# get_bitcoind.sh FOLDER: a real Bitcoin node for the tests, in a folder of its own.
#
# Debian builds bitcoind in its package bitcoin-knots; debian_program.sh says how it comes here.
#
# DEBIAN_MIRROR names another mirror. Ends with 1 and one line that says why when there is no node to be had.
set -euo pipefail

readonly PACKAGE=bitcoin-knots
readonly PROGRAMS=(bitcoind bitcoin-cli)
readonly SUITES=("trixie trixie-backports" forky sid)
# Service management, users, mounting, scripts.
readonly NOT_LOADED='^(adduser|base-files|debconf|dpkg|gcc-.*-base|libacl1|libapparmor1|libattr1|libaudit.*|libblkid1|libbz2-1.0|libcap-ng0|libcap2|libcrypt1|libcryptsetup.*|libdb.*|libfdisk1|libgcrypt20|libgpg-error0|libkmod2|liblz4-1|liblzma5|libmount1|libpam.*|libpcre2-8-0|libseccomp2|libselinux1|libsemanage.*|libsepol.*|libsmartcols1|libsystemd.*|libtinfo6|libuuid1|login.*|mawk|media-types|mount|openssl-provider-legacy|passwd|perl-base|systemd.*|sysvinit-utils|tar|util-linux)$'

# shellcheck source=tools/debian_program.sh
source "$(dirname "$(readlink -f "$0")")/debian_program.sh"
get_program "${1:?the folder to put it into}" "a Bitcoin node for the tests (18 MB)"
