# Sourced by ./run and ./test: installs what is missing and builds presets. Does nothing, quickly, when
# there is nothing to do; ends the script with one sentence when it cannot go on.

node_major_min=18

say() { printf '%s\n' "$@"; }
fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# install_packages NAME…: Debian packages, those that are not there. Never removes or downgrades any.
install_packages() {
  local installed missing=() name log=build/setup/apt.log
  command -v dpkg-query >/dev/null ||
    fail "this script installs Debian 12 packages; elsewhere install those named in packaging/debian/ and use the CMake presets"
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null)
  for name in "$@"; do
    grep -qxF "installed $name" <<<"$installed" || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
    fail "these packages are missing and neither root nor sudo is at hand to install them: ${missing[*]}"
  say "Installing Debian packages: ${missing[*]}"
  mkdir -p build/setup
  {
    as_root apt-get update -qq &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-remove \
        --no-install-recommends -o DPkg::Lock::Timeout=120 "${missing[@]}"
  } </dev/null >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    fail "apt could not install ${missing[*]} without removing or downgrading a package (all it said: $log)"
  }
}

# install_lists LIST…: the packages named in packaging/debian/LIST.
install_lists() {
  local names
  mapfile -t names < <(cd packaging/debian && sed -e 's/#.*//' -e '/^ *$/d' "$@")
  install_packages "${names[@]}"
}

node_is_new_enough() {
  local version
  command -v npm >/dev/null && version=$(node --version 2>/dev/null) || return 1
  version=${version#v}
  [ "${version%%.*}" -ge $node_major_min ]
}

# Takes the Node.js on PATH if it will do, Debian's otherwise.
install_node() {
  node_is_new_enough && return
  install_packages nodejs npm
  hash -r
  node_is_new_enough ||
    fail "Node.js $node_major_min or newer with npm is needed, but PATH finds $(node --version 2>&1 | head -n 1)"
}

# install_npm FOLDER: exactly what its package-lock.json says.
install_npm() {
  local stamp="$1/node_modules/.installed-lock" log="build/setup/npm-${1//\//-}.log"
  cmp -s "$1/package-lock.json" "$stamp" && return
  say "Installing npm packages of $1/"
  mkdir -p build/setup
  (cd "$1" && npm ci --no-audit --no-fund) </dev/null >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    fail "npm could not install the packages of $1/ (all it said: $log)"
  }
  cp "$1/package-lock.json" "$stamp"
}

# install_python FOLDER ENVIRONMENT: exactly what FOLDER/requirements.txt says, for the Python in ENVIRONMENT/bin.
install_python() {
  local stamp="$2/.installed-requirements" log="build/setup/python-${1//\//-}.log"
  cmp -s "$1/requirements.txt" "$stamp" && return
  say "Installing Python packages of $1/"
  mkdir -p build/setup
  {
    rm -rf "$2" && /usr/bin/python3 -m venv "$2" &&
      "$2/bin/pip" install --disable-pip-version-check --quiet --requirement "$1/requirements.txt"
  } </dev/null >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    fail "pip could not install the packages of $1/ (all it said: $log)"
  }
  cp "$1/requirements.txt" "$stamp"
}

# build_preset NAME: configures and builds one of CMakePresets.json. Returns non-zero if that fails.
build_preset() {
  cmake --preset "$1" >"build/configure-$1.log" 2>&1 || {
    tail -n 30 "build/configure-$1.log"
    return 1
  }
  cmake --build --preset "$1" --parallel "$(nproc)"
}
