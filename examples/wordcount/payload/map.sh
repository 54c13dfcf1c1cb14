#!/bin/sh
# map.sh SHARD SHARDS: counts the words of every SHARDS-th text, beginning with number SHARD.
set -eu
texts=$(dirname "$0")/texts
number=0
set -- "$1" "$2" "$texts"/*.txt
shard=$1 shards=$2
shift 2
chosen=
for text in "$@"; do
  if [ $((number % shards)) -eq "$shard" ]; then chosen="$chosen $(basename "$text")"; fi
  number=$((number + 1))
done
echo "texts:${chosen:- none}"
cd "$texts"
# The names are our own and hold no spaces.
# shellcheck disable=SC2086
cat /dev/null $chosen |
  tr 'A-Z' 'a-z' | tr -cs "a-z'" '\n' | sed "s/^'*//; s/'*\$//" | sed "/^$/d" | sort | uniq -c |
  awk 'BEGIN { printf "{" } { printf "%s\"%s\":%d", (NR > 1 ? "," : ""), $2, $1 } END { print "}" }' >> "$CPM_OUTPUT"
