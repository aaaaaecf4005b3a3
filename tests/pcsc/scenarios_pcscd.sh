#!/bin/sh
# scenarios_pcscd.sh: tests/programs/scenarios.c through a real pcscd that polls each millisecond.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd libssl-dev
. "$(dirname "$0")/fast_pcscd.sh"
fast_build world scenarios -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
    -DWORLD_IS_PCSCD tests/programs/scenarios.c tests/sim/sim_piv.c tests/sim/sim_common.c
fast_run World "$@"
