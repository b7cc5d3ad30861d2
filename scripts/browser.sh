#!/usr/bin/env bash
# Sees to it that there is a Chromium to test the report's page in. Without it, that test says so and is skipped.
set -euo pipefail
if command -v chromium chromium-browser google-chrome; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null
  command -v chromium
else
  echo "no chromium, and none can be installed here (it takes root and apt-get)"
fi
