#!/bin/sh
# greet.sh WHO TIMES, in the language that $LANGUAGE names
set -eu
case "$LANGUAGE" in
  sv) greeting=hej ;;
  de) greeting=hallo ;;
  fr) greeting=bonjour ;;
  *) greeting=hello ;;
esac
count=0
while [ "$count" -lt "$2" ]; do
  count=$((count + 1))
  printf '%s, %s\n' "$greeting" "$1"
done
printf '{"greetings":%d,"language":"%s"}\n' "$count" "$LANGUAGE" >> "$CPM_OUTPUT"
