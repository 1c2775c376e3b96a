# The functions of a job with an app layer. It runs in parts, each in a shell and a container of its own, so that the script
# sees the same whether install ran a moment ago or in another job: files, and what install left in its shell.
_tg_part=${TESTGRID_PART:-}
unset TESTGRID_PART
_tg_secrets=" ${TESTGRID_SECRET_NAMES:-} "
_tg_installed=$HOME/.testgrid-installed

# Says whether a variable is the shell's, ours or a secret, and so is not written down.
_tg_layer_passes() {
  case $1 in
  _tg_* | _ | BASH* | COLUMNS | COMP_* | COPROC* | DIRSTACK | EPOCH* | EUID | FUNCNAME | GROUPS | HIST* | IFS | LINENO | LINES | MAPFILE | OLDPWD | \
    OPT* | PIPESTATUS | PPID | PWD | RANDOM | READLINE* | REPLY | SECONDS | SHELLOPTS | SHLVL | SRANDOM | UID | \
    TRAVIS_CMD | TRAVIS_TIMER* | TRAVIS_TEST_RESULT | TESTGRID_*) return 0 ;;
  esac
  [[ $_tg_secrets == *" $1 "* ]]
}

# What install finds: its changes are what is written down.
_tg_layer_before() {
  local _tg_name IFS=$' \t\n'
  declare -gA _tg_variables=() _tg_functions=()
  for _tg_name in $(compgen -v); do
    if ! _tg_layer_passes "$_tg_name"; then _tg_variables[$_tg_name]=$(declare -p "$_tg_name" 2>/dev/null) || :; fi
  done
  for _tg_name in $(compgen -A function); do
    _tg_functions[$_tg_name]=$(declare -f "$_tg_name")
  done
  _tg_flags=$-
  _tg_options=$(shopt -p; shopt -po pipefail) || :
}

_tg_layer_changes() {
  local _tg_name _tg_now _tg_line _tg_lines IFS=$' \t\n'
  for _tg_name in $(compgen -v); do
    if _tg_layer_passes "$_tg_name"; then continue; fi
    _tg_now=$(declare -p "$_tg_name" 2>/dev/null) || :
    if [[ $_tg_now == 'declare -'* && $_tg_now != "${_tg_variables[$_tg_name]:-}" ]]; then
      printf '%s\n' "declare -g ${_tg_now#declare }"
    fi
  done
  for _tg_name in "${!_tg_variables[@]}"; do
    if ! declare -p "$_tg_name" >/dev/null 2>&1; then
      printf 'unset -v %s\n' "$_tg_name"
    fi
  done
  for _tg_name in $(compgen -A function); do
    _tg_now=$(declare -f "$_tg_name")
    if [[ $_tg_name != _tg_* && $_tg_now != "${_tg_functions[$_tg_name]:-}" ]]; then printf '%s\n' "$_tg_now"; fi
  done
  mapfile -t _tg_lines < <(shopt -p; shopt -po pipefail)
  for _tg_line in "${_tg_lines[@]}"; do
    if [[ $'\n'"$_tg_options"$'\n' != *$'\n'"$_tg_line"$'\n'* ]]; then printf '%s\n' "$_tg_line"; fi
  done
  printf 'umask %s\n' "$(umask)"
  printf 'cd -- %q || travis_terminate 2\n' "$PWD"
  for _tg_name in a e f u v x C; do
    if [[ $_tg_left_flags == *"$_tg_name"* && $_tg_flags != *"$_tg_name"* ]]; then printf 'set -%s\n' "$_tg_name"; fi
    if [[ $_tg_left_flags != *"$_tg_name"* && $_tg_flags == *"$_tg_name"* ]]; then printf 'set +%s\n' "$_tg_name"; fi
  done
}

# The end of the part that installs.
_tg_layer_end() {
  local _tg_left_flags=$-
  set +eufvxaC
  (umask 077 && _tg_layer_changes >"$_tg_installed") || travis_terminate 2
  trap - EXIT
  exit @INSTALLED
}

# What install left in its shell. A job that ended itself in install with that very code has left nothing.
_tg_layer_restore() {
  if [[ ! -r $_tg_installed ]]; then exit @INSTALLED; fi
  # shellcheck disable=SC1090 # it is made above
  source "$_tg_installed"
}

_tg_layer_skips() {
  local _tg_skipped
  for _tg_skipped in "$@"; do
    travis_fold start "$_tg_skipped"
    printf '\033[90m%s skipped: app layer\033[0m\n' "$_tg_skipped"
    travis_fold end "$_tg_skipped"
  done
}

