#!/usr/bin/env bash
# get_hledger.sh FOLDER: a real hledger, which reads in a test what `hashrail books export` writes, in a folder of its own.
#
# debian_program.sh says how it comes here.
#
# DEBIAN_MIRROR names another mirror. Ends with 1 and one line that says why when there is no hledger to be had.
set -euo pipefail

readonly PACKAGE=hledger
readonly PROGRAMS=(hledger)
readonly SUITES=(trixie forky sid bookworm)
# What other packages need at their installation.
readonly NOT_LOADED='^(gcc-.*-base|libcrypt1)$'

# shellcheck source=tools/debian_program.sh
source "$(dirname "$(readlink -f "$0")")/debian_program.sh"
get_program "${1:?the folder to put it into}" "an hledger for the tests (15 MB)"
