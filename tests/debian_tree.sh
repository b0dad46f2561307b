# Trees of Debian's releases, for scripts that build and test in them; sourced. Needs root and
# mmdebstrap. $mirror is the archive; empty: mmdebstrap knows where Debian's is.
# shellcheck shell=bash

# need_trees JOB: root, and what scripts/install-dependencies knows of that job
need_trees() {
  if ((EUID != 0)); then
    echo "This needs root." >&2
    exit 1
  fi
  scripts/install-dependencies "$1"
  mirror=${mirror:-$(archive_of_this_machine)}
}

# The first archive of Debian itself, beside those of its security team and of others.
archive_of_this_machine() {
  # shellcheck disable=SC2016 # apt's variable, not ours
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' |
    sed --quiet 1p
}

# make_tree RELEASE TREE PACKAGE...: a minimal system with these packages, fresh unless there is
# such a one from an earlier call. sid's index has an end that a mirror may be older than.
make_tree() {
  local release=$1 tree=$2
  shift 2
  local include=(iproute2 "$@")
  if [[ $mirror == https:* ]]; then
    include+=(ca-certificates)
  fi
  if [[ "$(cat "$tree/etc/made-with" 2>/dev/null)" == "${include[*]}" ]]; then
    return
  fi
  rm --recursive --force --one-file-system "$tree"
  mmdebstrap --quiet --mode=root --variant=minbase --include="${include[*]}" \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    "$release" "$tree" ${mirror:+"deb $mirror $release main"} &&
    cp --dereference /etc/resolv.conf "$tree/etc/resolv.conf" &&
    echo '127.0.0.1 localhost' >"$tree/etc/hosts" &&
    echo "${include[*]}" >"$tree/etc/made-with"
}

# What git knows, as it lies here, committed or not; and no file that it no longer knows.
copy_source() {
  local to=$1/mqtt-bridge
  mkdir --parents "$to"
  find "$to" -mindepth 1 -maxdepth 1 ! -name build -exec rm --recursive {} + &&
    git ls-files -z | tar --create --null --files-from=- | tar --extract --directory="$to"
}

# inside TREE NAMESPACE... -- COMMAND...: runs it in the tree, in namespaces of its own
inside() {
  local tree=$1 namespaces=()
  shift
  while [[ $1 != -- ]]; do
    namespaces+=("$1")
    shift
  done
  shift
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount --pid --fork --kill-child "${namespaces[@]}" -- bash -euc '
    tree=$1
    shift
    mount --types tmpfs tmpfs "$tree/dev"  # nothing of this machine that could be harmed
    for device in null zero full random urandom tty; do
      touch "$tree/dev/$device"
      mount --bind "/dev/$device" "$tree/dev/$device"
    done
    mkdir --mode=1777 "$tree/dev/shm"
    ln --symbolic /proc/self/fd "$tree/dev/fd"
    mount --types proc proc "$tree/proc"
    mount --types sysfs --options ro sysfs "$tree/sys" 2>/dev/null || true
    mount --types tmpfs tmpfs "$tree/run"
    mount --types tmpfs tmpfs "$tree/tmp"
    exec env --ignore-environment HOME=/root LANG=C.UTF-8 TERM=dumb \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      chroot "$tree" "$@"' inside "$tree" "$@" </dev/null
}

# build_package RELEASE TREES: prints the path of the Debian package for that release, made on this
# machine if that is its release, else in a tree of its own.
build_package() {
  local release=$1 here tree=$2/$1
  here=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  if [[ $here == "$release" ]]; then
    scripts/install-dependencies deb >&2 && rm --force build/deb/*.deb &&
      cmake --workflow --preset deb >&2 && realpath build/deb/*.deb
    return
  fi
  # shellcheck disable=SC2016 # expanded inside the tree
  make_tree "$release" "$tree" && copy_source "$tree" &&
    inside "$tree" -- bash -c 'cd /mqtt-bridge && scripts/install-dependencies deb &&
      rm --force build/deb/*.deb && cmake --workflow --preset deb' >&2 &&
    realpath "$tree"/mqtt-bridge/build/deb/*.deb
}
