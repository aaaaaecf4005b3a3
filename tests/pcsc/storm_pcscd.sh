#!/bin/sh
# storm_pcscd.sh: a short storm through a real pcscd; ./build.sh storm pcscd makes long ones, and says
# whether events are late.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd libssl-dev
. "$(dirname "$0")/fast_pcscd.sh"
# shellcheck disable=SC2046
fast_build storm storm_pcscd -g -O1 -DSTORM_PCSCD -DSLOT_REST_MS=20 tests/programs/storm.c \
    $(ls tests/sim/sim_*.c | grep -v 'sim_reader\|sim_pinpad')
fast_run Storm seconds 20 turns 0 "$@"
