#!/bin/sh
# reduce.sh TOP SHORTEST: adds up the counts of all mappers ($CPM_INPUT, a JSON list of objects) and names the TOP
# most frequent words of at least SHORTEST letters.
set -eu
counts=$(mktemp)
tr '{},[]' '\n\n\n\n\n' < "$CPM_INPUT" |
  awk -F'"' 'NF == 3 { sub(/^: */, "", $3); count[$2] += $3 } END { for (word in count) print count[word], word }' |
  LC_ALL=C sort -k1,1nr -k2,2 > "$counts"
total=$(awk '{ sum += $1 } END { print sum + 0 }' "$counts")
distinct=$(awk 'END { print NR }' "$counts")
awk -v shortest="$2" 'length($2) >= shortest' "$counts" | head -n "$1" > "$counts.top"
echo "$total words, $distinct different ones; the most frequent:"
awk '{ printf "%6d  %s\n", $1, $2 }' "$counts.top"
awk -v total="$total" -v distinct="$distinct" '
  BEGIN { printf "{\"words\":%d,\"distinct\":%d,\"top\":{", total, distinct }
  { printf "%s\"%s\":%d", (NR > 1 ? "," : ""), $2, $1 }
  END { print "}}" }' "$counts.top" >> "$CPM_OUTPUT"
