#!/bin/sh
# report.sh TITLE PERCENT
set -eu
used=$(df -kP . | awk 'NR == 2 { sub(/%/, "", $5); print $5 }')
printf '%s\n%s%% of the disk is in use\n' "$1" "$used"
level=ok
if [ "$used" -ge "$2" ]; then
  level=warning
  echo "this is more than $2%"
fi
printf '{"level":"%s","usedPercent":%d}\n' "$level" "$used" >> "$CPM_OUTPUT"
