# The Debian packages that TestGrid's own scripts install. Sourced by ./testgrid and ./test.
# shellcheck shell=bash

# What a server with an embedded runner needs: bundles (mmdebstrap), sandboxes (libseccomp2, uidmap, slirp4netns, nftables).
run_parts=(mmdebstrap libseccomp2 uidmap slirp4netns nftables util-linux ca-certificates git openssh-client)
# What the build needs besides .NET and Node: a C compiler, for the launcher of sandboxes.
build_parts=(gcc libc6-dev)
# What the tests need besides: a browser, source packages of real projects, and other engines to measure against.
test_parts=("${run_parts[@]}" "${build_parts[@]}" chromium dpkg-dev bubblewrap crun iproute2 runc docker.io docker-compose rabbitmq-server procps zstd sudo
  squashfs-tools erofs-utils docker-registry)

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 3; }

# Runs a command as root: directly, or through sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "this needs root: run it as root, or install sudo"
  fi
}

# Runs a command as the person who called, so that a build started with sudo leaves nothing of root's behind.
as_caller() {
  if [ "$(id -u)" = 0 ] && [ -n "${SUDO_UID:-}" ] && [ "$SUDO_UID" != 0 ]; then
    sudo -u "#$SUDO_UID" -g "#$SUDO_GID" -H --preserve-env=PATH,DOTNET_ROOT,NODE_EXTRA_CA_CERTS,SSL_CERT_FILE,SSL_CERT_DIR,CI env PATH="$PATH" "$@"
  else "$@"
  fi
}

# Runs a command as root with the caller's settings and root's own home, as a plain root would have started it.
as_plain_root() {
  local way=(env)
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "this needs root: run it as root, or install sudo"
    way=(sudo -E -H env)
  fi
  "${way[@]}" -u SUDO_USER -u SUDO_UID -u SUDO_GID -u SUDO_COMMAND -u XDG_CONFIG_HOME -u XDG_DATA_HOME \
    -u XDG_CACHE_HOME -u XDG_RUNTIME_DIR PATH="$PATH" "$@"
}

# Gives what root made below a folder to the person who called.
give_back() {
  local user group
  user=$(id -u) group=$(id -g)
  if [ "$user" = 0 ]; then user=${SUDO_UID:-0} group=${SUDO_GID:-0}; fi
  if [ "$user" != 0 ] && [ -d "$1" ]; then as_root find "$1" -xdev -uid 0 -exec chown -h "$user:$group" {} +; fi
}

# Installs those of the named packages that are missing.
install_parts() {
  local missing=() part
  for part in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$part" 2>/dev/null)" = installed ] || missing+=("$part")
  done
  [ ${#missing[@]} = 0 ] && return
  command -v apt-get >/dev/null || die "these packages are missing, and there is no apt-get to install them: ${missing[*]}"
  say "installing ${missing[*]}"
  # A service that a package brings must not start: TestGrid and its tests start their own. Debian asks this file.
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -c '
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap "rm -f $policy" EXIT
      printf "#!/bin/sh\nexit 101\n" >"$policy" && chmod 755 "$policy"
    fi
    apt-get -qq update && apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install "$@" >/dev/null' sh "${missing[@]}" ||
    die "apt-get could not install them: see above"
  # Nor at the next boot: a broker that only tests asked for holds no port of this machine.
  case " ${missing[*]} " in
    *" rabbitmq-server "*) [ ! -d /run/systemd/system ] || as_root systemctl disable --quiet rabbitmq-server ;;
  esac
}

# .NET 10 and Node are the two things a person brings.
require_toolchains() {
  command -v dotnet >/dev/null || die "the .NET 10 SDK is missing: install it and put dotnet on the PATH"
  case $(dotnet --version 2>/dev/null) in
    10.*) ;;
    *) die "the .NET 10 SDK is missing: dotnet --version says '$(dotnet --version 2>&1 | head -n 1)'" ;;
  esac
  command -v node >/dev/null || die "Node 20.19 or later is missing: it builds the dashboard"
  node -e 'const [a,b]=process.versions.node.split(".").map(Number); process.exit(a>20||(a===20&&b>=19)?0:1)' ||
    die "Node $(node --version) is too old: the dashboard needs 20.19 or later"
}

# Is anything below the named paths newer than the stamp?
is_stale() {
  local stamp=$1
  shift
  [ -e "$stamp" ] || return 0
  [ -n "$(find "$@" \( -name node_modules -o -name wwwroot -o -name obj -o -name bin \) -prune -o -newer "$stamp" -print -quit 2>/dev/null)" ]
}

# Builds the dashboard and the program where their sources are newer than what was built last.
build_stale() {
  local home=$1 stamps=$1/artifacts/stamps
  # Two may build at once: each has a stamp of its own until it is done.
  as_caller mkdir -p "$stamps" || die "$home/artifacts belongs to somebody else: sudo chown -R \"\$USER\" $home/artifacts"
  if is_stale "$stamps/web" "$home/web"; then
    require_toolchains
    say "building the dashboard"
    as_caller touch "$stamps/web.$$"
    if is_stale "$stamps/npm" "$home/web/package-lock.json" || [ ! -d "$home/web/node_modules" ]; then
      (cd "$home/web" && as_caller npm ci --no-audit --no-fund --silent >&2) || die "npm ci failed: see above"
      as_caller touch "$stamps/npm"
    fi
    (cd "$home/web" && as_caller npm run --silent build -- --logLevel warn >&2) || die "the dashboard does not build: see above"
    as_caller mv "$stamps/web.$$" "$stamps/web"
  fi
  if is_stale "$stamps/program" "$home/src" "$home/Directory.Build.props" "$home/Directory.Packages.props"; then
    require_toolchains
    install_parts "${build_parts[@]}"
    say "building testgrid (a minute the first time)"
    as_caller touch "$stamps/program.$$"
    as_caller env DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 dotnet build "$home/src/TestGrid.Cli" -c Release -v quiet -nologo \
      -clp:ErrorsOnly >&2 || die "testgrid does not build: see above"
    as_caller mv "$stamps/program.$$" "$stamps/program"
  fi
}
