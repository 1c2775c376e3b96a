#!/bin/sh
# @NAME@ @DIGEST@: a whole environment in one file. `--tg-help` says how it is used.
# Written by TestGrid. After this header come the tools that it starts with (tar.gz), the bundle and, if there is one, the
# application (squashfs). It needs a Linux kernel and sh, tail, head, gzip and tar of the machine.
set -eu

tg_name='@NAME@' tg_bundle='@DIGEST@' tg_lock='@LOCK@' tg_suite='@SUITE@' tg_built='@BUILT@'
tg_command=@COMMAND@
tools_at=@TOOLS_AT@ tools_size=@TOOLS_SIZE@ tools_sha256=@TOOLS_SHA256@
bundle_at=@BUNDLE_AT@ bundle_size=@BUNDLE_SIZE@ bundle_sha256=@BUNDLE_SHA256@ unpacked=@UNPACKED@
app_at=@APP_AT@ app_size=@APP_SIZE@ app_sha256=@APP_SHA256@

say() { echo "$tg_name.run: $*" >&2; }
die() { say "$*"; exit 125; }

usage() {
  cat <<END
usage: $0 [OPTION]… [ARGUMENT]…     the application, or a shell where there is none
       $0 [OPTION]… -- COMMAND…     another command in the same environment

  --tg-info               what is in this file
  --tg-verify             read all of it and compare it with its checksums
  --tg-env NAME[=VALUE]   give the command this variable (it gets none of the machine's but TERM)
  --tg-bind DIR[:INSIDE]  show it a folder or file of the machine, where it may write
  --tg-mode MODE          auto (default), root: a loop mount; fuse: no root; extract: no root and no FUSE
  --tg-help               this

What is written elsewhere than in a --tg-bind is in memory, and gone at the end. The file's own tools, and the bundle where it
must be unpacked, are kept in \$TG_CACHE (default: \$XDG_CACHE_HOME/testgrid, else ~/.cache/testgrid; root: /var/cache/testgrid-run).
END
}

# The bytes of a part of this file: OFFSET SIZE. (tail complains where whoever starts us ignores SIGPIPE.)
part() { tail -c "+$(($1 + 1))" "$self" 2>/dev/null | head -c "$2"; }

info() {
  echo "name     $tg_name"
  echo "bundle   $tg_bundle"
  echo "lock     $tg_lock"
  echo "suite    $tg_suite"
  echo "built    $tg_built"
  echo "command  ${tg_command:-(a shell)}"
  echo "parts    tools $tools_size, bundle $bundle_size, application $app_size bytes; unpacked $unpacked"
}

sum() {
  if command -v sha256sum >/dev/null; then sha256sum; else "$tools/bin/busybox" sha256sum; fi | cut -d' ' -f1
}

verify() {
  bad=0
  check() {
    if [ "$(part "$2" "$3" | sum)" = "$4" ]; then echo "$1: whole"; else echo "$1: CHANGED"; bad=1; fi
  }
  check tools "$tools_at" "$tools_size" "$tools_sha256"
  check bundle "$bundle_at" "$bundle_size" "$bundle_sha256"
  [ "$app_size" = 0 ] || check application "$app_at" "$app_size" "$app_sha256"
  [ "$bad" = 0 ] || die "this file was changed or cut: copy it again"
  echo "bundle   $tg_bundle"
}

# Makes a folder of the cache at once or not at all, whoever else does the same: NAME COMMAND…
keep() {
  kept=$cache/$1
  shift
  [ -d "$kept" ] && return
  making=$(mktemp -d "$cache/making.XXXXXX") || die "$cache: cannot be written. Remedy: TG_CACHE=DIR $0 …"
  if "$@" "$making" && { mv -T "$making" "$kept" 2>/dev/null || mv "$making" "$kept"; }; then return; fi
  rm -rf "$making"
  [ -d "$kept" ] || die "$kept could not be made: is $cache full? Remedy: TG_CACHE=DIR $0 …"
}

unpack_tools() { part "$tools_at" "$tools_size" | gzip -dc | tar -xf - -C "$1"; }

# Starts a program of the tools with its own loader and libraries: NAME ARGUMENT…
tool() {
  program=$1
  shift
  "$tools/lib/ld.so" --library-path "$tools/lib" "$tools/bin/$program" "$@"
}

open_cache() {
  if [ -z "${TG_CACHE:-}" ] && [ "$(id -u)" = 0 ]; then
    TG_CACHE=/var/cache/testgrid-run # not HOME: under sudo that may be another's, who would give root its tools
  elif [ -z "${TG_CACHE:-}" ]; then
    [ -n "${XDG_CACHE_HOME:-}${HOME:-}" ] || die "there is no HOME to keep tools in. Remedy: TG_CACHE=DIR $0 …"
    TG_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/testgrid
  fi
  mkdir -p "$TG_CACHE" 2>/dev/null || die "$TG_CACHE cannot be made. Remedy: TG_CACHE=DIR $0 …"
  cache=$(cd "$TG_CACHE" && pwd -P)
  [ -O "$cache" ] || die "$cache is not this user's: its owner could change what is started. Remedy: TG_CACHE=DIR $0 …"
  keep "tools-$tools_sha256" unpack_tools
  tools=$kept
  "$tools/bin/busybox" true 2>/dev/null ||
    die "programs in $cache cannot be started: it is mounted noexec, or the machine is no @ARCHITECTURE@. Remedy: TG_CACHE=DIR $0 …"
}

# Unpacked once. Owners are this user's: only root could give others.
unpack_bundle() {
  say "unpacking $((unpacked / 1048576)) MiB into $cache, this once"
  free=$("$tools/bin/busybox" df -Pk "$cache" | "$tools/bin/busybox" awk 'END { print $4 }')
  [ "$free" -gt "$((unpacked / 1024))" ] ||
    die "$cache has $((free / 1024)) MiB free, and $((unpacked / 1048576)) are needed. Remedy: TG_CACHE=DIR $0 …"
  unpack "$bundle_at" "$1/root" >"$1/log" 2>&1 || { cat "$1/log" >&2; return 1; }
}

# Unpacks a part: OFFSET FOLDER. Whoever is root by a map only must not seem it, else owners would be set that he cannot.
unpack() {
  set -- "$tools/lib/ld.so" --library-path "$tools/lib" "$tools/bin/unsquashfs" \
    -quiet -no-progress -no-xattrs -force -offset "$1" -dest "$2" "$self"
  if [ "$mode" = root ]; then "$@"; else tool unshare --user --map-user=1000 --map-group=1000 "$@"; fi
}

# ---- from here on in a mount namespace of its own ----

# Shows a squashfs within this file at a folder: OFFSET SIZE FOLDER
show() {
  if [ "$mode" = root ] && tool mount -t squashfs -o "ro,loop,offset=$1,sizelimit=$2" "$self" "$3" 2>"$at/said"; then return; fi
  [ "$mode" != root ] || { [ "$asked" = auto ] || return 1; }
  # It is killed when its parent ends, which is the process that the command becomes: so by no function of this shell,
  # which would run in a process between them.
  "$tools/lib/ld.so" --library-path "$tools/lib" "$tools/bin/setpriv" --pdeathsig KILL "$tools/lib/ld.so" --library-path "$tools/lib" "$tools/bin/squashfuse" \
    -f -o "ro,offset=$1" "$self" "$3" </dev/null >"$at/said" 2>&1 &
  server=$!
  # Nothing tells when it serves but the folder, which is of another device then.
  here=$("$tools/bin/busybox" stat -c %d "$at")
  while [ "$("$tools/bin/busybox" stat -c %d "$3")" = "$here" ]; do
    kill -0 "$server" 2>/dev/null || return 1
    "$tools/bin/busybox" usleep 2000
  done
}

lower() {
  if [ "$mode" != extract ]; then
    show "$bundle_at" "$bundle_size" "$at/lower" && return
    [ "$asked" = auto ] || die "mode $mode does not work here: $(cat "$at/said")"
  fi
  owners=user
  [ "$mode" != root ] || owners=true # only root unpacks with the bundle's own
  keep "bundle-$owners-${tg_bundle#sha256:}" unpack_bundle
  "$tools/bin/busybox" mount -o bind "$kept/root" "$at/lower"
}

# An application is small: where its image cannot be mounted it is unpacked in memory.
application() {
  show "$app_at" "$app_size" "$at/app" ||
    unpack "$app_at" "$at/app" >"$at/said" 2>&1 ||
    die "the application cannot be opened: $(cat "$at/said")"
}

inside() {
  mode=$1 asked=$2 self=$3 tools=$4 cache=$5
  shift 5
  at=$cache/at
  "$tools/bin/busybox" mkdir -p "$at"
  "$tools/bin/busybox" mount -t tmpfs -o mode=755 tmpfs "$at"
  mkdir "$at/lower" "$at/app" "$at/upper" "$at/work" "$at/root"
  lower
  layers=lower
  if [ "$app_size" != 0 ]; then
    application
    layers=app:lower
  fi
  cd "$at" # the names of an overlay's layers are relative: a path may have a colon
  user=
  [ "$mode" = root ] || user=,userxattr
  "$tools/bin/busybox" mount -t overlay -o "lowerdir=$layers,upperdir=upper,workdir=work$user" overlay root 2>"$at/said" ||
    die "this kernel ($(uname -r)) gives this user no overlay: $(cat "$at/said"). Remedy: run it as root, or on Linux 5.11 or newer"
  cd root
  for folder in dev proc sys; do "$tools/bin/busybox" mount -o rbind "/$folder" "$folder"; done
  for file in resolv.conf hosts hostname; do
    [ ! -f "etc/$file" ] || [ ! -e "/etc/$file" ] || "$tools/bin/busybox" mount -o bind "/etc/$file" "etc/$file"
  done
  while [ "$1" != -- ]; do
    from=${1%%:*} into=${1#*:}
    if [ -d "$from" ]; then mkdir -p "./$into"; else mkdir -p "./${into%/*}" && : >>"./$into"; fi
    "$tools/bin/busybox" mount -o rbind "$from" "./$into" || die "$from cannot be shown at $into"
    shift
  done
  shift
  mkdir -p .tg-old
  "$tools/bin/busybox" pivot_root . .tg-old
  cd /
  "/.tg-old$tools/bin/busybox" umount -l /.tg-old
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  export PATH
  rmdir /.tg-old
  [ "$app_size" = 0 ] || cd /app
  exec /usr/bin/env -i "PATH=$PATH" LANG=C.UTF-8 HOME=/root USER=root "TERM=${TERM:-dumb}" "$@"
}

main() {
  self=$(readlink -f "$0")
  mode=auto
  # Words for `inside`: what is bound, --, variables; kept apart from the command by being put before it.
  binds='' variables=''
  quote() { printf " '%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }
  while [ $# -gt 0 ]; do
    case $1 in
    --tg-help) usage; exit ;;
    --tg-info) info; exit ;;
    --tg-verify) command -v sha256sum >/dev/null || open_cache; verify; exit ;;
    --tg-mode | --tg-bind | --tg-env) [ $# -ge 2 ] || die "$1 wants a value" ;;
    --tg-*) die "there is no $1: see --tg-help" ;;
    *) break ;;
    esac
    case $1 in
    --tg-mode) mode=$2 ;;
    --tg-bind)
      from=${2%%:*} into=
      case $2 in *:*) into=${2#*:} ;; esac
      [ -e "$from" ] || die "--tg-bind $2: there is no $from"
      from=$(readlink -f "$from")
      case /${into:-$from}/ in */../*) die "--tg-bind $2: no .. inside" ;; esac
      case $from in *:*) die "--tg-bind $2: a path with a colon cannot be bound" ;; esac
      binds="$binds$(quote "$from:${into:-$from}")"
      ;;
    --tg-env)
      case $2 in
      [!A-Za-z_]* | '') die "--tg-env $2: not a variable's name" ;;
      *=*) variables="$variables$(quote "$2")" ;;
      *[!A-Za-z0-9_]*) die "--tg-env $2: not a variable's name" ;;
      *) eval "[ -z \"\${$2+set}\" ] || variables=\"\$variables\$(quote \"$2=\${$2}\")\"" ;;
      esac
      ;;
    esac
    shift 2
  done
  if [ "${1:-}" = -- ]; then
    shift
    [ $# -gt 0 ] || die "-- wants a command"
  elif [ -n "$tg_command" ]; then set -- /bin/sh -c "exec $tg_command \"\$@\"" "$tg_name" "$@"
  elif [ $# -gt 0 ]; then die "this file has no application that would take '$1': a command comes after --"
  else set -- /bin/sh -l; fi

  open_cache
  user=$(id -u)
  asked=$mode
  case $mode in
  auto) if [ "$user" = 0 ]; then mode=root; else mode=fuse; fi ;;
  root) [ "$user" = 0 ] || die "mode root wants root" ;;
  fuse | extract) ;;
  *) die "there is no mode $mode: auto, root, fuse or extract" ;;
  esac
  map=
  if [ "$mode" != root ]; then
    map=--map-root-user
    tool unshare $map --mount "$tools/bin/busybox" true 2>/dev/null || die "this machine gives user $user no namespaces.
Remedy: run it as root; or let root say one of: sysctl kernel.unprivileged_userns_clone=1,
sysctl kernel.apparmor_restrict_unprivileged_userns=0, sysctl user.max_user_namespaces=10000"
  fi
  eval "exec \"\$tools/lib/ld.so\" --library-path \"\$tools/lib\" \"\$tools/bin/unshare\" \$map --mount --propagation private \
    \"\$tools/bin/busybox\" sh \"\$self\" --tg-inside \"\$mode\" \"\$asked\" \"\$self\" \"\$tools\" \"\$cache\" $binds -- $variables \"\$@\""
}

if [ "${1:-}" = --tg-inside ]; then
  shift
  inside "$@"
fi
main "$@"
exit
