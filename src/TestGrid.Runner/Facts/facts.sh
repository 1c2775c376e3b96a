#!/bin/sh
# Tells what this machine gives an application, as JSON of the form testgrid.facts/1, as `testgrid facts` does. For machines
# where nothing is installed: it needs sh, awk, sed and sort, changes nothing, and of variables it tells the names only.
#
#   sh facts.sh >facts.json
LC_ALL=C
export LC_ALL
# awk tells the names of variables without their values; this one is ours.
names=$(awk 'BEGIN { for (name in ENVIRON) print name }' | grep -v '^LC_ALL$')

# Lines of NAME<tab>VALUE become one JSON object, in order, each name once.
object() {
  sort -u | awk -F '\t' '
    function quote(text,   i, c, made) {
      made = ""
      for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "\\" || c == "\"") made = made "\\" c
        else if (c in control) made = made control[c]
        else made = made c
      }
      return "\"" made "\""
    }
    BEGIN { for (i = 1; i < 32; i++) control[sprintf("%c", i)] = sprintf("\\u%04x", i); printf "{" }
    $1 == "" || $1 in seen { next }
    { seen[$1]; printf "%s\n    %s: %s", (many++ ? "," : ""), quote($1), quote(substr($0, length($1) + 2)) }
    END { printf "%s}", (many ? "\n  " : "") }'
}

# One word as a JSON string, or null.
text() {
  if [ -z "$1" ]; then printf null; else printf 'x\t%s\n' "$1" | object | sed -n 's/^ *"x": //p' | tr -d '\n'; fi
}

hash_of() {
  if [ ! -f "$1" ] || [ ! -r "$1" ]; then return; fi
  if command -v sha256sum >/dev/null; then sha256sum <"$1" | sed 's/ .*//'
  elif command -v shasum >/dev/null; then shasum -a 256 <"$1" | sed 's/ .*//'
  elif command -v openssl >/dev/null; then openssl dgst -sha256 <"$1" | sed 's/.*= *//'
  fi
}

really() { readlink -f "$1" 2>/dev/null || printf '%s\n' "$1"; }

packages() {
  [ -r /var/lib/dpkg/status ] || return
  awk -v own="$architecture" '
    function tell() {
      if (installed && name != "") print (arch == "all" || arch == "" || own == "" || arch == own ? name : name ":" arch) "\t" version
      name = version = arch = ""; installed = 0
    }
    /^$/ { tell() }
    /^Package: / { name = $2 }
    /^Version: / { version = $2 }
    /^Architecture: / { arch = $2 }
    /^Status: / { installed = $NF == "installed" }
    END { tell() }' /var/lib/dpkg/status
}

programs() {
  for program in awk bash bundle cargo cc clang composer cpp curl dotnet gcc git go java make mvn node npm openssl perl php pip pip3 \
    python python3 ruby rustc sh ssh tar wget; do
    for folder in /usr/local/bin /usr/bin /bin /usr/local/sbin /usr/sbin; do
      if [ -e "$folder/$program" ]; then
        printf '%s\t%s\n' "$program" "$(really "$folder/$program")"
        break
      fi
    done
  done
}

libraries() {
  for file in /lib/*.so.* /usr/lib/*.so.* /usr/local/lib/*.so.* /lib64/*.so.* /usr/lib64/*.so.* /lib/*-linux-gnu/*.so.* \
    /usr/lib/*-linux-gnu/*.so.*; do
    name=${file##*/}
    case $name in lib*.so.[0-9]* | ld-*.so.[0-9]*) ;; *) continue ;; esac
    case ${name##*.so.} in *[!0-9]*) continue ;; esac
    if [ -e "$file" ]; then printf '%s\t%s\n' "$name" "$(really "$file")"; fi
  done | sort -s -u -t '	' -k 1,1
}

config() {
  for file in /etc/environment /etc/gai.conf /etc/hosts.allow /etc/ld.so.conf /etc/ld.so.preload /etc/locale.conf /etc/default/locale \
    /etc/nsswitch.conf /etc/profile /etc/security/limits.conf /etc/ssl/openssl.cnf /etc/sysctl.conf /etc/mime.types; do
    hash=$(hash_of "$file")
    if [ -n "$hash" ]; then printf '%s\t%s\n' "$file" "$hash"; fi
  done
}

sysctls() {
  for name in fs/file-max fs/inotify/max_user_instances fs/inotify/max_user_watches fs/protected_hardlinks kernel/pid_max \
    kernel/randomize_va_space kernel/shmmax kernel/threads-max kernel/unprivileged_userns_clone net/core/somaxconn \
    net/ipv4/ip_local_port_range net/ipv4/ip_unprivileged_port_start net/ipv6/conf/all/disable_ipv6 user/max_user_namespaces \
    vm/max_map_count vm/overcommit_memory vm/swappiness; do
    if [ -r "/proc/sys/$name" ]; then
      printf '%s\t%s\n' "$(printf '%s' "$name" | tr / .)" "$(tr '\t' ' ' <"/proc/sys/$name")"
    fi
  done
}

architecture=$(sed -n '/./{p;q;}' /var/lib/dpkg/arch 2>/dev/null)
if [ -z "$architecture" ]; then
  case $(uname -m) in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; *) architecture=$(uname -m) ;; esac
fi
libc=glibc
for file in /lib/ld-musl-*; do if [ -e "$file" ]; then libc=musl; fi; done
case $libc in musl) holder=musl ;; *) holder=libc6 ;; esac
libc_version=$(packages | awk -F '\t' -v holder=$holder '$1 == holder && !told++ { print $2 }')
zone=$(sed -n '/./{p;q;}' /etc/timezone 2>/dev/null)
if [ -z "$zone" ]; then
  case $(really /etc/localtime) in */zoneinfo/*) zone=$(really /etc/localtime | sed 's|.*/zoneinfo/||') ;; esac
fi
if [ -e /usr/share/zoneinfo/Europe/Berlin ]; then zone_data=true; else zone_data=false; fi
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then groups=v2; elif [ -d /sys/fs/cgroup ]; then groups=v1; else groups=; fi
memory=$(awk '/^MemTotal:/ { printf "%.0f", $2 * 1024 }' /proc/meminfo 2>/dev/null)
processors=$(grep -c '^processor' /proc/cpuinfo 2>/dev/null)

printf '{\n  "schema": "testgrid.facts/1",\n  "of": "host"'
printf ',\n  "os": '
for name in ID VERSION_ID VERSION_CODENAME PRETTY_NAME; do
  value=$(sed -n "s/^$name=//p" /etc/os-release 2>/dev/null | sed -n 1p | sed "s/^[\"']//; s/[\"']\$//")
  if [ -n "$value" ]; then printf '%s\t%s\n' "$(printf '%s' $name | tr A-Z a-z)" "$value"; fi
done | object
printf ',\n  "architecture": '; text "$architecture"
printf ',\n  "libc": {"kind": "%s", "version": ' "$libc"; text "$libc_version"; printf '}'
printf ',\n  "packages": '; packages | object
printf ',\n  "programs": '; programs | object
printf ',\n  "libraries": '; libraries | object
printf ',\n  "users": '; grep -v '^#' /etc/passwd | awk -F : 'NF > 2 { print $1 "\t" $3 }' | object
printf ',\n  "groups": '; grep -v '^#' /etc/group | awk -F : 'NF > 2 { print $1 "\t" $3 }' | object
printf ',\n  "certificates": '; text "$(hash_of /etc/ssl/certs/ca-certificates.crt)"
printf ',\n  "timezone": {"name": '; text "$zone"; printf ', "data": %s}' "$zone_data"
printf ',\n  "config": '; config | object
printf ',\n  "host": {\n  "kernel": '; text "$(uname -r)"
printf ',\n  "processors": %s' "${processors:-null}"
printf ',\n  "memoryBytes": %s' "${memory:-null}"
printf ',\n  "controlGroups": '; text "$groups"
printf ',\n  "sysctl": '; sysctls | object
printf ',\n  "environment": ['
printf '%s\n' "$names" | sort -u | while read -r name; do
  if [ -n "$name" ]; then printf '%s' "${comma:-}"; text "$name"; comma=', '; fi
done
printf ']\n  }\n}\n'
