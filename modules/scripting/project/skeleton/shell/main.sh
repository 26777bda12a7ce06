#!/bin/sh
# A script: its parameters are on standard input, what it prints is its log, and its results go into the file $FAIRWAY_RESULTS.
set -eu
name=$(sed -n 's/.*"name": *"\([^"\\]*\)".*/\1/p')
echo "Greeting $name"
echo "::fairway progress 50"
printf '{"greeting": "Hello, %s!"}\n' "$name" >"$FAIRWAY_RESULTS"
