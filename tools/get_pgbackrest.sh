#!/usr/bin/env bash
# get_pgbackrest.sh FOLDER: a real pgBackRest for the tests that archive and restore, in a folder of its own.
#
# debian_program.sh says how it comes here.
#
# DEBIAN_MIRROR names another mirror. Ends with 1 and one line that says why when there is none to be had.
set -euo pipefail

readonly PACKAGE=pgbackrest
readonly PROGRAMS=(pgbackrest)
# The newest first: an older one refuses a PostgreSQL that is newer than it.
readonly SUITES=(forky sid trixie)
readonly SHOWS_VERSION=version
# Users, scripts, and what came with them.
readonly NOT_LOADED='^(adduser|base-passwd|debconf|gcc-.*-base|libacl1|libaudit.*|libblkid1|libbsd0|libcap-ng0|libcrypt1|libdb.*|libdebconf.*|libgdbm.*|libmd0|libmount1|libncursesw6|libpam.*|libpcre2-8-0|libproc2.*|libselinux1|libsemanage.*|libsepol.*|libsystemd-shared|libtinfo6|login.*|netbase|openssl.*|passwd|.*perl.*|postgresql-.*|procps|sensible-utils|ssl-cert|systemd|sysvinit-utils|ucf)$'

# shellcheck source=tools/debian_program.sh
source "$(dirname "$(readlink -f "$0")")/debian_program.sh"
get_program "${1:?the folder to put it into}" "a pgBackRest for the tests (25 MB)"
