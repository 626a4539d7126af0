#!/usr/bin/env bash
# get_pgbouncer.sh FOLDER: a real pgbouncer, 1.21 or newer, for the tests with a pooler, in a folder of its own.
#
# debian_program.sh says how it comes here.
#
# DEBIAN_MIRROR names another mirror. Ends with 1 and one line that says why when there is no pooler to be had.
set -euo pipefail

readonly PACKAGE=pgbouncer
readonly PROGRAMS=(pgbouncer)
readonly SUITES=(trixie forky sid)
# Users, scripts, and what came with them.
readonly NOT_LOADED='^(adduser|base-passwd|debconf|gcc-.*-base|init-system-helpers|libacl1|libattr1|libaudit-common|libbsd0|libbz2-1.0|libcrypt1|libdb.*|libgdbm.*|libmd0|libncursesw6|libpam-modules.*|libpcre2-8-0|libproc2-0|libselinux1|libsemanage.*|libsepol.*|libtinfo6|login.*|netbase|openssl.*|passwd|.*perl.*|postgresql-.*|procps|sensible-utils|ssl-cert|sysvinit-utils|ucf)$'

# shellcheck source=tools/debian_program.sh
source "$(dirname "$(readlink -f "$0")")/debian_program.sh"
get_program "${1:?the folder to put it into}" "a pgbouncer for the tests (7 MB)"
