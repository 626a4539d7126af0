#!/usr/bin/env bash
# get_caddy.sh FOLDER: a real Caddy for the tests behind a proxy, in a folder of its own.
#
# debian_program.sh says how it comes here.
#
# DEBIAN_MIRROR names another mirror. Ends with 1 and one line that says why when there is no Caddy to be had.
set -euo pipefail

readonly PACKAGE=caddy
readonly PROGRAMS=(caddy)
readonly SUITES=(trixie forky sid)
readonly SHOWS_VERSION=version
# Users, scripts, certificates, and what came with them.
readonly NOT_LOADED='^(adduser|base-passwd|ca-certificates|debconf|gcc-.*-base|init-system-helpers|libacl1|libaudit.*|libbz2-1.0|libcap.*|libcrypt1|libdb.*|libpcre2.*|libselinux1|libsemanage.*|libsepol.*|login.*|media-types|openssl.*|passwd|.*perl.*|sysvinit-utils|ucf)$'

# shellcheck source=tools/debian_program.sh
source "$(dirname "$(readlink -f "$0")")/debian_program.sh"
get_program "${1:?the folder to put it into}" "a Caddy for the tests (15 MB)"
