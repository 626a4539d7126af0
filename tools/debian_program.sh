#!/usr/bin/env bash
# debian_program.sh: for get_*.sh to source. A program of a newer Debian, with its libraries, in a folder of its own.
#
# The package and what it loads come from the Debian mirror that the machine uses anyway. apt checks every file against
# Debian's signed index, but with lists, a cache and a package database of its own, so nothing is installed and nothing
# of the system changes. The programs start with the C library that came with them, so an older system will do.
#
# Whoever sources it sets PACKAGE, PROGRAMS, SUITES (places that have the package; where a backport needs its base, both
# are asked) and NOT_LOADED (what the package depends on and the program never loads), SHOWS_VERSION where the program is
# not asked for it by --version, and calls: get_program FOLDER WORDS
set -euo pipefail

readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

give_up() {
  echo "no ${PROGRAMS[0]}: $1" >&2
  exit 1
}

mirrors() {
  if [[ -n ${DEBIAN_MIRROR:-} ]]; then
    echo "$DEBIAN_MIRROR"
  else
    # The archive of security updates does not hold the suites.
    apt-get --print-uris update | sed -n "s|^'\([^']*\)/dists/.*|\1|p" | grep -v security | sort -u
  fi
}

# options FOLDER: what makes apt work in that folder only.
options() {
  printf '%s\n' -qq -o "Dir::Etc::sourcelist=$1/sources.list" -o "Dir::Etc::sourceparts=$1/none" \
    -o "Dir::State=$1/state" -o "Dir::State::status=$1/status" -o "Dir::Cache=$1/cache" \
    -o APT::Update::Post-Invoke-Success= -o APT::Sandbox::User=root
}

# fetch WORK MIRROR SUITES: the .deb files of the program, in WORK/cache.
fetch() {
  local work=$1 mirror=$2 suite wanted
  local -a apt packages
  mkdir -p "$work"/{none,state/lists/partial,cache/archives/partial}
  : >"$work/status"
  for suite in $3; do echo "deb [signed-by=$KEYRING] $mirror $suite main"; done >"$work/sources.list"
  mapfile -t apt < <(options "$work")
  apt-get "${apt[@]}" update >/dev/null 2>&1 || return 1
  wanted=$(apt-get "${apt[@]}" -s install --no-install-recommends "$PACKAGE" 2>/dev/null) || return 1
  mapfile -t packages < <(awk '$1 == "Inst" {print $2}' <<<"$wanted" | grep -Ev "$NOT_LOADED")
  (cd "$work/cache" && apt-get "${apt[@]}" download "${packages[@]}" >/dev/null 2>&1)
}

# start_script FILE: starts the program of the same name with the loader and libraries beside it.
start_script() {
  cat >"$1" <<'SCRIPT'
#!/bin/sh
root=$(dirname "$(dirname "$(readlink -f "$0")")")/root
for loader in "$root"/usr/lib64/ld-linux-*.so.* "$root"/usr/lib/*-linux-gnu/ld-linux-*.so.*; do
  [ -e "$loader" ] && break
done
for program in "$root"/usr/bin/"$(basename "$0")" "$root"/usr/sbin/"$(basename "$0")"; do
  [ -e "$program" ] && break
done
libraries=$(echo "$root"/usr/lib/*-linux-gnu)
exec "$loader" --library-path "$libraries" --argv0 "$0" "$program" "$@"
SCRIPT
  chmod +x "$1"
}

# unpack WORK FOLDER: the programs of the fetched packages; FOLDER appears whole or not at all.
unpack() {
  local file program
  rm -rf "$2.part"
  mkdir -p "$2.part"/{root,bin}
  for file in "$1"/cache/*.deb; do dpkg-deb -x "$file" "$2.part/root"; done
  find "$2.part/root/usr/share" -mindepth 1 -maxdepth 1 ! -name fonts -exec rm -rf {} +
  for program in "${PROGRAMS[@]}"; do start_script "$2.part/bin/$program"; done
  "$2.part/bin/${PROGRAMS[0]}" "${SHOWS_VERSION:---version}" >/dev/null 2>&1 || return 1
  rm -rf "$2"
  mv "$2.part" "$2"
}

# get_program FOLDER WORDS: the programs in FOLDER/bin; WORDS say what is fetched.
get_program() {
  local folder work mirror suites
  [[ -x ${1:?the folder to put it into}/bin/${PROGRAMS[0]} ]] && exit 0
  [[ $(uname -s) == Linux ]] || give_up "Debian's package runs on Linux only"
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || give_up "apt-get and dpkg-deb are missing"
  folder=$(realpath -m "$1")
  [[ -r $KEYRING ]] || give_up "Debian's keys are missing: apt-get install debian-archive-keyring"
  echo "Fetching $2 ..."
  work=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder of now
  trap "rm -rf '$work'" EXIT
  for mirror in $(mirrors); do
    for suites in "${SUITES[@]}"; do
      rm -rf "${work:?}"/*
      fetch "$work" "$mirror" "$suites" && unpack "$work" "$folder" && exit 0
    done
  done
  give_up "no Debian mirror of this machine has a $PACKAGE that runs here"
}
