#!/usr/bin/env bash
# get_promtool.sh FOLDER: Prometheus' own check of alert rules, with which the tests try those of deploy/, in a folder of its own.
#
# debian_program.sh says how it comes here.
#
# DEBIAN_MIRROR names another mirror. Ends with 1 and one line that says why when there is no promtool to be had.
set -euo pipefail

readonly PACKAGE=prometheus
readonly PROGRAMS=(promtool)
readonly SUITES=(trixie forky sid)
# Users, scripts, and the pages of the server, which the check does not show.
readonly NOT_LOADED='^(adduser|base-passwd|debconf|fonts-.*|gcc-.*-base|init-system-helpers|libacl1|libattr1|libaudit.*|libbz2-1.0|libcap.*|libcrypt1|libdb.*|libjs-.*|libpam.*|libpcre2.*|libselinux1|libsemanage.*|libsepol.*|login.*|node-.*|openssl.*|passwd|.*perl.*|sysvinit-utils|tzdata|ucf)$'

# shellcheck source=tools/debian_program.sh
source "$(dirname "$(readlink -f "$0")")/debian_program.sh"
get_program "${1:?the folder to put it into}" "a promtool for the tests (60 MB)"
