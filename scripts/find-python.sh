#!/usr/bin/env bash
# Print a real Python that can build the environment: 3.11 first, then 3.12 and 3.13.
#
# PYTHON=/path/to/python overrides the search. A candidate must run, be of the right version and
# bring venv and ensurepip: version managers leave shims that only print an error, and some
# distributions ship a Python without ensurepip.
set -u

real_path() {
    "$1" -c '
import sys, ensurepip, venv
assert (3, 11) <= sys.version_info[:2] <= (3, 13)
print(sys.executable)' 2>/dev/null </dev/null
}

if [ -n "${PYTHON:-}" ]; then
    real_path "$PYTHON" && exit 0
    echo "PYTHON=$PYTHON is not a Python 3.11 to 3.13 with venv and ensurepip." >&2
    exit 1
fi

for version in 3.11 3.12 3.13; do
    for candidate in \
        $(type -aP "python$version" python3 python) \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/python"$version" \
        /usr/local/bin/python"$version" /opt/homebrew/bin/python"$version" \
        /usr/bin/python"$version"; do
        [ -x "$candidate" ] || continue
        found=$(real_path "$candidate") || continue
        case $("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])') in
            "$version") echo "$found"; exit 0 ;;
        esac
    done
done

echo "No Python 3.11, 3.12 or 3.13 with venv was found." >&2
echo "Install one (on Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python" >&2
exit 1
