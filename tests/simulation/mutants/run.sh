#!/usr/bin/env bash
# Each *.patch here breaks one rule that the promise rests on: applies it to a copy of the tree, builds
# the simulation, and requires that one of its seeds finds the fault.
#   tests/simulation/mutants/run.sh [NAME…]      names without .patch; all by default
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
tree=$root/build/mutants/tree
build=$root/build/mutants/build
seeds=${SEEDS:-1000}
cd "$root" || exit 1
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=true

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for patch in "$here"/*.patch; do names+=("$(basename "$patch" .patch)"); done
fi

copy_tree() {
  rm -rf "$tree" && mkdir -p "$tree"
  git ls-files -z --cached --others --exclude-standard -- CMakeLists.txt cmake include src tests/CMakeLists.txt tests/contract tests/guard \
    tests/tally tests/simulation | while IFS= read -r -d '' file; do
    [ -e "$file" ] && cp --parents "$file" "$tree"
  done
}

# Examples, fuzzing and the rest are not copied, and not needed.
configure() {
  sed -i '/add_subdirectory/{/src\/\|(tests)/!d}' "$tree/CMakeLists.txt"
  cmake -S "$tree" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O1 \
    -DCRIER_WERROR=OFF >"$build.log" 2>&1 || { cat "$build.log"; return 1; }
}

compile() { ninja -C "$build" simulate >"$build.log" 2>&1 || { tail -n 40 "$build.log"; return 1; }; }

# Outside of any repository, or git would look for the paths in this one.
change() { (cd "$tree" && GIT_CEILING_DIRECTORIES=$root/build git apply "$@"); }

passed=0 failed=0
verdict() {
  if [ "$1" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  printf '%-44s %s\n' "$2" "$3"
}

mkdir -p "$build" && copy_tree && configure && compile || exit 1
if ! "$build/bin/simulate" --seeds "$seeds" --brief >"$build.log" 2>&1; then
  cat "$build.log"
  echo "the tree as it is fails: nothing can be said of its mutants"
  exit 1
fi
for name in "${names[@]}"; do
  patch=$here/$name.patch
  if ! change "$patch"; then
    verdict bad "$name" "does not apply: write it anew"
    continue
  fi
  if ! compile; then
    verdict bad "$name" "does not compile"
  elif "$build/bin/simulate" --seeds "$seeds" --brief >"$build.log" 2>&1; then
    verdict bad "$name" "NOT FOUND in $seeds seeds"
  else
    verdict ok "$name" "found: $(grep -m1 '^seed' "$build.log")"
  fi
  change -R "$patch"
done
echo "mutants: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
