#!/usr/bin/env bash
# get_nginx.sh FOLDER: a real nginx for the tests behind a proxy, in a folder of its own.
#
# debian_program.sh says how it comes here.
#
# DEBIAN_MIRROR names another mirror. Ends with 1 and one line that says why when there is no nginx to be had.
set -euo pipefail

readonly PACKAGE=nginx
readonly PROGRAMS=(nginx)
readonly SUITES=(trixie forky sid)
readonly SHOWS_VERSION=-v
# Users, scripts, and what came with them.
readonly NOT_LOADED='^(adduser|base-passwd|debconf|gcc-.*-base|init-system-helpers|iproute2|libacl1|libaudit.*|libbpf.*|libbz2-1.0|libcap.*|libdb.*|libelf.*|libmnl.*|libselinux1|libsemanage.*|libsepol.*|libtirpc.*|libxtables.*|login.*|media-types|openssl.*|passwd|.*perl.*|ssl-cert|sysvinit-utils|ucf)$'

# shellcheck source=tools/debian_program.sh
source "$(dirname "$(readlink -f "$0")")/debian_program.sh"
get_program "${1:?the folder to put it into}" "an nginx for the tests (6 MB)"
