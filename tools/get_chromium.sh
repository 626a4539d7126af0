#!/usr/bin/env bash
# get_chromium.sh FOLDER: a real browser without a window, for the tests of pages, in a folder of its own.
#
# debian_program.sh says how it comes here. Fonts come along, so that pages look the same on every machine.
#
# DEBIAN_MIRROR names another mirror. Ends with 1 and one line that says why when there is no browser to be had.
set -euo pipefail

readonly PACKAGE=chromium-headless-shell
readonly PROGRAMS=(chromium-headless-shell)
readonly SUITES=(bookworm trixie sid)
# Users, scripts, services, and drivers of screens.
readonly NOT_LOADED='^(adduser|base-passwd|dbus.*|debconf|dpkg|gcc-.*-base|init-system-helpers|libgl1-mesa.*|libllvm.*|libpam.*|libsystemd-shared.*|passwd|.*perl.*|systemd.*|ucf)$'

# shellcheck source=tools/debian_program.sh
source "$(dirname "$(readlink -f "$0")")/debian_program.sh"

# start_script FILE: starts the browser by a loader that stands beside it, for it looks for its data beside the file that
# its process was started from; and its other processes by the same script.
start_script() {
  local root
  root=$(dirname "$(dirname "$1")")/root
  cp -L "$root"/lib*/*/ld-linux-*.so.* "$root/usr/lib/chromium/loader" 2>/dev/null ||
    cp -L "$root"/usr/lib*/*/ld-linux-*.so.* "$root/usr/lib/chromium/loader"
  cat >"$(dirname "$1")/fonts.conf" <<'FONTS'
<?xml version="1.0"?>
<fontconfig><dir prefix="relative">../root/usr/share/fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
FONTS
  cat >"$1" <<'SCRIPT'
#!/bin/sh
self=$(readlink -f "$0")
root=$(dirname "$(dirname "$self")")/root
libraries=
for folder in "$root"/usr/lib/*-linux-gnu "$root"/lib/*-linux-gnu "$root"/usr/lib/*-linux-gnu/pulseaudio; do
  libraries="$libraries$folder:"
done
browser=$root/usr/lib/chromium
FONTCONFIG_FILE=$(dirname "$self")/fonts.conf
export FONTCONFIG_FILE
exec "$browser/loader" --library-path "$libraries$browser" --argv0 "$browser/chromium-headless-shell" \
  "$browser/chromium-headless-shell" --no-zygote --browser-subprocess-path="$self" "$@"
SCRIPT
  chmod +x "$1"
}

get_program "${1:?the folder to put it into}" "a browser for the tests (124 MB)"
