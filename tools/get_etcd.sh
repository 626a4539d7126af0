#!/usr/bin/env bash
# get_etcd.sh FOLDER: a real etcd for the tests with a lost primary, in a folder of its own.
#
# This takes Debian's package etcd-server from where the machine gets its packages anyway, and keeps its one program. apt
# checks the file against Debian's signed index, but with lists and a cache of its own, so nothing is installed and
# nothing of the system changes.
#
# Ends with 1 and one line that says why when there is no etcd to be had.
set -euo pipefail

readonly PACKAGE=etcd-server

give_up() {
  echo "no etcd: $1" >&2
  exit 1
}

# fetch WORK: the .deb file of the package, in WORK.
fetch() {
  local -a apt=(apt-get -qq -o "Dir::State=$1/state" -o "Dir::State::status=$1/status" -o "Dir::Cache=$1/cache"
    -o APT::Update::Post-Invoke-Success= -o APT::Sandbox::User=root)
  mkdir -p "$1"/{state/lists/partial,cache/archives/partial}
  : >"$1/status"
  (cd "$1" && "${apt[@]}" update && "${apt[@]}" download "$PACKAGE") >/dev/null 2>&1
}

# unpack FILE FOLDER: the program of the package; FOLDER appears whole or not at all.
unpack() {
  rm -rf "$2.part"
  mkdir -p "$2.part/bin"
  dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2.part/bin" --strip-components=3 ./usr/bin/etcd
  "$2.part/bin/etcd" --version >/dev/null || return 1
  rm -rf "$2"
  mv "$2.part" "$2"
}

main() {
  local folder work
  [[ -x ${1:?the folder to put it into}/bin/etcd ]] && exit 0
  [[ $(uname -s) == Linux ]] || give_up "Debian's package runs on Linux only"
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || give_up "apt-get and dpkg-deb are missing"
  folder=$(realpath -m "$1")
  echo "Fetching an etcd for the tests (8 MB) ..."
  work=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder of now
  trap "rm -rf '$work'" EXIT
  fetch "$work" || give_up "apt has no $PACKAGE"
  unpack "$work"/*.deb "$folder" || give_up "the $PACKAGE that apt has does not run here"
}

main "$@"
